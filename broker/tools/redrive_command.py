"""What `starsieve redrive` does: puts dead letters back, or lists and saves them, and says what was left out."""

from pathlib import Path

import typer
from rich.console import Console

from starsieve.broker.settings import KafkaSettings
from starsieve.broker.signals import stop_on_signals
from starsieve.broker.tools.redrive import Selection, Tally, redrive, survey
from starsieve.features.tools.commands import check_folder, tell
from starsieve.features.tools.errors import UsageError


def show(kafka: KafkaSettings, selection: Selection, *, as_table: bool, save: Path | None) -> None:
    """Prints a table by reason, and writes the packets if there is a folder for them. Raises as `survey` does."""
    if save is not None:
        check_folder(save)
    tally = survey(kafka, selection, tell, save)
    if save is not None:
        typer.echo(f"{tally.saved:,} packets in {save}", err=True)
    if as_table:
        Console().print(tally.as_table())
    _say(tally.set_aside())
    _check_reasons(tally, selection)


def put_back(kafka: KafkaSettings, selection: Selection) -> None:
    """Puts letters back until a signal, and says how many. Raises as `redrive` does."""
    tally = redrive(kafka, selection, tell, stop_on_signals())
    typer.echo(f"{tally.put_back:,} dead letters put back", err=True)
    _say(tally.left_out(selection.limit))
    _check_reasons(tally, selection)


def _say(sentences: list[str]) -> None:
    for sentence in sentences:
        tell(sentence)


def _check_reasons(tally: Tally, selection: Selection) -> None:
    """Raises UsageError where none of the reasons asked for is there, while others are: one was mistyped."""
    if unmet := tally.unmet(selection.reasons):
        if tally.reasons and not tally.counts:
            raise UsageError(f"--reason: {unmet}")
        tell(unmet)
