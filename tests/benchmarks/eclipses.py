"""Synthetic eclipsing binaries beside real ones, folded: python -m tests.benchmarks.eclipses docs/eclipses.png"""

import os
import sys
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from starsieve.features.shape.columns import PROFILE
from starsieve.features.shape.profile import FROM_SEARCH, profile_given_period
from starsieve.features.tools.folder import Objects, read_light_curves, read_objects
from starsieve.features.tools.lightcurves import LightCurves
from starsieve.models.synthesis.epochs import Epochs
from starsieve.models.synthesis.signals.eclipses import eclipsing
from starsieve.models.synthesis.signals.folded import Folded

Floats = npt.NDArray[np.float64]

# What the source learns as a class of binaries, and the survey and class of the real stars that it should look like.
PAIRS = (
    ("EB_EC", "asas", "EC"),
    ("EB_EC", "catalina", "EW"),
    ("EB_ESD", "asas", "ESD"),
    ("EB_ED", "asas", "ED"),
    ("EB_ED", "catalina", "EA"),
)
STARS, MIN_EPOCHS = 400, 100  # of each kind
MIN_RANGE = 8.0  # of the middle 96 % of the magnitudes, in units of the median error: shapes that can be seen
BINS = 40  # of a cycle
NUMBERS = ("fitted_range", "second_depth", "median_level", "faint_share", "odd_share", "eclipse_share")
SEED = 1


class Folds:
    """Folded and normalised curves (stars, BINS), minimum at 0, and the profiles (stars, 20) of some binaries."""

    def __init__(self) -> None:
        self.curves: list[Floats] = []
        self.profiles: list[Floats] = []

    def add(self, mjd: Floats, mag: Floats, magerr: Floats, period: float) -> None:
        """Takes in one light curve, if its shape can be seen."""
        if np.ptp(np.percentile(mag, [2, 98])) < MIN_RANGE * np.median(magerr):
            return
        which = (mjd / period % 1 * BINS).astype(int)
        curve = np.array([np.median(mag[which == one]) if (which == one).any() else np.nan for one in range(BINS)])
        curve = np.roll(curve, -int(np.nanargmax(curve)))
        bright = np.nanpercentile(curve, 5)
        profile = np.empty(len(PROFILE) - FROM_SEARCH)
        profile_given_period(mjd - mjd[0], mag, magerr, 1 / period, profile)
        self.curves.append((curve - bright) / (curve[0] - bright))
        self.profiles.append(profile)

    def numbers(self, name: str) -> Floats:
        """One number of the profile, of all stars."""
        return np.array(self.profiles)[:, PROFILE.index(name) - FROM_SEARCH]


@cache
def _read(folder: Path) -> tuple[LightCurves, Objects]:
    return read_light_curves(folder), read_objects(folder, ("period",))


def compare(folder: Path, real: str, made: str) -> tuple[Folds, Folds]:
    """Real stars of a class, and synthetic ones at the epochs and with the errors of the same stars."""
    curves, published = _read(folder)
    rng = np.random.default_rng(SEED)
    of_class = np.flatnonzero(published.label[curves.owner] == real)
    long = [i for i in of_class if curves.offsets[i + 1] - curves.offsets[i] >= MIN_EPOCHS]
    found, synthetic = Folds(), Folds()
    stars = eclipsing(rng, made, STARS)
    for number, i in enumerate(rng.choice(long, min(STARS, len(long)), replace=False)):
        part = slice(curves.offsets[i], curves.offsets[i + 1])
        mjd, mag, magerr = curves.mjd[part], curves.mag[part], curves.magerr[part]
        found.add(mjd, mag, magerr, published.numbers["period"][curves.owner[i]])
        one = Folded(stars.period[[number]], stars.shape[[number]], stars.start[[number]])
        drawn = one.mag(Epochs(mjd, np.array([0, mjd.size]))) + magerr * rng.normal(size=mjd.size)
        synthetic.add(mjd, drawn, magerr, stars.period[number])
    return found, synthetic


def main(picture: Path) -> None:
    """Prints 16, 50 and 84 % of some numbers of the profile, and draws the folded curves."""
    data = Path(os.environ.get("STARSIEVE_DATA", "../shared/data")) / "lightcurves"
    figure = Figure(figsize=(3.2 * len(PAIRS), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    table = Table("16 / 50 / 84 %", *NUMBERS, title="real and synthetic eclipsing binaries")
    phase = np.arange(BINS) / BINS
    for axes, (made, survey, real) in zip(figure.subplots(1, len(PAIRS), sharey=True), PAIRS, strict=True):
        pair = compare(data / survey, real, made)
        for folds, name, colour in zip(pair, (f"{survey} {real}", f"synthetic {made}"), ("C0", "C1"), strict=True):
            quantiles = {number: np.percentile(folds.numbers(number), [16, 50, 84]) for number in NUMBERS}
            table.add_row(
                f"{name} ({len(folds.curves)})", *(" ".join(f"{x:.2f}" for x in quantiles[n]) for n in NUMBERS)
            )
            low, middle, high = np.nanpercentile(np.array(folds.curves), [16, 50, 84], axis=0)
            axes.plot(phase, middle, colour, label=name)
            axes.fill_between(phase, low, high, color=colour, alpha=0.2)
        axes.set(xlabel="phase from the minimum", ylim=(1.05, -0.15))
        axes.legend(fontsize="x-small", loc="lower center")
    figure.axes[0].set_ylabel("depth, of the deepest")
    figure.savefig(picture, dpi=80, metadata={"Software": None})
    Console(width=160).print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
