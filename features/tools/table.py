"""`starsieve features`: the features of every light curve of a folder as one table."""

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # the `archive` extra
from pyarrow import parquet
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from starsieve.features import FEATURES, PROFILE
from starsieve.features.caches import code_of
from starsieve.features.stream import update_many
from starsieve.features.tools import compiling
from starsieve.features.tools.columns import Form
from starsieve.features.tools.commands import replacing
from starsieve.features.tools.folder import opened
from starsieve.features.tools.lightcurves import NO_USABLE_EPOCHS, LightCurves, content
from starsieve.features.tools.outputs import check_apart, check_table, written

NUMBERS = (*FEATURES, *PROFILE)
OF_PERIOD = ("aliases", "trust")  # see features.Period
CHUNK = 2000  # objects between two saved parts; seconds of work
SHOWN = 20  # unusable light curves listed on the screen; the file has them all
SCHEMA = pa.schema(
    [("object_id", pa.string()), ("band", pa.string()), ("n_epochs", pa.int64()), ("n_dropped", pa.int64())]
    + [("reason", pa.string())]
    + [(name, pa.float64()) for name in NUMBERS]
    + [(name, pa.string()) for name in OF_PERIOD]
)


def _columns(curves: LightCurves, threads: int) -> dict[str, Any]:
    """A row for each light curve, and one without a band for each object that has none."""
    objects = curves.objects
    nothing, light_curves = [None] * (objects.size - 1), (curves.mjd, curves.mag, curves.magerr, curves.offsets)
    found = update_many(nothing, *light_curves, objects=objects, threads=threads)
    of_object = np.diff(objects)
    known = [(",".join(period.aliases), period.trust) if period else ("", "") for period in found.periods]
    of_period = np.repeat(np.array(known, object).reshape(-1, len(OF_PERIOD)), of_object, axis=0)
    without = np.flatnonzero(of_object == 0)
    more = without.size
    reasons = [why if n else NO_USABLE_EPOCHS for why, n in zip(found.reasons, curves.epochs.tolist(), strict=True)]
    unusable = np.array([reason is not None for reason in reasons] + [True] * more)
    numbers = np.pad(np.hstack([found.features, found.profiles]), ((0, more), (0, 0)))
    texts = np.vstack([of_period, np.full((more, len(OF_PERIOD)), "")])
    return {
        "object_id": curves.object_id[np.append(curves.owner, without)],
        "band": [*curves.bands[curves.band].tolist(), *[None] * more],
        "n_epochs": np.pad(curves.epochs, (0, more)),
        "n_dropped": np.pad(curves.dropped, (0, more)),
        "reason": reasons + [NO_USABLE_EPOCHS] * more,
        **{name: pa.array(column, mask=unusable) for name, column in zip(NUMBERS, numbers.T, strict=True)},
        **{name: pa.array(column, pa.string(), mask=unusable) for name, column in zip(OF_PERIOD, texts.T, strict=True)},
    }


def write_features(path: Path, form: Form, out: Path, console: Console) -> Counter[str]:
    """Write the features of all light curves at `path` to `out`; returns the number of unusable ones by reason.

    Finished parts are kept beside `out` until the end: a run that was broken off is resumed. A part is named by the
    light curves in it and by our code, so that none is taken for that of others. Raises UsageError.
    """
    check_apart(out, path)
    check_table(out)
    folder = opened(path, form)
    compiling.prepare()
    parts = out.with_name(out.name + ".parts")
    parts.mkdir(exist_ok=True)
    paths = []
    with Progress(console=console) as progress:
        task = progress.add_task("features", total=len(folder.objects))
        for chunk in folder.chunks(CHUNK):
            paths.append(_part(parts, chunk))
            progress.advance(task, len(chunk.object_id))
    rows, unusable = _join(paths, out)
    shutil.rmtree(parts)
    _show(unusable, rows, out, console)
    return Counter(row["reason"] for row in unusable)


def _part(parts: Path, curves: LightCurves) -> Path:
    """The file with the features of these light curves, computed if it is not there or damaged."""
    names = curves.object_id, curves.bands, curves.band
    numbers = curves.owner, curves.offsets, curves.dropped, curves.mjd, curves.mag, curves.magerr
    path = parts / f"{content(code_of('features'), *names, *numbers)}.parquet"
    try:
        parquet.read_metadata(path)
    except (OSError, pa.ArrowException):
        table = pa.table(_columns(curves, os.cpu_count() or 1), schema=SCHEMA)
        with replacing(path) as unfinished:
            parquet.write_table(table, unfinished)
    return path


def _join(paths: list[Path], out: Path) -> tuple[int, list[dict[str, str]]]:
    """Writes all parts to one file; gives the number of rows, and name, band and reason of those without features."""
    rows, unusable = 0, []
    with written(out, SCHEMA) as write:
        for path in paths:
            table = parquet.read_table(path)
            write(table)
            rows += table.num_rows
            unusable += [row for row in table.select(["object_id", "band", "reason"]).to_pylist() if row["reason"]]
    return rows, unusable


def _show(unusable: list[dict[str, str]], n_curves: int, out: Path, console: Console) -> None:
    console.print(f"{n_curves - len(unusable)} of {n_curves} light curves have features: {out}")
    if not unusable:
        return
    table = Table("object", "band", "reason", title=f"unusable ({min(SHOWN, len(unusable))} of {len(unusable)} shown)")
    for row in unusable[:SHOWN]:
        table.add_row(row["object_id"], row["band"], row["reason"])
    console.print(table)
    for reason, n in Counter(row["reason"] for row in unusable).most_common():
        console.print(f"{reason}: {n}")
