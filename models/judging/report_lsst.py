"""Sections that only the card of Rubin's network has, each from what the card says to lines of text."""

from collections.abc import Iterator

from starsieve.models.serving.card import Card


def sections(card: Card) -> Iterator[list[str]]:
    """Those of what a card has."""
    if card.scores_by_months:
        yield _by_months(card)
    if card.macro_f1_with_science_flux:
        found = ", ".join(
            f"{value:.3f} after {months} months" for months, value in card.macro_f1_with_science_flux.items()
        )
        yield [f"Macro-F1 from the totals that Rubin measures (scienceFlux): {found}."]
    if card.called_periodic:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in card.called_periodic.items())
        yield [f"Called periodic, as the periodic classes together have more than 0.5: {shares}."]


def _by_months(card: Card) -> list[str]:
    """How the scores grow with the survey."""
    found = card.scores_by_months
    lines = [
        "So many months after the survey has begun, as of the last alert; of each class the share that is found.",
        "",
        "| | " + " | ".join(f"{months} months" for months in found) + " |",
        "|---" * (1 + len(found)) + "|",
        "| macro-F1 | " + " | ".join(f"{one.macro_f1:.3f}" for one in found.values()) + " |",
        "| accuracy | " + " | ".join(f"{one.accuracy:.3f}" for one in found.values()) + " |",
    ]
    for name in card.classes[:-1]:
        cells = (one.per_class[name] for one in found.values())
        lines.append(f"| {name} | " + " | ".join(f"{cell.recall:.2f} of {cell.n}" for cell in cells) + " |")
    return lines
