"""From a folder of labelled light curves to training tables: which objects, which classes, seen how often."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from starsieve.features.tools.lightcurves import LightCurves
from starsieve.models.data import augment, tables
from starsieve.models.data.splits import MIN_CLASS_OBJECTS, Strings
from starsieve.models.data.tables import Table


@dataclass(frozen=True)
class TrainingSet:
    """Feature rows of the objects that can be trained on, and what was left out."""

    table: Table
    bands: tuple[str, ...]
    dropped: dict[str, int]  # classes with too few objects
    not_classified: dict[str, int]  # objects of the other classes without features, by reason
    repeated: list[str]  # objects left out because another has the same light curve
    strange: Table  # the objects of the dropped classes: unlike everything the network learns


def training_set(
    curves: LightCurves,
    views: int,
    *,
    cache: Path | None = None,
    threads: int = 1,
) -> TrainingSet:
    """Features of light curves as they are and in `views` augmented forms; labels "" are left out.

    View 0, 1, ... is augmented by the seed 0, 1, ... in every training, so that its features are computed once.
    """
    own = tables.extract(curves, cache=cache, threads=threads)
    more = (augment.augmented(curves, seed=view) for view in range(views))
    seen = [own, *(tables.extract(view, cache=cache, threads=threads) for view in more)]
    good = (own.reason == "") & (own.label != "")
    learnable = _of_common_classes(own.label, good)
    repeated = _repeated(curves, learnable)
    usable = np.flatnonzero(_of_common_classes(own.label, learnable & ~repeated))
    common = np.unique(own.label[usable]).tolist()
    dropped = Counter(label for label in own.label.tolist() if label not in [*common, ""])
    failed = Counter(reason for reason in own.reason[np.isin(own.label, common)].tolist() if reason)
    return TrainingSet(
        tables.stack([table.select(usable) for table in seen]),
        tuple(curves.bands_seen),
        dict(dropped),
        dict(failed),
        own.object_id[repeated].tolist(),
        own.select(np.flatnonzero(~np.isin(own.label, [*common, ""]) & ~repeated)),
    )


def _of_common_classes(label: Strings, among: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of these objects (n,) have a class that MIN_CLASS_OBJECTS of them have."""
    counts = Counter(label[among].tolist())
    common = [name for name, count in counts.items() if count >= MIN_CLASS_OBJECTS]
    return among & np.isin(label, common)


def _repeated(curves: LightCurves, learnable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Objects (n,) to leave out because another that can be learned has the same light curve, point by point.

    One of them stays, unless their labels differ: then nobody knows which is true. Objects that cannot be learned go
    too: a copy is not unlike everything that is learned.
    """
    content: dict[int, bytes] = defaultdict(bytes)
    for piece, owner in enumerate(curves.owner.tolist()):
        points = slice(curves.offsets[piece], curves.offsets[piece + 1])
        content[owner] += curves.mjd[points].tobytes() + curves.mag[points].tobytes()
    same = defaultdict(list)
    for owner, what in content.items():
        if what:
            same[what].append(owner)
    repeated = np.zeros(len(curves.object_id), dtype=bool)
    for group in same.values():
        learned = [owner for owner in group if learnable[owner]]
        if learned:
            repeated[group] = True
            repeated[learned[0]] = len(set(curves.label[learned].tolist())) > 1
    return repeated
