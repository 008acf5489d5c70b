"""`starsieve bench periods`: how often the period found is the published one, half, twice, an alias or another."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from starsieve.features.check import UnusableLightCurve
from starsieve.features.library import find_period
from starsieve.features.periods.period import Period
from starsieve.features.tools.commands import check_folder, need
from starsieve.features.tools.files import survey_of
from starsieve.features.tools.folder import opened
from starsieve.features.tools.lightcurves import LightCurves
from starsieve.features.tools.simulated import PERIODIC, light_curve

Floats = NDArray[np.float64]
Task = tuple[Floats, Floats, Floats, NDArray[np.str_] | None]  # mjd, mag, magerr and the band of every epoch
TOLERANCE = 0.01  # relative
SLIP = 0.2  # cycles over the whole light curve: a period that slips by less explains it as well
OUTCOMES = ("exact", "half", "double", "alias", "other", "unusable")
DAYS = (1.0, 1.0027379)  # sampling frequencies, solar and sidereal (1/d)
SIMULATED_STARS = 200  # per kind
SIMULATED_EPOCHS, SIMULATED_BASELINE = 200, 1000.0
SEED = 1
ALL = "all"


def outcome(found: float, published: float, baseline: float) -> str:
    """Which of OUTCOMES a period is, by the published one, of a light curve that long (days).

    Periods agree to TOLERANCE or SLIP, whichever is wider. An alias is off by one or two per day, also of the half.
    """
    if not np.isfinite(found):
        return "unusable"
    for name, factor in (("exact", 1.0), ("half", 0.5), ("double", 2.0)):
        period = factor * published
        if abs(found / period - 1) < TOLERANCE or abs(1 / found - 1 / period) * baseline < SLIP:
            return name
    for base in (1 / published, 2 / published):
        for day in DAYS:
            for shift in (-2 * day, -day, day, 2 * day):
                if abs(found * abs(base + shift) - 1) < TOLERANCE:
                    return "alias"
    return "other"


def _stars(curves: LightCurves) -> Iterator[Task]:
    """Every object's epochs, and the band of each epoch."""
    for a, b in pairwise(curves.objects.tolist()):
        epochs = slice(int(curves.offsets[a]), int(curves.offsets[b]))
        bands = np.repeat(curves.bands[curves.band[a:b]], curves.epochs[a:b])
        yield curves.mjd[epochs], curves.mag[epochs], curves.magerr[epochs], bands


def _periods(tasks: list[Task], label: str, console: Console) -> list[Period | None]:
    """Period found; None where the light curve is unusable."""

    def search(task: Task) -> Period | None:
        try:
            return find_period(*task)
        except UnusableLightCurve:
            return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(track(pool.map(search, tasks), label, total=len(tasks), console=console))


def _summary(labels: list[str], found: Floats, published: Floats, baselines: Floats) -> dict[str, Any]:
    names = np.array([outcome(*star) for star in zip(found, published, baselines, strict=True)])
    classes = np.array(labels)
    summary = {}
    for label in [*sorted(set(labels)), ALL]:
        chosen = names[classes == label] if label != ALL else names
        fractions = {name: float(np.mean(chosen == name)) for name in OUTCOMES}
        within = fractions["exact"] + fractions["half"] + fractions["double"]
        summary[label] = {"stars": int(chosen.size), **fractions, "within_factor_2": within}
    return summary


def _compare(
    labels: list[str],
    published: Floats,
    tasks: list[Task],
    name: str,
    console: Console,
    draw: Callable[[Floats], None] | None,
) -> dict[str, Any]:
    periods = _periods(tasks, name, console)
    found = np.array([period.period if period else np.nan for period in periods])
    peaks = np.array([period.peak_period if period else np.nan for period in periods])
    if draw is not None:
        draw(found)
    baselines = np.array([np.ptp(mjd) if mjd.size else 0.0 for mjd, *_ in tasks])
    return {
        "found": _summary(labels, found, published, baselines),
        "highest_peak": _summary(labels, peaks, published, baselines),
        "trust": _summary([period.trust if period else "" for period in periods], found, published, baselines),
    }


def _plot(path: Path, title: str, labels: list[str], published: Floats) -> Callable[[Floats], None]:
    def draw(found: Floats) -> None:
        from starsieve.features.tools.plots import plot_periods  # noqa: PLC0415 - matplotlib is an optional dependency

        plot_periods(path, title, labels, published, found)

    return draw


def compare_survey(
    path: Path, limit: int, max_epochs: int, plots: Path | None, console: Console
) -> dict[str, Any] | None:
    """As `compare_periods`, of one survey; None if nobody published a period."""
    folder = opened(path, numbers=("period",))
    objects, name = folder.objects, survey_of(path)
    stars = np.flatnonzero(np.isfinite(objects.numbers["period"]) & (objects.numbers["period"] > 0))
    if not stars.size:
        return None
    stars = stars[np.argsort(objects.object_id[stars])]  # the draw is not to depend on the order of the rows
    if 0 < limit < stars.size:
        stars = stars[np.sort(np.random.default_rng(SEED).choice(stars.size, limit, replace=False))]
    curves = folder.light_curves(stars)
    if max_epochs:
        curves = curves.first(max_epochs)
    labels, periods = curves.label.tolist(), objects.numbers["period"][stars]
    draw = None if plots is None else _plot(plots / f"periods-{name}.png", name, labels, periods)
    return _compare(labels, periods, list(_stars(curves)), name, console, draw)


def _compare_simulated(limit: int, console: Console) -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    each = min(limit, SIMULATED_STARS) if limit else SIMULATED_STARS
    labels = [kind for kind in PERIODIC for _ in range(each)]
    curves = [light_curve(kind, SIMULATED_EPOCHS, SIMULATED_BASELINE, rng) for kind in labels]
    published = np.array([curve.period for curve in curves])
    tasks: list[Task] = [(c.mjd, c.mag, c.magerr, None) for c in curves]
    return _compare(labels, published, tasks, "simulated", console, None)


def compare_periods(data: Path, limit: int, max_epochs: int, plots: Path | None, console: Console) -> dict[str, Any]:
    """Fractions of outcomes per survey and class, of the period found and of the highest peak, and by trust.

    `data` is one survey's light curves, a folder of folders with objects.parquet, or one that holds them in
    `lightcurves`. At most `limit` stars of each survey, the first `max_epochs` epochs of each band; 0: all. Raises
    UnreadableFolderError.
    """
    if plots is not None:
        need("matplotlib")
        check_folder(plots)
    roots = [data, *sorted(data.glob("*")), *sorted(data.glob("lightcurves/*"))]
    surveys = [folder for folder in roots if (folder / "objects.parquet").exists()] or [data]
    results = {}
    for survey in surveys:
        result = compare_survey(survey, limit, max_epochs, plots, console)
        if result is not None:
            results[survey_of(survey)] = result
    results["simulated"] = _compare_simulated(limit, console)
    return results


def period_tables(results: dict[str, Any]) -> Iterator[Table]:
    """Two tables per survey: per cent of each outcome by class, the highest peak's in brackets, and by trust."""
    for survey, result in results.items():
        table = Table("class", "stars", *OUTCOMES, "within 2x", title=f"{survey}: % of stars (highest peak)")
        for label, found in result["found"].items():
            peak = result["highest_peak"][label]
            cells = [f"{100 * found[k]:.1f} ({100 * peak[k]:.0f})" for k in (*OUTCOMES, "within_factor_2")]
            table.add_row(label, str(found["stars"]), *cells)
        yield table
        table = Table("trust", "stars", *OUTCOMES, "within 2x", title=f"{survey}: % of stars")
        for trust, found in result["trust"].items():
            table.add_row(
                trust, str(found["stars"]), *(f"{100 * found[k]:.1f}" for k in (*OUTCOMES, "within_factor_2"))
            )
        yield table
