"""`starsieve classify`: what a network says of every object, as one table."""

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pyarrow as pa  # the `archive` extra

from starsieve.features.tools.columns import UNNAMED
from starsieve.features.tools.folder import Folder
from starsieve.features.tools.lightcurves import LightCurves
from starsieve.features.tools.outputs import written
from starsieve.models.data import tables
from starsieve.models.judging import judging
from starsieve.models.serving.classifier import UNSUPPORTED_BAND, Classifier

CHUNK = 2000  # objects at once; seconds of work
POSITION = ("ra", "dec")  # degrees
ABOUT = pa.schema(
    [("object_id", pa.string())]
    + [(name, pa.float64()) for name in POSITION]
    + [("n_epochs", pa.int64()), ("n_dropped", pa.int64()), ("class", pa.string()), ("probability", pa.float64())]
    + [("reason", pa.string()), ("period", pa.float64()), ("trust", pa.string()), ("aliases", pa.string())]
)


def write(
    classifier: Classifier, folder: Folder, path: Path, *, cache: Path, threads: int, on_objects: Callable[[int], None]
) -> Counter[str]:
    """A row for each object of a folder, opened with POSITION; a column of probabilities for each class.

    Without an answer there are a reason and no probabilities; UNSUPPORTED_BAND stands beside an answer. Tells of every
    part how many objects it has, and gives how many have each reason, "" for none.
    """
    counts = Counter[str]()
    schema = ABOUT
    for name in classifier.classes:
        schema = schema.append(pa.field(name if name not in ABOUT.names else f"class {name}", pa.float64()))
    number = {name: row for row, name in enumerate(folder.objects.object_id.tolist())}
    with written(path, schema) as write_table:
        for curves in folder.chunks(CHUNK):
            rows = np.array([number[name] for name in curves.object_id.tolist()])
            position = [folder.objects.numbers[name][rows] for name in POSITION]
            table = _table(classifier, curves, position, schema, cache, threads)
            write_table(table)
            counts.update(reason or "" for reason in table["reason"].to_pylist())
            on_objects(len(rows))
    return counts


def summary(counts: Counter[str]) -> str:
    """What `write` counted, in a sentence."""
    beside = counts[UNSUPPORTED_BAND]
    reasons = [(reason, count) for reason, count in counts.most_common() if reason not in {"", UNSUPPORTED_BAND}]
    sentence = f"{counts[''] + beside:,} classified"
    if beside:
        sentence += f", {beside:,} of them in other bands than the network's ({UNSUPPORTED_BAND})"
    if reasons:
        sentence += f"; {sum(count for _, count in reasons):,} not: "
        sentence += ", ".join(f"{count:,} {reason}" for reason, count in reasons)
    return sentence


def in_own_bands(table: tables.Table, bands: Collection[str]) -> tuple[tables.Table, tables.Flags]:
    """What a network is to answer from, and which objects (n,) have rows in bands alone that it was not trained on.

    Where an object has rows in the network's bands, the others go, as in the stream; a band without a name is believed.
    """
    own = np.isin(table.band, [*bands, UNNAMED])
    have = np.zeros(len(table.object_id), np.bool_)
    have[table.owner[own]] = True
    foreign = np.zeros_like(have)
    foreign[table.owner[~own]] = True
    return table.keep(own | ~have[table.owner]), foreign & ~have


def _table(
    classifier: Classifier,
    curves: LightCurves,
    position: list[tables.Floats],
    schema: pa.Schema,
    cache: Path,
    threads: int,
) -> pa.Table:
    table, periods = tables.extract_with_periods(curves, cache=cache, threads=threads, min_epochs=classifier.min_epochs)
    table, foreign = in_own_bands(table, classifier.bands)
    probabilities = judging.answers(classifier, table)
    answered = ~np.isnan(probabilities[:, 0])
    reason = np.where(foreign & answered, UNSUPPORTED_BAND, judging.reasons(table.reason, answered))
    best = np.nan_to_num(probabilities).argmax(axis=1)
    found = periods.trust != ""
    count = len(table.object_id)
    columns = [
        pa.array(table.object_id, pa.string()),
        *(pa.array(values, mask=np.isnan(values)) for values in position),
        pa.array(np.bincount(curves.owner, curves.epochs, count).astype(np.int64)),
        pa.array(np.bincount(curves.owner, curves.dropped, count).astype(np.int64)),
        pa.array(np.array(classifier.classes, object)[best], pa.string(), mask=~answered),
        pa.array(probabilities[np.arange(count), best], mask=~answered),
        pa.array(reason.astype(object), pa.string(), mask=reason == ""),
        pa.array(periods.days, mask=~found),
        *(pa.array(values.astype(object), pa.string(), mask=~found) for values in (periods.trust, periods.aliases)),
        *(pa.array(column, mask=~answered) for column in probabilities.T),
    ]
    return pa.table(columns, schema=schema)
