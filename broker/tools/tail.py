"""What a subscriber sees of the classified topic: a live table, JSON lines, or the newest outcome of each object."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from starsieve.broker.avro import reader
from starsieve.broker.outcomes import Outcome, top_class
from starsieve.broker.outputs.message import CLASSIFIED
from starsieve.broker.text import printable
from starsieve.broker.tools import outcome_table

_ROWS = 15
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_json(outcome: reader.Record) -> str:
    """One message as a line of JSON, in ASCII; times in ISO 8601."""
    times = {name: _isoformat(value) for name, value in outcome.items() if name.endswith("Timestamp")}
    return json.dumps(outcome | times, default=str)


class PipedConsole(Console):
    """A console that says when nobody reads it any more, where rich ends the process with 1."""

    def on_broken_pipe(self) -> None:
        """Raises BrokenPipeError."""
        raise BrokenPipeError


def follow(subscriber: Iterable[Outcome], *, as_lines: bool, table: Path | None, latest: bool) -> None:
    """Shows the outcomes until they end, as lines of JSON or live; or writes them to a table."""
    if table is None and not as_lines:
        show(subscriber, PipedConsole(), latest=latest)
        return
    outcomes = newest(subscriber) if latest else subscriber
    if table is not None:
        typer.echo(f"{outcome_table.write(outcomes, table):,} rows in {table}", err=True)
        return
    for outcome in outcomes:
        typer.echo(as_json(outcome.record))


def newest(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Of each object the outcome of its latest exposure; of one exposure the one read last. By object."""
    found: dict[str, Outcome] = {}
    for outcome in outcomes:
        known = found.get(outcome.object_id)
        if known is None or (outcome.time or _UNIX_EPOCH) >= (known.time or _UNIX_EPOCH):
            found[outcome.object_id] = outcome
    return [found[object_id] for object_id in sorted(found)]


def show(outcomes: Iterable[Outcome], console: Console, *, latest: bool = False) -> None:
    """A live table of the newest messages, or of the newest of each object, and counts, until the messages end."""
    view = LiveTable(bar="█" if console.encoding.lower().startswith("utf") else "#", latest=latest)
    try:
        with Live(view.render(), console=console, refresh_per_second=4) as live:
            for outcome in outcomes:
                view.add(outcome.record)
                live.update(view.render())
    finally:
        if not console.is_terminal:  # where Live leaves the last line open
            console.print()


class LiveTable:
    """The newest outcomes, a row a message or a row an object, and how many messages each class and reason had."""

    def __init__(self, bar: str = "█", *, latest: bool = False) -> None:
        self._bar, self._latest = bar, latest
        self.classified: Counter[str] = Counter()
        self.not_classified: Counter[str] = Counter()
        self._newest: dict[str | int, reader.Record] = {}  # the last is the newest

    def add(self, outcome: reader.Record) -> None:
        """Counts one message, and shows it if it was classified."""
        if outcome["status"] == CLASSIFIED:
            self.classified[top_class(outcome)[0]] += 1
            key = outcome["objectId"] if self._latest else self.classified.total()
            before = self._newest.pop(key, outcome)
            is_newer = (outcome.get("alertTimestamp") or 0) >= (before.get("alertTimestamp") or 0)
            self._newest[key] = outcome if is_newer else before
            if len(self._newest) > _ROWS:
                del self._newest[next(iter(self._newest))]
        else:
            self.not_classified[outcome["reason"]] += 1

    def render(self) -> Group:
        """What to show now."""
        table = Table(
            Column("object", no_wrap=True), "epochs", "period (d)", "trust", "class", "probability", title="starsieve"
        )
        for outcome in self._newest.values():
            name, probability = top_class(outcome)
            period = next((band["period"] for band in outcome["bands"] if band["period"] is not None), None)
            cells = (
                outcome["objectId"],
                " ".join(f"{band['band']}:{band['epochs']}" for band in outcome["bands"]),
                "" if period is None else f"{period:.5f}",
                _trust(outcome),
                name,
                f"{probability:.2f} {self._bar * round(10 * probability)}",
            )
            table.add_row(*(Text(printable(cell)) for cell in cells))  # not markup: [names] stay as they are
        return Group(
            table,
            Text(f"classified {self.classified.total():,}   " + _counts(self.classified), style="green"),
            Text(f"not classified {self.not_classified.total():,}   " + _counts(self.not_classified), style="yellow"),
        )


def _trust(outcome: reader.Record) -> str:
    """How far to trust the period, and its aliases; messages of version 1 do not say."""
    period = outcome.get("period")
    return "" if period is None else " ".join([period["trust"].lower().replace("_", " "), *period["aliases"]])


def _counts(counter: Counter[str]) -> str:
    return "  ".join(f"{printable(name)} {number:,}" for name, number in counter.most_common())


def _isoformat(unix_ms: int | None) -> str | int | None:
    """A time in ISO 8601, as it is if it is none of our calendar."""
    try:
        return None if unix_ms is None else (_UNIX_EPOCH + timedelta(milliseconds=unix_ms)).isoformat()
    except OverflowError:
        return unix_ms
