"""How often periods are right on Rubin's cadence, beside astropy's multi-band periodogram and a search that knows.

`python -m tests.benchmarks.rubin_periods [--stars 200] [--peer 30]`: stars of Catalina, ASAS and OGLE-III with known
periods, seen again in ugrizy at a wide-fast-deep cadence after 3, 12 and 36 months, and at the visits of Data Preview 1
to its deepest field as they are; totals as the stream makes them. Shares are exact / within a factor of two. A search
that knows has the published period to compare: it is right where that one explains the epochs at least as well as the
one found, by the criterion of Schwarz (1978). As one band: our search of all epochs less the median of their band.
"""

import argparse
import itertools
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from astropy.timeseries import LombScargleMultiband
from numpy.typing import NDArray
from rich.console import Console

from starsieve.features.tools.bench_periods import outcome
from starsieve.features.tools.folder import read_objects
from starsieve.features.tools.lightcurves import LightCurves, assemble, concatenate
from starsieve.models import synthesis
from starsieve.models.data import splits, tables
from starsieve.models.synthesis import seen_again
from starsieve.models.synthesis.epochs import Alerts, Epochs, Exposures
from starsieve.models.synthesis.lsst.alerts import RUBIN, draw_exposures, reference_flux, select
from starsieve.models.synthesis.lsst.training_set import MIN_EPOCHS
from starsieve.models.synthesis.objects import Drawn

Floats = NDArray[np.float64]

CLASSES = ("RRAB", "RRC", "CEP", "DSCT", "EW", "EA")
CADENCES = ("25 nights of DP1", "3 months", "12 months", "36 months")
DEEPEST = (53.1, -28.1, 1.5)  # degrees: the field of DP1 with most visits, and its radius
ORDERS, POINTS = (1, 2, 4, 8), 2  # harmonics of the fits that judge between two periods; epochs for each coefficient
SEED = 7
MEAN = 20.0  # mag: of no consequence
COLUMNS = (
    "cadence",
    "class",
    "stars",
    "epochs",
    "ours",
    "as one band",
    "one that knows",
    "asked both",
    "ours",
    "astropy",
)


def dp1_exposures(path: Path, _rng: np.random.Generator, n: int) -> Exposures:
    """The visits of DP1 to its deepest field, as they are, for n objects."""
    found = pq.read_table(path).to_pydict()
    visits: dict[float, list[tuple[str, float]]] = {}
    for mjd, ra, dec, band, limit in zip(
        *(found[name] for name in ("expMidptMJD", "ra", "dec", "band", "magLim")), strict=True
    ):
        if np.hypot((ra - DEEPEST[0]) * np.cos(np.radians(dec)), dec - DEEPEST[1]) < DEEPEST[2]:
            visits.setdefault(round(mjd, 5), []).append((band, limit))
    mjd = np.array(sorted(visits))
    band = np.array([RUBIN.bands.index(visits[each][0][0]) for each in mjd.tolist()])
    limit = np.array([np.median([depth for _, depth in visits[each]]) for each in mjd.tolist()])
    epochs = Epochs(np.tile(mjd, n), np.arange(n + 1) * len(mjd))
    return Exposures(RUBIN, epochs, np.tile(band, n), np.tile(10.0 ** (-0.4 * limit), n))


def seen(data: Path, stars: int, expose: Callable[[np.random.Generator, int], Exposures]) -> LightCurves:
    """So many objects of each class, as of their last alert."""

    def alert(rng: np.random.Generator, _label: str, drawn: Drawn, exposures: Exposures) -> Alerts:
        return select(rng, exposures, drawn.flux, reference_flux(rng, exposures, drawn.flux))

    catalogue = synthesis.read_catalogue(data / "catalogs")
    names = [*catalogue.object_id.tolist()]
    for survey in ("catalina", "asas"):
        names += read_objects(data / "lightcurves" / survey).object_id.tolist()
    view = seen_again.View(expose, alert, MIN_EPOCHS, None, 3)
    parts = []
    for label, chunks in seen_again.seen_again(data, stars, SEED, names, view):
        if label in CLASSES:
            parts += list(chunks)
    return concatenate(parts)


def as_one_band(curves: LightCurves) -> LightCurves:
    """The same objects, less the median of each band: of few epochs, all bands together tell the shape."""
    medians = [np.median(curves.mag[a:b]) if b > a else 0.0 for a, b in itertools.pairwise(curves.offsets.tolist())]
    owner = np.repeat(curves.owner, curves.epochs)
    return assemble(
        curves.object_id,
        curves.label,
        owner,
        band=np.zeros_like(owner),
        bands=np.array(["all"]),
        mjd=curves.mjd,
        mag=MEAN + curves.mag - np.repeat(medians, curves.epochs),
        magerr=curves.magerr,
    )


def published(data: Path) -> dict[str, float]:
    """Periods (days) by the name of the star."""
    catalogue = synthesis.read_catalogue(data / "catalogs")
    found = dict(zip(catalogue.object_id.tolist(), catalogue.period[:, 0].tolist(), strict=True))
    for survey in ("catalina", "asas"):
        objects = read_objects(data / "lightcurves" / survey, ("period",))
        found |= dict(zip(objects.object_id.tolist(), objects.numbers["period"].tolist(), strict=True))
    return found


def criterion(mjd: Floats, mag: Floats, magerr: Floats, band: NDArray[np.int64], period: float) -> float:
    """Bayesian information criterion of the best of some series near a period, a quarter of a cycle either way.

    A series has a mean of each band and one of ORDERS, as far as there are POINTS for each of its numbers: half of the
    period of eclipses needs half of the harmonics, and must not win by that.
    """
    baseline, n, best = np.ptp(mjd), len(mjd), np.inf
    offsets = (band[:, None] == np.unique(band)).astype(float)
    orders = [order for order in ORDERS if POINTS * (offsets.shape[1] + 2 * order) < n] or [ORDERS[0]]
    for shift in np.linspace(-0.25, 0.25, 21):
        phase = 2 * np.pi * (mjd - mjd[0]) * (1 / period + shift / baseline)
        waves = [wave(k * phase) for k in range(1, orders[-1] + 1) for wave in (np.cos, np.sin)]
        design = np.column_stack([offsets, *waves]) / magerr[:, None]
        for order in orders:
            rows = design[:, : offsets.shape[1] + 2 * order]
            fit, *_ = np.linalg.lstsq(rows, mag / magerr, rcond=None)
            chi2 = float(np.sum((rows @ fit - mag / magerr) ** 2))
            best = min(best, n * np.log(chi2 / n) + 2 * order * np.log(n))
    return best


def peer(mjd: Floats, mag: Floats, magerr: Floats, band: NDArray[np.int64]) -> float:
    """astropy's LombScargleMultiband (VanderPlas & Ivezic 2015), its highest peak between 0.03 d and the baseline."""
    baseline = np.ptp(mjd)
    model = LombScargleMultiband(mjd, mag, band, magerr, nterms_base=1, nterms_band=1)
    frequency = np.arange(1 / baseline, 1 / 0.03, 1 / (5 * baseline))
    return float(1 / frequency[np.argmax(model.power(frequency, method="fast", sb_method="fast"))])


def main() -> None:
    """Prints the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stars", type=int, default=200, help="of each class and cadence")
    parser.add_argument("--peer", type=int, default=30, help="how many of them the peer is asked about")
    parser.add_argument("--cadence", choices=CADENCES, action="append", help="of these alone")
    told = parser.parse_args()
    console = Console(width=200)
    data = Path(os.environ.get("STARSIEVE_DATA", "../shared/data"))
    truth = published(data)
    list_of_visits = data / "cadence" / "dp1_ccdvisit_subsampled.parquet"
    ways: list[Callable[[np.random.Generator, int], Exposures]] = [partial(dp1_exposures, list_of_visits)]
    ways += [partial(draw_exposures, years=months / 12) for months in (3, 12, 36)]
    console.print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    np.seterr(divide="ignore", invalid="ignore")  # the peer's
    for name, way in zip(CADENCES, ways, strict=True):
        if told.cadence and name not in told.cadence:
            continue
        curves = seen(data, told.stars, way)
        _, periods = tables.extract_with_periods(curves, threads=2, min_epochs=MIN_EPOCHS)
        _, together = tables.extract_with_periods(as_one_band(curves), threads=2)
        for label in CLASSES:
            cells = _row(curves, periods.days, together.days, label, truth, told.peer)
            console.print(f"| {' | '.join([name, label, *cells])} |")


def _row(
    curves: LightCurves, found: Floats, together: Floats, label: str, truth: dict[str, float], n_peer: int
) -> list[str]:
    outcomes, merged, known, asked, epochs = [], [], [], [], []
    for number, i in enumerate(np.flatnonzero(curves.label == label).tolist()):
        a, b = curves.objects[i : i + 2]
        points = slice(int(curves.offsets[a]), int(curves.offsets[b]))
        mjd, mag, magerr = curves.mjd[points], curves.mag[points], curves.magerr[points]
        band = np.repeat(curves.band[a:b], curves.epochs[a:b])
        period, baseline = truth[splits.star(str(curves.object_id[i]))], float(np.ptp(mjd))
        epochs.append(len(mjd))
        outcomes.append(outcome(float(found[i]), period, baseline))
        merged.append(outcome(float(together[i]), period, baseline))
        # A search that finds nothing is no proof that there was nothing.
        wrong = np.isfinite(found[i]) and outcomes[-1] != "exact"
        known.append(not wrong or _fits_better(mjd, mag, magerr, band, period, float(found[i])))
        if number < n_peer:
            asked.append(outcome(peer(mjd, mag, magerr, band), period, baseline))
    if not outcomes:
        return ["0", *["-"] * (len(COLUMNS) - 3)]
    same = _shares(outcomes[: len(asked)])
    of_peer = _shares(asked) if asked else "-"
    knowing = f"{np.mean(known):.0%}"
    numbers = [str(len(outcomes)), f"{np.median(epochs):.0f}", _shares(outcomes), _shares(merged), knowing]
    return [*numbers, str(len(asked)), same, of_peer]


def _shares(outcomes: list[str]) -> str:
    """Exact, and within a factor of two."""
    exact = np.mean([each == "exact" for each in outcomes])
    within = np.mean([each in {"exact", "half", "double"} for each in outcomes])
    return f"{exact:.0%} / {within:.0%}"


def _fits_better(
    mjd: Floats, mag: Floats, magerr: Floats, band: NDArray[np.int64], period: float, found: float
) -> bool:
    """Whether the true period explains the epochs better than the one that was found."""
    return criterion(mjd, mag, magerr, band, period) <= criterion(mjd, mag, magerr, band, found)


if __name__ == "__main__":
    main()
