"""What real constant stars of Rubin's scatter, as sent and as starsieve adds them up: python -m tests.benchmarks.rubin

Draws docs/rubin-light-curves.png. Scatter is 1.4826 times the median absolute deviation, per cent of the median flux.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from starsieve.broker.avro.reader import records
from starsieve.broker.epochs import BANDS, DIFFERENCE, FORCED, Epochs, of_band
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.lsst_rows import BAND, FLOOR_MAG, ZERO_POINT, light_curve
from starsieve.broker.surveys.lsst_rows import FORCED as IS_FORCED
from starsieve.broker.surveys.lsst_rows import _lost as lost_flux
from starsieve.broker.surveys.packets import decode
from tests.broker.surveys.test_lsst_rows import REAL, VARIABLE

LEAST = 8  # epochs of a band in the table
DISTANCES = (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1.0)  # in the logarithm of the flux lost
COLOURS = dict(zip(BANDS, ("tab:purple", "tab:green", "tab:red", "tab:brown", "tab:gray", "k"), strict=True))
REPEATS = 20

Floats = np.ndarray[Any, np.dtype[np.float64]]


def main() -> None:
    """Prints the tables, and draws."""
    console = Console(width=110)
    packet = (Path(os.environ.get("STARSIEVE_DATA", "../shared/data")) / REAL).read_bytes()
    alerts = {each.object_id: each for each in decode(packet, "lsst") if isinstance(each, Alert) and not each.reason}
    sent = {str(each["diaSource"]["diaObjectId"]): each for each in records(packet)}
    curves = {object_id: light_curve(alert.epochs) for object_id, alert in alerts.items()}
    console.print(scatters(alerts, sent, curves))
    console.print(distances([alert.epochs for name, alert in alerts.items() if name != VARIABLE]))
    rows = sum(alert.epochs.size for alert in alerts.values()) / len(alerts)
    decoding = milliseconds(lambda: decode(packet, "lsst")) / len(alerts)  # two more are of the solar system
    adding = milliseconds(lambda: [light_curve(alert.epochs) for alert in alerts.values()]) / len(alerts)
    console.print(f"CPU time of {rows:.0f} rows: {decoding:.2f} ms to decode them, {adding:.2f} ms to add them up")
    draw(Path("docs/rubin-light-curves.png"), sent, curves)


def milliseconds(call: Callable[[], object]) -> float:
    """The CPU time of one call."""
    start = time.process_time()
    for _ in range(REPEATS):
        call()
    return 1e3 * (time.process_time() - start) / REPEATS


def science_fluxes(record: Any, table: str, band: str) -> tuple[Floats, Floats]:
    """Times and `scienceFlux` of one band as they were sent."""
    rows = [row for row in record[table] if row["band"] == band and row["scienceFlux"] is not None]
    found = np.array([(row["midpointMjdTai"], row["scienceFlux"]) for row in rows]).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def scatter(flux: Floats) -> float:
    """Robust, per cent of the median."""
    if flux.size < LEAST:
        return float("nan")
    return float(148.26 * np.median(np.abs(flux - np.median(flux))) / np.median(flux))


def totals(epochs: Epochs, band: str) -> Epochs:
    """The epochs of a band that have a total magnitude."""
    rows = of_band(epochs, band)
    return rows[rows["flags"] & DIFFERENCE == 0]


def scatters(alerts: dict[str, Alert], sent: dict[str, Any], curves: dict[str, Epochs]) -> Table:
    """One line for each star and band."""
    names = ("star", "band", "epochs", "forced", "of all", "sent: dia", "sent: forced", "ours", "photons", "beyond")
    table = Table(*names, title=f"scatter, per cent ({VARIABLE} varies); the floor is {92.1 * FLOOR_MAG:.1f}")
    worst: list[tuple[float, float, float]] = []
    for object_id, epochs in curves.items():
        for band in BANDS:
            rows = totals(epochs, band)
            if rows.size < LEAST:
                continue
            raw = [scatter(science_fluxes(sent[object_id], name, band)[1]) for name in TABLES]
            flux = 10 ** (-0.4 * rows["mag"].astype(np.float64))
            magerr2 = rows["magerr"].astype(np.float64) ** 2 - FLOOR_MAG**2
            photons = 92.1 * float(np.sqrt(np.median(np.maximum(magerr2, 0))))
            beyond = float(np.sqrt(max(scatter(flux) ** 2 - photons**2, 0)))
            if object_id != VARIABLE:
                worst.append((raw[0], raw[1], scatter(flux)))
            numbers = (*raw, scatter(flux), photons, beyond)
            n_forced, n_all = np.count_nonzero(rows["flags"] & FORCED), of_band(epochs, band).size
            table.add_row(object_id, band, *map(str, (rows.size, n_forced, n_all)), *(f"{x:.2f}" for x in numbers))
    table.add_row("constant, worst", "", "", "", "", *(f"{x:.2f}" for x in np.nanmax(worst, axis=0)))
    return table


TABLES = ("prvDiaSources", "prvDiaForcedSources")


def distances(stars: Sequence[Epochs]) -> Table:
    """By how much single measurements of constant stars differ from the star, by the flux that they have lost."""
    found: dict[tuple[bool, int], list[tuple[float, float]]] = {}
    for rows in stars:
        band, is_forced = (rows["flags"] & BAND).astype(np.int64), rows["flags"] & IS_FORCED > 0
        lost = lost_flux(rows, band, is_forced, np.ones(rows.size, np.bool_))
        for number in range(len(BANDS)):
            good = (band == number) & ~is_forced & (lost < DISTANCES[3])
            if np.count_nonzero(good) < LEAST:
                continue
            reference = np.nanmedian(rows["template"][good] * np.exp(lost[good]))
            star = np.median(rows["flux"][good] * np.exp(lost[good])) + reference
            for row in np.flatnonzero((band == number) & (lost < DISTANCES[-1])):
                bin_of = int(np.searchsorted(DISTANCES, lost[row], side="right"))
                corrected, plain = (float(rows["flux"][row]) * gain + reference for gain in (np.exp(lost[row]), 1.0))
                off = 100 * (corrected / star - 1), 100 * (plain / star - 1)
                found.setdefault((bool(is_forced[row]), bin_of), []).append(off)
    names = ("", "flux lost (ln)", "rows", "off, corrected", "scatter", "off, as it is", "scatter")
    table = Table(*names, title="single measurements of constant stars, per cent of the star's flux")
    for (forced, bin_of), rows_of_bin in sorted(found.items()):
        offs = np.array(rows_of_bin)
        middle = np.median(offs, axis=0)
        spread = 1.4826 * np.median(np.abs(offs - middle), axis=0)
        numbers = (middle[0], spread[0], middle[1], spread[1])
        range_of = f"{DISTANCES[bin_of - 1]} to {DISTANCES[bin_of]}"
        table.add_row("forced" if forced else "dia", range_of, str(len(offs)), *(f"{x:.1f}" for x in numbers))
    return table


def draw(path: Path, sent: dict[str, Any], curves: dict[str, Epochs]) -> None:
    """Each star as sent and as ours, in magnitudes, a band beside the other."""
    figure = Figure(figsize=(13, 2.6 * len(curves)), layout="constrained")
    all_axes = figure.subplots(len(curves), 2, squeeze=False)
    for (object_id, epochs), (left, right) in zip(curves.items(), all_axes, strict=True):
        middles = []
        for band in BANDS:
            ours = totals(epochs, band)
            if ours.size < LEAST:
                continue
            for table, marker in zip(TABLES, (".", "x"), strict=True):
                mjd, flux = science_fluxes(sent[object_id], table, band)
                seen = flux > 0
                mag = ZERO_POINT - 2.5 * np.log10(flux[seen])
                left.plot(mjd[seen], mag, marker, color=COLOURS[band], ms=3, alpha=0.6)
            errors = ours["magerr"].astype(np.float64)
            style = {"fmt": ".", "ms": 3, "lw": 0.6, "color": COLOURS[band], "label": band}
            right.errorbar(ours["mjd"], ours["mag"], errors, **style)
            middles.append(float(np.median(ours["mag"])))
        for axes in (left, right):
            axes.set_ylim(max(middles) + 0.6, min(middles) - 0.4)
            axes.grid(alpha=0.2)
        right.set_xlim(left.get_xlim())
        varies = " (varies)" if object_id == VARIABLE else ""
        left.set_title(f"{object_id}{varies}: scienceFlux as sent, . diaSources, x forced", fontsize=9)
        right.set_title("total magnitudes of starsieve", fontsize=9)
        right.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
        left.set_ylabel("AB mag")
    for axes in all_axes[-1]:
        axes.set_xlabel("MJD")
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
