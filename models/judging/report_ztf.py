"""Sections that only the card of the ZTF network has, each from what the card says to lines of text."""

from collections.abc import Iterator, Mapping
from typing import Any

from starsieve.models.serving.card import Card, Scores


def sections(card: Card) -> Iterator[list[str]]:
    """Those of what a card has."""
    if card.class_mix is not None:
        yield _class_mix(card.class_mix)
    if card.scores_in_stream is not None:
        yield _in_stream(card.scores_in_stream)
    if card.real_sources_called_periodic is not None:
        yield _called_periodic(card.real_sources_called_periodic)
    if card.known_packets is not None:
        yield _known_packets(card.known_packets)


def _class_mix(mix: Mapping[str, float]) -> list[str]:
    shares = ", ".join(f"{name} {share:.1%}" for name, share in sorted(mix.items(), key=lambda item: -item[1]))
    return [f"Probabilities are calibrated for this mix of sources: {shares}."]


def _in_stream(scores: Scores) -> list[str]:
    found = ", ".join(f"{name} {one.recall:.2f} of {one.n}" for name, one in scores.per_class.items() if one.n)
    return [
        f"Scores of {scores.of} (one band): accuracy {scores.accuracy:.3f}, MCC {scores.mcc:.3f}, calibration "
        f"error {scores.ece:.3f}, {scores.n} stars. Share found of each class: {found}."
    ]


def _called_periodic(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "Real ZTF sources without a known period that get more than 0.5 for the periodic classes (EA, EW, RR Lyrae, "
        "Cepheids, delta Scuti, LPV, ROT) together, or for one of them; sources that were learned from are judged by "
        "the members that had not seen them.",
        "",
        "| sources | number | together | one class |",
        "|---|---|---|---|",
    ]
    for folder, groups in found["folders"].items():
        for group, called in groups.items():
            counts = (f"{len(called[key])} ({len(called[key]) / called['n']:.1%})" for key in ("together", "one_class"))
            lines.append(f"| {folder}, {group} | {called['n']} | " + " | ".join(counts) + " |")
    for folder, groups in found["folders"].items():
        lines += ["", f"Held out in {folder}: " + (", ".join(groups["held out"]["together"]) or "none") + "."]
    named = "; ".join(f"{name} ({what})" for name, what in found["variables"].items())
    return [
        *lines,
        "",
        f"Among them are real variable stars, by their folded light curves, counted all the same: {named}.",
    ]


def _known_packets(known: Mapping[str, Any]) -> list[str]:
    few = known["few_epochs"]
    lines = [
        "Real packets of objects with a known class, each object as of its last packet. Packets hold 30 days (the "
        f"oldest more), and hardly any object comes twice: what the network would say of bands with {few} epochs or "
        "more is no answer of the stream.",
        "",
        f"| object | class | its period, d | epochs | period found, d | answer | of {few} epochs |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in known["objects"]:
        cells = [row["object"], row["class"], row["catalogue_period"] or "", _listed(row["epochs"])]
        cells += [
            row["period"] or "",
            _listed(row["answer"]) or row["reason"],
            _listed(row["answer_of_few_epochs"]),
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    classified = known["others"] - known["others_not_classified"]
    lines += ["", f"Of {known['others']} objects whose class is not known, {classified} could be classified."]
    return lines


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
