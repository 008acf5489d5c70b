"""What `starsieve drift` does: prints and draws how far the stream is from the reference, or changes what that is."""

import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from starsieve.broker.drift import HOURS
from starsieve.broker.settings import Settings
from starsieve.broker.tools.drifts import LINE, DriftError, Drifts, network_of, read, seen_in, window_of
from starsieve.features.tools.commands import check_picture
from starsieve.models.serving.drift import CLASS, MIN_OBJECTS


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
    _, reference = network_of(settings)
    with window_of(settings) as window:
        seen = seen_in(window, reference, now_s)
        if seen.objects < MIN_OBJECTS:
            raise DriftError(f"{seen.objects} objects are too few to compare with: {MIN_OBJECTS} are needed")
        window.accept(reference.key, seen.counts)
    typer.echo(f"{seen.objects} objects of the last {HOURS} hours are what is compared with from now on", err=True)


def reset(settings: Settings) -> None:
    """Makes the card's reference what is compared with again. Raises as `show` does."""
    _, reference = network_of(settings)
    with window_of(settings) as window:
        window.accept(reference.key, None)
    typer.echo("the card's reference is what is compared with from now on", err=True)


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
