"""A network card for readers: card.md beside card.json, with one picture of its plots."""

from pathlib import Path
from typing import Any

import numpy as np

from starsieve.models.judging.report_ztf import SECTIONS
from starsieve.models.serving import taxonomy

PICTURE = "card.png"


def write(folder: Path, card: dict[str, Any]) -> None:
    """Writes card.md and card.png."""
    _draw(folder / PICTURE, card)
    write_text(folder, card)


def write_text(folder: Path, card: dict[str, Any]) -> None:
    """Writes card.md alone."""
    (folder / "card.md").write_text(_text(card))


def _text(card: dict[str, Any]) -> str:
    scores, training = card["scores"], card["training"]
    rows = "\n".join(
        f"| {name} | {_elasticc(name)} | {training['objects'].get(name, 0)} | {s['precision']:.2f} | "
        f"{s['recall']:.2f} | {s['f1']:.2f} | {s['n']} |"
        for name, s in scores["per_class"].items()
    )
    lines = [f"# {card['name']}, version {card['version']}", ""]
    lines += [
        f"Trained on {training['light_curves']}; transferred from: {training['source']}; seed {training['seed']}."
    ]
    if "origin" in card:
        lines += ["", f"Origin of the data: {card['origin']}"]
    if "simulated" in card:
        lines += ["", f"What is simulated: {card['simulated']}"]
    lines += ["", f"Scores of {scores['of']}: macro-F1 {scores['macro_f1']:.3f}, MCC {scores['mcc']:.3f}, "]
    lines[-1] += f"accuracy {scores['accuracy']:.3f}, calibration error {scores['ece']:.3f}, {scores['n']} objects."
    lines += [
        "",
        "| class | in ELAsTiCC | trained on | precision | recall | F1 | judged on |",
        "|---|---|---|---|---|---|---|",
        rows,
        "",
    ]
    for title, key in (("Classes with too few objects", "dropped_classes"), ("AUROC of Residual", "unfamiliar")):
        if card.get(key):
            lines += [f"{title}: " + ", ".join(f"{name} {value}" for name, value in card[key].items()) + ".", ""]
    if card.get("repeated"):
        lines += [f"Not used, since another object has the same light curve: {', '.join(card['repeated'])}.", ""]
    for key, section in SECTIONS.items():
        if key in card:
            lines += [*section(card[key]), ""]
    lines += [f"![confusion, reliability, epochs]({PICTURE})", "", f"sha256 of the network: `{card['sha256']}`"]
    return "\n".join(lines) + "\n"


def _elasticc(label: str) -> str:
    class_id = taxonomy.class_id(label)
    return f"{class_id} {taxonomy.ELASTICC[class_id]}"


def _draw(path: Path, card: dict[str, Any]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (an extra)
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(15, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    confusion, reliability, epochs = figure.subplots(1, 3)
    _confusion(confusion, card)
    _reliability(reliability, card)
    found = card.get("macro_f1_by_epochs", {})
    epochs.plot([str(count) for count in found], list(found.values()), "o-")
    epochs.set(xlabel="epochs", ylabel="macro-F1", ylim=(0, 1), title="with fewer epochs")
    figure.savefig(path, dpi=80, metadata={"Software": None})


def _confusion(axes: Any, card: dict[str, Any]) -> None:
    counts = np.array(card["scores"]["confusion"], dtype=float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = card["classes"]
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names) - 1), names[:-1])
    axes.set(xlabel="most probable class", ylabel="class", title="share of each class")


def _reliability(axes: Any, card: dict[str, Any]) -> None:
    bins = card["scores"]["reliability"]
    axes.plot([0, 1], [0, 1], color="grey")
    axes.plot([one["confidence"] for one in bins], [one["accuracy"] for one in bins], "o-")
    axes.set(xlabel="probability of the most probable class", ylabel="share that is right", title="reliability")
