"""Table and picture of the transfer experiment: scores against the share of the labels."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

METHODS = {
    "ogle3": "ours, from our source",
    "upsilont": "ours, from the published network",
    "none": "ours, from scratch",
    "published": "published network, its authors' way",
    "published, last layer": "its authors' way, last layer only",
    "published, from scratch": "its authors' way, from scratch",
    "forest": "random forest, same inputs",
    "forest, 16": "random forest, the 16 features",
    "forest, light-curve": "random forest, light-curve's features and periodogram",
}

Scores = dict[tuple[str, str, float], list[dict[str, Any]]]


def write(folder: Path, results: Iterable[dict[str, Any]]) -> None:
    """Writes transfer.md and transfer.png from entries {survey, method, fraction, seed, macro_f1, mcc, labels}."""
    scores: Scores = defaultdict(list)
    for result in results:
        scores[result["survey"], result["method"], result["fraction"]].append(result)
    (folder / "transfer.md").write_text(_text(scores))
    _draw(folder / "transfer.png", scores)


def _text(scores: Scores) -> str:
    surveys = sorted({survey for survey, _, _ in scores})
    return "\n".join(_table(survey, scores) for survey in surveys)


def _table(survey: str, scores: Scores) -> str:
    fractions = sorted({fraction for name, _, fraction in scores if name == survey})
    lines = [f"### {survey}", "", "| macro-F1 / MCC | " + " | ".join(f"{100 * f:.0f} %" for f in fractions) + " |"]
    lines.append("|---" * (len(fractions) + 1) + "|")
    for method, title in METHODS.items():
        cells = [_cell(scores.get((survey, method, fraction), [])) for fraction in fractions]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _cell(runs: list[dict[str, Any]]) -> str:
    if not runs:
        return ""
    f1, mcc = ([run[key] for run in runs] for key in ("macro_f1", "mcc"))
    return f"{np.mean(f1):.3f} ± {np.std(f1):.3f} / {np.mean(mcc):.3f}"


def _draw(path: Path, scores: Scores) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (an extra)
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import NullFormatter  # noqa: PLC0415

    surveys = sorted({survey for survey, _, _ in scores})
    figure = Figure(figsize=(4 * len(surveys), 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, survey in zip(figure.subplots(1, len(surveys), squeeze=False)[0], surveys, strict=True):
        for method, title in METHODS.items():
            found = sorted((f, runs) for (name, m, f), runs in scores.items() if (name, m) == (survey, method))
            labels = [np.mean([run["labels"] for run in runs]) for _, runs in found]
            middle = np.array([np.mean([run["macro_f1"] for run in runs]) for _, runs in found])
            spread = np.array([np.std([run["macro_f1"] for run in runs]) for _, runs in found])
            axes.plot(labels, middle, "o-" if method == "ogle3" else ".--", label=title)
            axes.fill_between(labels, middle - spread, middle + spread, alpha=0.15)
        axes.set(xscale="log", xlabel="labels", ylabel="macro-F1", title=survey)
        axes.xaxis.set_minor_formatter(NullFormatter())
    figure.axes[0].legend(fontsize="x-small")
    figure.savefig(path, dpi=80, metadata={"Software": None})
