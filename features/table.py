"""`starsieve features`: the features of every light curve of a folder as one parquet file."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from features import FEATURES, PROFILE
from features.folder import LightCurves, read_light_curves
from features.stream import update_many

NUMBERS = (*FEATURES, *PROFILE)
OF_PERIOD = ("aliases", "trust")  # see features.Period
CHUNK = 2000  # objects between two saved parts; seconds of work
SHOWN = 20  # unusable light curves listed on the screen; the file has them all


def _columns(curves: LightCurves, threads: int) -> dict[str, Any]:
    objects = curves.objects
    nothing, light_curves = [None] * (objects.size - 1), (curves.mjd, curves.mag, curves.magerr, curves.offsets)
    found = update_many(nothing, *light_curves, objects=objects, threads=threads)
    known = [(",".join(period.aliases), period.trust) if period else ("", "") for period in found.periods]
    of_curve = np.repeat(np.arange(objects.size - 1), np.diff(objects)).tolist()
    numbers = np.hstack([found.features, found.profiles])
    usable = [reason is None for reason in found.reasons]
    columns: dict[str, Any] = {
        "object_id": curves.object_ids.tolist(),
        "band": curves.bands.tolist(),
        "n_epochs": (curves.offsets[1:] - curves.offsets[:-1]).tolist(),
        "reason": found.reasons,
    }
    for i, name in enumerate(NUMBERS):
        values = numbers[:, i].tolist()
        columns[name] = [value if ok else None for value, ok in zip(values, usable, strict=True)]
    for i, name in enumerate(OF_PERIOD):
        columns[name] = [known[j][i] if ok else None for j, ok in zip(of_curve, usable, strict=True)]
    return columns


def _begin(parts: Path, folder: Path, n_curves: int) -> None:
    """Keep the parts of an earlier run only if it was over the same input."""
    points = folder / "points.parquet"
    job = {
        "points": str(points.resolve()),
        "bytes": points.stat().st_size,
        "light_curves": n_curves,
        "objects_a_part": CHUNK,
    }
    note = parts / "job.json"
    if parts.is_dir() and (not note.is_file() or json.loads(note.read_text()) != job):
        shutil.rmtree(parts)
    parts.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(job))


def write_features(folder: Path, out: Path, console: Console) -> Counter[str]:
    """Write the features of all light curves in `folder` to `out`; returns the number of unusable ones by reason.

    Finished parts are kept beside `out` until the end: a run that was broken off is resumed. Raises
    UnreadableFolderError.
    """
    import pyarrow as pa  # noqa: PLC0415 - an optional dependency that the stream does without
    import pyarrow.parquet as pq  # noqa: PLC0415

    curves = read_light_curves(folder)
    parts = out.with_name(out.name + ".parts")
    _begin(parts, folder, len(curves))
    schema = pa.schema(
        [("object_id", pa.string()), ("band", pa.string()), ("n_epochs", pa.int64()), ("reason", pa.string())]
        + [(name, pa.float64()) for name in NUMBERS]
        + [(name, pa.string()) for name in OF_PERIOD]
    )
    paths = []
    chunks = list(curves.chunks(CHUNK))
    for i, chunk in enumerate(track(chunks, "features", console=console)):
        paths.append(parts / f"{i:06d}.parquet")
        if not paths[-1].is_file():
            table = pa.table(_columns(chunk, os.cpu_count() or 1), schema=schema)
            unfinished = paths[-1].with_suffix(".unfinished")
            pq.write_table(table, unfinished)
            unfinished.rename(paths[-1])
    table = pa.concat_tables([pq.read_table(path) for path in paths]) if paths else schema.empty_table()
    unfinished = parts / "all.unfinished"
    pq.write_table(table, unfinished)
    unfinished.rename(out)
    shutil.rmtree(parts)
    unusable = [row for row in table.select(["object_id", "band", "reason"]).to_pylist() if row["reason"]]
    _show(unusable, len(curves), out, console)
    return Counter(row["reason"] for row in unusable)


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
