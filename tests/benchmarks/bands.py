"""How light curves of Cepheids differ between bands: python -m tests.benchmarks.bands

`models/synthesis/bands.py` says what this prints. Series are fitted with the published periods, in each band by itself,
to the stars that are not held out.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import typer

from starsieve.features.tools.folder import read_light_curves, read_objects
from starsieve.models.data import cepheids, splits

Floats = npt.NDArray[np.float64]
Fit = tuple[Floats, float]  # complex amplitudes of the first three harmonics; scatter about the series, mag

PAIRS = (
    ("ogle3_cep V", "ogle3_cep I"),
    ("ogle4_cep V", "ogle4_cep I"),
    ("eros2_cep B", "ogle3_cep I"),
    ("eros2_cep B", "ogle4_cep I"),
    ("eros2_cep R", "ogle3_cep I"),
    ("eros2_cep R", "ogle4_cep I"),
)
ORDERS = {"CEPH_F": 7, "CEPH_1O": 4}  # of the series; fewer for few epochs
MIN_EPOCHS, EPOCHS_AN_ORDER, MAX_GAP = 30, 8, 0.2  # the last in periods
MIN_AMPLITUDE, MAX_SCATTER = 0.03, 0.3  # mag; of the first harmonic's range
MIN_HARMONIC = 0.1  # of the first: phases of weaker ones are noise
CLIP, TO_SIGMA, ROUNDS = 4.0, 1.4826, 4


def fit(mjd: Floats, mag: Floats, magerr: Floats, period: float, order: int) -> Fit | None:
    """The series of one light curve, or None where it is too poor to compare."""
    phase = np.sort(mjd / period % 1.0)
    if len(mjd) < MIN_EPOCHS or np.diff(phase, append=phase[0] + 1.0).max() > MAX_GAP:
        return None
    angle = 2.0 * np.pi * (mjd / period)[:, None] * np.arange(1, max(3, min(order, len(mjd) // EPOCHS_AN_ORDER)) + 1)
    design = np.column_stack([np.ones(len(mjd)), np.cos(angle), np.sin(angle)])
    weight, good = 1.0 / np.maximum(magerr, 0.005), np.ones(len(mjd), bool)
    for _ in range(ROUNDS):
        rows = design[good] * weight[good, None]
        coefficients = np.linalg.lstsq(rows, (mag * weight)[good], rcond=None)[0]
        residual = np.abs(mag - design @ coefficients)
        scatter = TO_SIGMA * float(np.median(residual[good]))
        good = residual < CLIP * max(scatter, float(np.median(magerr)))
    count = angle.shape[1]
    harmonics = coefficients[1 : count + 1] - 1j * coefficients[count + 1 :]
    strong = abs(harmonics[0]) > MIN_AMPLITUDE and scatter < 2.0 * MAX_SCATTER * abs(harmonics[0])
    return (harmonics[:3], scatter) if strong else None


def fits(data: Path) -> dict[tuple[str, str, str], Fit]:
    """Series of each light curve, by mode, survey and band, and star."""
    found = {}
    for name in cepheids.SETS:
        folder = data / "lightcurves" / name
        star, label = cepheids.stars(folder)
        period = read_objects(folder, ("period",)).numbers["period"]
        curves = read_light_curves(folder)
        for i, owner in enumerate(curves.owner.tolist()):
            if label[owner] not in ORDERS or splits.held_out(str(star[owner])) or not period[owner] > 0:
                continue
            rows = slice(curves.offsets[i], curves.offsets[i + 1])
            points = curves.mjd[rows], curves.mag[rows], curves.magerr[rows]
            one = fit(*points, float(period[owner]), ORDERS[str(label[owner])])
            if one is not None:
                found[str(label[owner]), f"{name} {curves.bands[curves.band[i]]}", str(star[owner])] = one
    return found


def compared(pairs: list[tuple[Floats, Floats]]) -> str:
    """Median and robust spread of the amplitude ratio, the harmonic ratios' ratios and the phase differences."""
    first, second = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    texts = [f"A {_middle(np.abs(first[:, 0]) / np.abs(second[:, 0]))}"]
    for k in (2, 3):
        strong = np.abs(second[:, k - 1]) > MIN_HARMONIC * np.abs(second[:, 0])
        if strong.sum() < MIN_EPOCHS:
            continue
        relative = [side[strong, k - 1] / side[strong, 0] ** k for side in (first, second)]
        ratios = [np.abs(side[strong, k - 1] / side[strong, 0]) for side in (first, second)]
        texts.append(f"R{k}1 {_middle(ratios[0] / ratios[1])} phi{k}1 {_middle(np.angle(relative[0] / relative[1]))}")
    return ", ".join(texts)


def _middle(values: Floats) -> str:
    middle = np.median(values)
    return f"{middle:.2f} +- {TO_SIGMA * np.median(np.abs(values - middle)):.2f}"


def main() -> None:
    """Prints a line for each mode and pair of bands."""
    found = fits(Path(os.environ.get("STARSIEVE_DATA", "../shared/data")))
    for mode in ORDERS:
        for first, second in PAIRS:
            stars = {star for kind, band, star in found if (kind, band) == (mode, first)}
            both = [star for star in sorted(stars) if (mode, second, star) in found]
            if len(both) >= MIN_EPOCHS:
                pairs = [(found[mode, first, star][0], found[mode, second, star][0]) for star in both]
                typer.echo(f"{mode}, {first} over {second}: {len(both)} stars, {compared(pairs)}")


if __name__ == "__main__":
    main()
