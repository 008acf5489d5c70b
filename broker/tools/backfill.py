"""`starsieve backfill`: a store filled from packets and light curves, and what the network says about them."""

import json
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import typer

from starsieve.broker.outcomes import Outcome
from starsieve.broker.redis_client import store_errors
from starsieve.broker.schema_registry import RegistryAway
from starsieve.broker.settings import Settings
from starsieve.broker.surveys import AlertError, installed
from starsieve.broker.tools import archives, filling, outcome_table, sending
from starsieve.broker.tools.archive_curves import Curves, are_at
from starsieve.broker.tools.filling import Filler, Item, Tally
from starsieve.broker.tools.one_object import network_in_use
from starsieve.broker.tools.positions import Positions
from starsieve.broker.warmup import warm_up
from starsieve.features.tools.columns import Form
from starsieve.features.tools.commands import tell
from starsieve.features.tools.errors import CommandError

T = TypeVar("T")

UNREADABLE = "unreadable_file"  # among the dead letters: files and members of archives that are no packets
_ITEMS, _BYTES = 500, 32 * 2**20  # handed to a process at once
_AHEAD = 2  # batches for each process


@contextmanager
def _registry_errors() -> Iterator[None]:
    try:
        yield
    except RegistryAway as error:
        raise CommandError(f"the schema registry does not answer: {error}") from error


@dataclass(frozen=True)
class Sources:
    """What is read, in this order."""

    files: Sequence[Path]  # of packets
    curves: Sequence[Curves]

    @classmethod
    def at(cls, paths: Sequence[Path], survey: str, form: Form, positions: Positions | None) -> "Sources":
        """Those of some paths. Raises UsageError for what is neither packets nor light curves."""
        installed.survey(survey)
        of_curves = [path for path in paths if are_at(path)]
        curves = [Curves(path, survey, form, positions) for path in of_curves]
        for each in curves:
            each.check()
        return cls(archives.find(path for path in paths if path not in of_curves), curves)

    def items(self, tally: Tally) -> Iterator[Item]:
        """Everything, in bounded memory; the tally is told what cannot be read."""

        def refuse(name: str, reason: str) -> None:
            tally.refuse(name, AlertError(UNREADABLE, reason))

        yield from archives.packets(self.files, refuse)
        for each in self.curves:
            yield from each.read(tally.refuse)


@dataclass
class Summary:
    """What was done: `classified` and `not_classified` add up to the alerts where answers were asked for."""

    tally: Tally = field(default_factory=Tally)
    classified: int = 0
    not_classified: Counter[str] = field(default_factory=Counter)
    seconds: float = 0

    def count(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """The same outcomes, counted as they pass."""
        for outcome in outcomes:
            if outcome.reason is None:
                self.classified += 1
            else:
                self.not_classified[outcome.reason] += 1
            yield outcome

    def as_json(self) -> str:
        """One JSON object."""
        return json.dumps(
            {
                "alerts": self.tally.alerts,
                "new_epochs": self.tally.new_epochs,
                "classified": self.classified,
                "not_classified": dict(sorted(self.not_classified.items())),
                "dead_letters": dict(sorted(self.tally.dead_letters.items())),
                "seconds": round(self.seconds, 3),
            }
        )


@store_errors()
@_registry_errors()
def run(settings: Settings, sources: Sources, *, classify: bool, output: Path | None, processes: int) -> Summary:
    """Fills the store, then answers if that is wanted.

    Raises StoreError and CommandError, after which the same command may be given again: what is stored stays.
    """
    begin, summary = time.monotonic(), Summary()
    if classify:
        network_in_use(settings)  # or nothing is begun
    warm_up()
    with sending.progress() as progress, _workers(settings, processes) as workers:
        storing = progress.add_task("stored", total=None)
        for done, n_items in workers(Filler.store, sources.items(summary.tally)):
            summary.tally.add(done)
            progress.advance(storing, n_items)
        total = progress.tasks[storing].completed
        progress.update(storing, total=total)
        if classify:
            answering = progress.add_task("classified", total=total)

            def outcomes() -> Iterator[Outcome]:
                # What cannot be read was counted before.
                for (answered, refused), n_items in workers(Filler.answer, sources.items(Tally())):
                    summary.tally.add(refused)
                    progress.advance(answering, n_items)
                    yield from answered

            counted = summary.count(outcomes())
            if output is None:
                deque(counted, maxlen=0)
            else:
                outcome_table.write(counted, output)
    summary.seconds = time.monotonic() - begin
    return summary


Workers = Callable[[Callable[..., T], Iterator[Item]], Iterator[tuple[T, int]]]


@contextmanager
def _workers(settings: Settings, processes: int) -> Iterator[Workers[Any]]:
    """What calls a method of Filler with some items after the other, in their order, and tells how many they were.

    Other processes start once there is more than one batch: a few packets are stored before they would be.
    """
    own = Filler(settings)
    pool: ProcessPoolExecutor | None = None

    def call(method: Callable[..., Any], items: Iterator[Item]) -> Iterator[tuple[Any, int]]:
        nonlocal pool
        batches = _batches(items)
        few = list(islice(batches, 2))
        if processes == 1 or len(few) == 1:
            for batch in chain(few, batches):
                yield method(own, batch), len(batch)
            return
        if pool is None:
            plain = Settings.model_construct(**dict(settings))  # its class can be imported
            pool = ProcessPoolExecutor(processes, get_context("spawn"), filling.start, (plain,))
        waiting: deque[tuple[Future[Any], int]] = deque()
        for batch in chain(few, batches):
            waiting.append((pool.submit(filling.call, method, batch), len(batch)))
            if len(waiting) > _AHEAD * processes:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())

    try:
        yield call
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _result(future: "Future[Any]", n_items: int) -> tuple[Any, int]:
    try:
        return future.result(), n_items
    except BrokenProcessPool:
        raise CommandError(
            "a process was killed, perhaps for want of memory: run again with fewer --processes"
        ) from None


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    batch, size = list[Item](), 0
    for item in items:
        batch.append(item)
        size += len(item[1]) if isinstance(item[1], bytes) else item[1].epochs.nbytes
        if len(batch) == _ITEMS or size > _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def report(summary: Summary, *, as_json: bool) -> None:
    """Says what was done. Raises CommandError where something could not be read, or nothing used."""
    tally = summary.tally
    typer.echo(f"{tally.alerts:,} alerts and light curves, {tally.new_epochs:,} new epochs stored", err=True)
    for reason, example in tally.examples.items():
        tell(f"{tally.dead_letters[reason]:,} {reason}, for example {example}")
    if as_json:
        typer.echo(summary.as_json())
    if unread := tally.dead_letters[UNREADABLE]:
        raise CommandError(f"{unread:,} files or members of archives could not be read")
    if not tally.alerts:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in tally.dead_letters.most_common())
        raise CommandError(f"nothing could be used: {counts or 'there are no packets and no light curves'}")


def default_processes() -> int:
    """As many as this process may use cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
