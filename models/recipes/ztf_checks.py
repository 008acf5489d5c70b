"""What the card of the ZTF network says beside its scores: the stream, and real ZTF sources."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from starsieve.features.tools.folder import read_light_curves
from starsieve.models.data import splits, tables
from starsieve.models.data.tables import Table
from starsieve.models.judging import judging
from starsieve.models.recipes.building import Work
from starsieve.models.serving import taxonomy
from starsieve.models.training import ensemble
from starsieve.models.training.ensemble import Trained

Floats = npt.NDArray[np.float64]

EPOCHS = (20, 30, 50, 100, 200, 500)  # edges of the bins in which the card gives the macro-F1
PERIODIC = 2320  # ELAsTiCC id
SURE = 0.5
# Among the unlabelled stars of ztf_field, by their folded light curves: false-alarm probabilities below 1e-20; of all
# others it is above 1e-8.
FIELD_VARIABLES = {"250101100002875": "EW, 0.26991 d", "250101100000832": "RRAB, 0.70536 d"}


def in_stream(classes: tuple[str, ...], natural: Table, answers: Floats) -> dict[str, Any]:
    """Scores of held-out Catalina stars as their last alert leaves them, in their natural mix."""
    scores = judging.judge(classes, natural, answers)
    return {"of": "Catalina stars held out, as their last alert leaves them, in their natural mix"} | scores


def by_epochs(trained: Trained, table: Table, answers: Floats) -> dict[int, float]:
    """Macro-F1 of objects by the epochs of their fullest band, by the lower edge of the bin."""
    epochs = np.zeros(len(table.object_id))
    np.maximum.at(epochs, table.owner, table.epochs)
    found = {}
    for low, high in zip(EPOCHS, [*EPOCHS[1:], np.inf], strict=True):
        inside = np.flatnonzero((epochs >= low) & (epochs < high))
        if len(inside):
            found[low] = judging.judge(trained.classes, table.select(inside), answers[inside])["macro_f1"]
    return found


def called_periodic(trained: Trained, learned: Table, folder: Path, work: Work) -> dict[str, dict[str, Any]]:
    """Of the real sources of a folder, held out and all of them: which are called periodic variables.

    Sources that were learned from are judged by the members that had not seen them. `together`: the periodic classes
    have more than one half in sum; `one_class`: a single one has.
    """
    table = tables.extract(read_light_curves(folder), cache=work.cache, threads=work.threads)
    table = table.select(np.flatnonzero(table.reason == ""))
    answers = ensemble.predict(trained, table)
    names = learned.object_id.tolist()
    whole = {splits.star(name): row for row, name in enumerate(names) if splits.REAL_VIEW not in name}
    own = ensemble.unseen(trained, learned)
    for row, name in enumerate(table.object_id.tolist()):
        if name in whole:
            answers[row] = own[whole[name]]
    ids = [taxonomy.class_id(name) for name in trained.classes]
    sums = (taxonomy.hierarchical_sums(ids, answer[: len(ids)]) for answer in answers)
    together = np.array([answer[PERIODIC] for answer in sums]) > SURE
    periodic = [number for number, class_id in enumerate(ids) if PERIODIC in taxonomy.ancestors(class_id)]
    one_class = answers[:, periodic].max(axis=1) > SURE
    kept = np.array([splits.held_out(name) for name in table.object_id.tolist()])
    return {
        group: {
            "n": int(chosen.sum()),
            "together": table.object_id[chosen & together].tolist(),
            "one_class": table.object_id[chosen & one_class].tolist(),
        }
        for group, chosen in (("held out", kept), ("all", np.ones(len(kept), dtype=bool)))
    }
