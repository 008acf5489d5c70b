"""What `starsieve drift` does: reads what all workers have counted, compares it with the reference, prints, draws."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from starsieve.broker.drift import HOURS, Seen, Window
from starsieve.broker.redis_client import connect, store_errors
from starsieve.broker.settings import Settings
from starsieve.broker.tools.one_object import network_in_use
from starsieve.features.tools.commands import check_picture
from starsieve.features.tools.errors import EXIT_FAILED, UsageError
from starsieve.models.serving.classifier import Classifier
from starsieve.models.serving.drift import CLASS, MIN_OBJECTS, Distribution, Reference

Ints = NDArray[np.int64]

LINE = 0.25  # above it the alert rule fires


class DriftError(UsageError):
    """There is nothing to compare with; the message says what to do."""

    exit_code = EXIT_FAILED


@dataclass(frozen=True)
class Row:
    """One input of the network in one band, or what it answers: the stream's counts beside the reference."""

    distribution: Distribution
    counts: Ints
    index: float | None  # None: of too few objects

    @property
    def moved(self) -> float:
        """How far the middle of the stream has moved through the reference, in shares of it: -0.5 to 0.5."""
        shares = self.distribution.shares / self.distribution.shares.sum()
        middles = np.cumsum(shares) - shares / 2
        return float(self.counts @ middles / max(self.counts.sum(), 1) - shares @ middles)


@dataclass(frozen=True)
class Drifts:
    """The window of a survey, worst index first."""

    classifier: Classifier
    reference: Reference
    objects: int
    rows: list[Row]


def show(settings: Settings, now_s: float, *, as_json: bool, plot: Path | None) -> None:
    """Prints how far the last day is from the reference, and draws the worst if there is a path for a picture.

    Raises DriftError, StoreError, models.ModelError, OSError; ModuleNotFoundError without matplotlib.
    """
    if plot is not None:
        check_picture(plot)
    found = read(settings, now_s)
    if as_json:
        typer.echo(to_json(found))
    else:
        Console().print(as_table(found))
    if plot is not None:
        from starsieve.broker.tools import drift_plot  # noqa: PLC0415 - an extra

        drift_plot.draw(plot, found)
        typer.echo(f"picture: {plot}", err=True)


def accept(settings: Settings, now_s: float) -> None:
    """Makes the last day what all workers of the survey compare with from now on. Raises as `show` does."""
    _, reference = _network(settings)
    with _window(settings) as window:
        seen = _seen(window, reference, now_s)
        if seen.objects < MIN_OBJECTS:
            raise DriftError(f"{seen.objects} objects are too few to compare with: {MIN_OBJECTS} are needed")
        window.accept(reference.key, seen.counts)
    typer.echo(f"{seen.objects} objects of the last {HOURS} hours are what is compared with from now on", err=True)


def reset(settings: Settings) -> None:
    """Makes the card's reference what is compared with again. Raises as `show` does."""
    _, reference = _network(settings)
    with _window(settings) as window:
        window.accept(reference.key, None)
    typer.echo("the card's reference is what is compared with from now on", err=True)


def read(settings: Settings, now_s: float) -> Drifts:
    """What the workers of a survey have counted until now (Unix time). Raises as `show` does."""
    classifier, reference = _network(settings)
    with _window(settings) as window:
        seen = _seen(window, reference, now_s)
    compared = reference.accepting(seen.accepted)
    indices = compared.indices(seen.counts, seen.objects)
    rows = [
        Row(each, part, indices.get((each.band, each.name)))
        for each, part in zip(compared.distributions, compared.split(seen.counts), strict=True)
    ]
    rows.sort(key=lambda row: -1.0 if row.index is None else row.index, reverse=True)
    return Drifts(classifier, compared, seen.objects, rows)


def _network(settings: Settings) -> tuple[Classifier, Reference]:
    """The network that workers use now, and its reference."""
    classifier = network_in_use(settings)
    if classifier.reference is None:
        raise DriftError(f"{classifier.name} {classifier.version} has no reference on its card: make it again")
    return classifier, classifier.reference


@contextmanager
def _window(settings: Settings) -> Iterator[Window]:
    with store_errors(), connect(settings.redis.url.get_secret_value()) as client:
        yield Window(client, settings.survey)


def _seen(window: Window, reference: Reference, now_s: float) -> Seen:
    return window.exchange(reference.key, np.zeros(reference.size, np.int64), [], now_s)


def to_json(found: Drifts) -> str:
    """All of it as one object, worst index first."""
    rows: list[dict[str, Any]] = [
        {
            "band": row.distribution.band,
            "input": row.distribution.name,
            "psi": row.index,
            "moved": row.moved,
            "edges": row.distribution.edges.tolist(),
            "reference": row.distribution.shares.tolist(),
            "counts": row.counts.tolist(),
        }
        for row in found.rows
    ]
    what = {
        "survey": found.classifier.survey,
        "classifierVersion": found.classifier.version,
        "reference": found.reference.of,
        "hours": HOURS,
        "objects": found.objects,
        "least_objects": MIN_OBJECTS,
        "classes": list(found.reference.classes),
        "distributions": rows,
    }
    return json.dumps(what)


def as_table(found: Drifts) -> Table:
    """Index, and which way, by input and band."""
    network = f"{found.classifier.name} {found.classifier.version}"
    few = f", too few of {MIN_OBJECTS}" if found.objects < MIN_OBJECTS else ""
    table = Table("input", "band", "index", "moved by", "answers", title=f"{network}: {found.objects} objects{few}")
    for row in found.rows:
        known = row.index is not None
        # classes have no order
        moved = "" if row.distribution.name == CLASS or not row.counts.sum() else f"{round(100 * row.moved):+d} %"
        table.add_row(
            row.distribution.name,
            row.distribution.band,
            f"{row.index:.3f}" if known else "",
            moved,
            str(row.counts.sum()),
            style="bold red" if row.index is not None and row.index > LINE else None,
        )
    table.caption = f"the last {HOURS} hours against {found.reference.of}; above {LINE} it is another population"
    return table
