"""The picture of `starsieve drift --plot`: the worst inputs, bin by bin, beside the reference."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from starsieve.broker.drift import HOURS
from starsieve.broker.tools.drifts import LINE, Drifts, Row
from starsieve.models.serving.drift import CLASS, MIN_OBJECTS, Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN, COLUMNS = 9, 3
WIDTH = 0.4  # of a bar


def draw(path: Path, found: Drifts) -> None:
    """Writes the picture of the worst, as many as fit."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra; not pyplot, which looks for a screen

    figure = Figure(figsize=(13, 10), layout="constrained")
    for axes, row in zip(figure.subplots(-(-SHOWN // COLUMNS), COLUMNS).flat, found.rows[:SHOWN], strict=True):
        _panel(axes, row, found.reference)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    network = f"{found.classifier.name} {found.classifier.version}"
    few = f" (too few: {MIN_OBJECTS} are needed)" if found.objects < MIN_OBJECTS else ""
    worst = f"{SHOWN} of its distributions" if few else f"the {SHOWN} worst distributions"
    figure.suptitle(f"{network}: {found.objects} objects of the last {HOURS} hours{few}, {worst}")
    figure.savefig(path, dpi=110)


def _panel(axes: "Axes", row: Row, reference: Reference) -> None:
    each, total = row.distribution, max(int(row.counts.sum()), 1)
    places = np.arange(len(each.shares))
    over = row.index is not None and row.index > LINE
    axes.bar(places - WIDTH / 2, 100 * each.shares, WIDTH, color="0.7", label=reference.of)
    axes.bar(places + WIDTH / 2, 100 * row.counts / total, WIDTH, color="tab:blue", label=f"the last {HOURS} hours")
    style: dict[str, Any] = {"rotation": 60, "fontsize": 7, "ha": "right", "rotation_mode": "anchor"}
    if each.name == CLASS:
        axes.set_xticks(places, reference.classes, **style)
    else:  # the edges stand between their bins
        axes.set_xticks(places[1:] - 0.5, [f"{edge:.3g}" for edge in each.edges.tolist()], **style)
    index = "too few objects" if row.index is None else f"{row.index:.2f}"
    axes.set_title(f"{each.name} ({each.band}): {index}", loc="left", fontsize=10, color="tab:red" if over else "k")
    axes.set_ylabel("% of answers", fontsize=8)
