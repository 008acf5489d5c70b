"""The picture of `starsieve object --plot`: light curve, folded, periodogram, probabilities over time."""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.epochs import BANDS, DIFFERENCE, FORCED, Epochs, of_band
from starsieve.broker.process import Outcome
from starsieve.broker.tools.one_object import Found, date, outcome_in_words, period_of
from starsieve.features import Period
from starsieve.features.periods.grid import BLOCK, SHORTEST_PERIOD, grid_of
from starsieve.models.serving.classifier import Classifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

COLOURS = dict(zip(BANDS, ("tab:purple", "tab:green", "tab:red", "tab:brown", "tab:gray", "k"), strict=True))
SHOWN_CLASSES = 7
AT_ONCE = 64  # blocks of a periodogram
POINTS = 4000  # of a periodogram: the highest power in each piece of so many
_RHYTHMS = {"day": 1.0, "month": 29.530589, "year": 365.25}  # days; the names of features.aliases


def draw(
    path: Path,
    found: Found,
    outcome: Outcome,
    classifier: Classifier,
    times: Floats,
    probabilities: Floats,
) -> None:
    """Writes the picture; `times` (k,) and `probabilities` (k, classes) are those of `one_object.history`."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra; not pyplot, which looks for a screen

    figure = Figure(figsize=(12, 8.5), layout="constrained")
    period = period_of(outcome)
    light_curve, folded, periodogram, classes = figure.subplots(2, 2).flat
    _light_curve(light_curve, found.epochs)
    _folded(folded, found.epochs, period)
    _periodogram(periodogram, found.epochs, period)
    _probabilities(classes, times, probabilities, classifier, (found.epochs["mjd"].min(), found.epochs["mjd"].max()))
    figure.suptitle(f"{found.object_id} ({found.survey})     {outcome_in_words(outcome, classifier)}", fontsize=12)
    figure.savefig(path, dpi=120)


def _light_curve(axes: "Axes", epochs: Epochs) -> None:
    mjd = epochs["mjd"]
    for band in BANDS:
        _points(axes, of_band(epochs, band), lambda rows: rows["mjd"], band, labelled=True)
    days = f"{date(mjd.min())} to {date(mjd.max())}"
    axes.set(xlabel=f"MJD (barycentric, TDB), {days}", ylabel="magnitude (AB)")
    axes.invert_yaxis()
    for kind, marker, name in ((FORCED, "o", "forced"), (DIFFERENCE, "x", "difference")):
        if (epochs["flags"] & kind > 0).any():
            axes.plot([], [], marker, fillstyle="none", ms=4, color="0.4", label=name)
    _title(axes, "light curve")
    _legend(axes)


def _folded(axes: "Axes", epochs: Epochs, period: Period | None) -> None:
    axes.set(xlabel="phase, two cycles", ylabel="magnitude, less the median of the band")
    _title(axes, "folded" if period is None else f"folded by {period.period:.6g} d")
    if period is None:
        _say(axes, "no period")
        return
    total = epochs[epochs["flags"] & DIFFERENCE == 0]
    zero = total["mjd"].min()
    for band in BANDS:
        rows = of_band(total, band).copy()
        if rows.size:
            rows["mag"] -= np.median(rows["mag"])
        for cycle in (0, 1):
            _points(axes, rows, lambda each, c=cycle: (each["mjd"] - zero) / period.period % 1 + c, band)
    axes.set_xlim(0, 2)
    axes.invert_yaxis()


def _points(axes: "Axes", rows: Epochs, where: Any, band: str, *, labelled: bool = False) -> None:
    """Three kinds of epochs: filled, forced ones hollow, difference magnitudes as crosses."""
    difference, forced = rows["flags"] & DIFFERENCE > 0, rows["flags"] & FORCED > 0
    kinds = ((~difference & ~forced, "o", "full"), (~difference & forced, "o", "none"), (difference, "x", "full"))
    label = f"{band} ({rows.size})" if labelled else None
    for chosen, marker, fill in kinds:
        if chosen.any():
            kept = rows[chosen]
            axes.errorbar(
                where(kept), kept["mag"], kept["magerr"].astype(np.float64), fmt=marker, fillstyle=fill, ms=4,
                lw=0.8, color=COLOURS[band], label=label,
            )  # fmt: skip
            label = None  # once a band


def _periodogram(axes: "Axes", epochs: Epochs, period: Period | None) -> None:
    axes.set(xlabel="period (d)", ylabel="share of chi2 explained by a sine")
    _title(axes, "periodogram of all bands together")
    curves = usable(epochs)
    if period is None or not curves:
        _say(axes, "no period")
        return
    frequency, power = periodogram(curves)
    pieces = np.unique(np.linspace(0, frequency.size, POINTS + 1).astype(int))
    highest = [first + int(power[first:end].argmax()) for first, end in pairwise(pieces.tolist())]
    low = np.flatnonzero(frequency < frequency[-1] / 100)  # long periods have few frequencies: all of them
    shown = np.union1d(highest, low)
    axes.plot(1 / frequency[shown], power[shown], lw=0.6, color="0.3")
    axes.axvline(period.period, color="tab:blue", lw=4, alpha=0.4, label=f"period {period.period:.6g} d", zorder=0)
    if abs(period.peak_period / period.period - 1) > 0.01:  # noqa: PLR2004 - two lines that can be told apart
        axes.axvline(period.peak_period, color="tab:orange", lw=4, alpha=0.4, zorder=0,
                     label=f"highest peak {period.peak_period:.6g} d")  # fmt: skip
    for number, name in enumerate(period.aliases):
        for sign in (-1, 1):
            other = abs(period.frequency + sign / _RHYTHMS[name])
            if 1 / frequency[-1] < 1 / other < 1 / frequency[0]:
                axes.axvline(1 / other, color="tab:red", ls=(0, (2, 2 + 2 * number)), lw=0.8, zorder=0,
                             label=f"alias by a {name}" if sign < 0 else None)  # fmt: skip
    axes.set(xscale="log", ylim=(0, 1.02 * max(power.max(), 0.1)), xlim=(SHORTEST_PERIOD, 1.1 / frequency[0]))
    _legend(axes)


def usable(epochs: Epochs) -> list[tuple[Floats, Floats, Floats]]:
    """mjd, mag, magerr of each band's total magnitudes, of bands with enough to fit a sine."""
    total = epochs[(epochs["flags"] & DIFFERENCE == 0) & (epochs["magerr"] > 0)]
    curves = [of_band(total, band) for band in BANDS]
    names = ("mjd", "mag", "magerr")
    return [tuple(rows[name].astype(np.float64) for name in names) for rows in curves if rows.size > len(names)]  # type: ignore[misc]


def periodogram(curves: list[tuple[Floats, Floats, Floats]]) -> tuple[Floats, Floats]:
    """Frequencies (1/d) and generalised Lomb-Scargle power of the bands together, on the grid of the period search.

    Each band has its own mean and sine, and their chi2 are added (Zechmeister & Kuerster 2009 for one band).
    """
    zero = float(min(mjd.min() for mjd, _, _ in curves))
    step, blocks = grid_of(float(max(mjd.max() for mjd, _, _ in curves)) - zero)
    explained, total = np.zeros(blocks * BLOCK), 0.0
    for mjd, mag, magerr in curves:
        weight = magerr**-2.0
        signal = mag - np.average(mag, weights=weight)
        total += float((weight * signal**2).sum())
        explained += _explained(mjd - zero, signal, weight, step, blocks)
    return np.asarray(step * np.arange(1, explained.size + 1), np.float64), explained / max(total, 1e-300)


def _explained(time: Floats, signal: Floats, weight: Floats, step: float, blocks: int) -> Floats:
    """chi2 that a sine explains at each frequency; `signal` has a weighted mean of zero."""
    w, ws = (_sums(values, time, step, blocks) for values in (weight, weight * signal))
    w2 = _sums(weight, 2 * time, step, blocks)
    n = weight.sum()
    cc, ss = (n + w2.real) / 2 - w.real**2 / n, (n - w2.real) / 2 - w.imag**2 / n
    cs = w2.imag / 2 - w.real * w.imag / n
    determinant = cc * ss - cs**2
    found = ss * ws.real**2 + cc * ws.imag**2 - 2 * cs * ws.real * ws.imag
    good = determinant > 1e-9 * n**2  # else the epochs do not determine a sine
    return np.where(good, found / np.where(good, determinant, 1.0), 0.0)


def _sums(values: Floats, time: Floats, step: float, blocks: int) -> NDArray[np.complex128]:
    """Sums over epochs of values exp(2 pi i f t): products of the blocks' first phases with those within a block."""
    within = np.exp(2j * np.pi * step * np.outer(time, np.arange(1, BLOCK + 1)))
    sums = np.empty((blocks, BLOCK), np.complex128)
    for begin in range(0, blocks, AT_ONCE):
        first = np.arange(begin, min(begin + AT_ONCE, blocks))
        sums[first] = (values * np.exp(2j * np.pi * step * BLOCK * np.outer(first, time))) @ within
    return sums.ravel()


def _probabilities(
    axes: "Axes", times: Floats, probabilities: Floats, classifier: Classifier, span: tuple[float, float]
) -> None:
    margin = 0.02 * max(span[1] - span[0], 1.0)
    axes.set(xlabel="as of MJD", ylabel="probability", ylim=(0, 1.02), xlim=(span[0] - margin, span[1] + margin))
    _title(axes, f"recomputed by {classifier.name} {classifier.version}")
    if np.isnan(probabilities).all():
        _say(axes, "never classified")
        return
    first = times[np.isfinite(probabilities).all(axis=1)][0]
    if first > times[0]:
        axes.axvspan(span[0] - margin, first, color="0.95", zorder=0)
        axes.text((span[0] + first) / 2, 0.5, "not classified yet", ha="center", va="center", rotation=90, color="0.5")
    order = np.argsort(-np.nanmax(probabilities, axis=0))
    for number, index in enumerate(order[:SHOWN_CLASSES].tolist()):
        axes.plot(times, probabilities[:, index], "o-", ms=3, lw=1.2, color=f"C{number}",
                  label=classifier.classes[index])  # fmt: skip
    rest = probabilities[:, order[SHOWN_CLASSES:]]
    if rest.size:
        axes.plot(times, rest.sum(axis=1), "-", lw=1, color="0.7", label=f"{rest.shape[1]} others")
    _legend(axes)


def _title(axes: "Axes", text: str) -> None:
    axes.set_title(text, loc="left", fontsize=10, pad=24)


def _legend(axes: "Axes") -> None:
    """Between title and panel, where it hides nothing."""
    legend = axes.legend(
        fontsize=8, ncols=8, frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), columnspacing=1.0,
        handlelength=1.2, handletextpad=0.4, borderaxespad=0.2,
    )  # fmt: skip
    legend.set_in_layout(False)  # a long one would squeeze the panels


def _say(axes: "Axes", text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color="0.5")
    axes.set(xticks=[], yticks=[])
