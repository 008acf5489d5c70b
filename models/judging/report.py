"""A network card for readers: card.md beside card.json, with one picture of its plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from starsieve.models.judging import report_lsst, report_ztf
from starsieve.models.judging.evaluation import THRESHOLDS
from starsieve.models.serving import taxonomy
from starsieve.models.serving.card import Above, Bin, Card, Scores

PICTURE = "card.png"
FEW = 10  # objects behind a point of the plot, at least


def write(folder: Path, card: Card) -> None:
    """Writes card.md and card.png."""
    _draw(folder / PICTURE, card)
    write_text(folder, card)


def write_text(folder: Path, card: Card) -> None:
    """Writes card.md alone."""
    (folder / "card.md").write_text(_text(card))


def _text(card: Card) -> str:
    lines = [f"# {card.name}, version {card.version}", ""]
    objects: dict[str, int] = {}
    if card.training is not None:
        objects, training = card.training.objects, card.training
        lines += [f"Trained on {training.light_curves}; transferred from: {training.source}; seed {training.seed}."]
    if card.origin is not None:
        lines += ["", f"Origin of the data: {card.origin}"]
    if card.simulated is not None:
        lines += ["", f"What is simulated: {card.simulated}"]
    if card.scores is not None:
        lines += ["", *_headline(card), *_scores(card, card.scores, objects), ""]
    if card.honest is not None and card.honest.above:
        lines += [*_above(card.honest), ""]
    few, unfamiliar = card.dropped_classes, card.unfamiliar
    for title, found in (("Classes with too few objects", few), ("AUROC of Residual", unfamiliar)):
        if found:
            lines += [f"{title}: " + ", ".join(f"{name} {value}" for name, value in found.items()) + ".", ""]
    if card.repeated:
        lines += [f"Not used, since another object has the same light curve: {', '.join(card.repeated)}.", ""]
    for section in (*report_lsst.sections(card), *report_ztf.sections(card)):
        lines += [*section, ""]
    lines += [f"![confusion, reliability, epochs]({PICTURE})", "", f"sha256 of the network: `{card.sha256}`"]
    return "\n".join(lines) + "\n"


def _headline(card: Card) -> list[str]:
    """What is right in the stream, or of all labelled objects, before what is right of those of its classes."""
    if (in_stream := card.scores_in_stream) is not None:
        return [
            f"In the stream, on real photometry: accuracy {in_stream.accuracy:.2f}, macro-F1 {in_stream.macro_f1:.2f}, "
            f"MCC {in_stream.mcc:.2f} ({in_stream.of}; by class below). The scores that follow are of an easier kind.",
            "",
        ]
    if not (card.of_all and (card.dropped_classes or card.not_classified)):
        return []
    absent, unanswered = sum(card.dropped_classes.values()), sum(card.not_classified.values())
    return [
        f"Of all {card.of_all.n} labelled objects {card.of_all.right} are answered rightly ("
        f"{card.of_all.accuracy:.3f}): {absent} are of {len(card.dropped_classes)} classes that were left out, and "
        f"{unanswered} could not be classified.",
        "",
    ]


def _scores(card: Card, scores: Scores, objects: Mapping[str, int]) -> list[str]:
    """The scores of all and of each class, of which so many objects were trained on."""
    ids = dict(zip(card.classes, card.class_ids, strict=True))
    return [
        f"Scores of {scores.of}: macro-F1 {scores.macro_f1:.3f}, MCC {scores.mcc:.3f}, "
        f"accuracy {scores.accuracy:.3f}, calibration error {scores.ece:.3f}, {scores.n} objects.",
        "",
        "| class | in ELAsTiCC | trained on | precision | recall | F1 | judged on |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {name} | {_elasticc(ids[name])} | {objects.get(name, 0)} | {one.precision:.2f} | {one.recall:.2f} | "
            f"{one.f1:.2f} | {one.n} |"
            for name, one in scores.per_class.items()
        ),
    ]


def _above(scores: Scores) -> list[str]:
    """What a probability is worth, class by class."""
    return [
        f"What a probability is worth, of {scores.of}: how many have at least so much for a class, the share of them "
        "that is of it, and the share of the class that is found.",
        "",
        "| class | " + " | ".join(f"from {threshold}" for threshold in THRESHOLDS) + " |",
        "|---" * (1 + len(THRESHOLDS)) + "|",
        *(f"| {name} | " + " | ".join(map(_cut, cuts)) + " |" for name, cuts in scores.above.items()),
    ]


def _cut(one: Above) -> str:
    if one.precision is None:
        return "none"
    return f"{one.n}: {one.precision:.0%} right, {one.recall:.0%} found"


def _elasticc(class_id: int) -> str:
    place = taxonomy.place(class_id)
    return f"{'' if place == class_id else f'{class_id} under '}{place} {taxonomy.ELASTICC[place]}"


def _draw(path: Path, card: Card) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (an extra)
    from matplotlib.figure import Figure  # noqa: PLC0415

    cuts = card.honest.above if card.honest is not None else {}
    panels = 4 if cuts else 3
    figure = Figure(figsize=(5 * panels, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    confusion, reliability, epochs, *more = figure.subplots(1, panels)
    for axes in more:
        _worth(axes, cuts)
    if card.scores is not None:
        _confusion(confusion, card.classes, card.scores.confusion)
        _reliability(reliability, card.scores.reliability or [])
    found = card.macro_f1_by_epochs
    epochs.plot([str(count) for count in found], list(found.values()), "o-")
    epochs.set(xlabel="epochs", ylabel="macro-F1", ylim=(0, 1), title="with fewer epochs")
    figure.savefig(path, dpi=80, metadata={"Software": None})


def _worth(axes: Any, cuts: Mapping[str, Sequence[Above]]) -> None:
    for name, found in cuts.items():
        known = [one for one in found if one.precision is not None and one.n >= FEW]
        if known:
            axes.plot([one.probability for one in known], [one.precision for one in known], "o-", label=name)
    axes.set(xlabel="probability of a class, at least", ylabel="share that is of it", ylim=(0, 1))
    axes.set_title(f"what a probability is worth (cuts with {FEW} objects)")
    axes.legend(fontsize="small", loc="lower left")


def _confusion(axes: Any, names: Sequence[str], confusion: list[list[int]]) -> None:
    counts = np.array(confusion, dtype=float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names) - 1), names[:-1])
    axes.set(xlabel="most probable class", ylabel="class", title="share of each class")


def _reliability(axes: Any, bins: Sequence[Bin]) -> None:
    axes.plot([0, 1], [0, 1], color="grey")
    axes.plot([one.confidence for one in bins], [one.accuracy for one in bins], "o-")
    axes.set(xlabel="probability of the most probable class", ylabel="share that is right", title="reliability")
