"""From a folder of labelled light curves to training tables: which objects, which classes, seen how often."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models import augment, tables
from models.lightcurves import BandLightCurves
from models.splits import MIN_CLASS_OBJECTS
from models.tables import Table


@dataclass(frozen=True)
class TrainingSet:
    """Feature rows of the objects that can be trained on, and what was left out."""

    table: Table
    bands: tuple[str, ...]
    dropped: dict[str, int]  # classes with too few objects
    not_classified: dict[str, int]  # objects without features, by reason
    strange: Table  # the objects of the dropped classes: unlike everything the network learns


def training_set(
    curves: BandLightCurves,
    views: int,
    *,
    cache: Path | None = None,
    threads: int = 1,
    on_view: Callable[[], None] | None = None,
) -> TrainingSet:
    """Features of light curves as they are and in `views` worsened forms; labels "" are left out."""
    own = tables.extract(curves, cache=cache, threads=threads)
    seen = [own]
    for view in range(views):
        seen.append(tables.extract(augment.worsened(curves, seed=view), cache=cache, threads=threads))
        if on_view:
            on_view()
    labels = own.label[(own.reason == "") & (own.label != "")]
    common = [label for label, count in Counter(labels.tolist()).items() if count >= MIN_CLASS_OBJECTS]
    usable = np.flatnonzero(np.isin(own.label, common) & (own.reason == ""))
    dropped = Counter(label for label in own.label.tolist() if label not in common)
    failed = Counter(reason for reason in own.reason.tolist() if reason)
    return TrainingSet(
        tables.stack([table.select(usable) for table in seen]),
        tuple(np.unique(curves.band).tolist()),
        dict(dropped),
        dict(failed),
        own.select(np.flatnonzero(~np.isin(own.label, [*common, ""]))),
    )
