"""What the card of the ZTF network says beside its scores: the stream, real ZTF sources, classes left out."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models import ensemble, judging, lightcurves, sources, splits, tables, taxonomy
from models.building import OURS, Work
from models.ensemble import Recipe, Trained
from models.tables import Table
from models.training import Schedule

Floats = npt.NDArray[np.float64]

EPOCHS = (20, 30, 50, 100, 200, 500)  # edges of the bins in which the card gives the macro-F1
PERIODIC = range(2320, 2327)  # ELAsTiCC ids
SURE = 0.5
# Among the unlabelled stars of ztf_field, by their folded light curves: false-alarm probabilities below 1e-20; of all
# others it is above 1e-8.
FIELD_VARIABLES = {"250101100002875": "EW, 0.26991 d", "250101100000832": "RRAB, 0.70536 d"}
QUICK = Recipe(OURS, Schedule(1500, batch=256, body_rate=1e-3), balance=1.0)  # enough to see what Residual does


def in_stream(trained: Trained, natural: Table) -> dict[str, Any]:
    """Scores of held-out Catalina stars as their last alert leaves them, in their natural mix."""
    scores = judging.judge(trained.classes, natural, ensemble.predict(trained, natural))
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
    table = tables.extract(lightcurves.read(folder), cache=work.cache, threads=work.threads)
    table = table.select(np.flatnonzero(table.reason == ""))
    answers = ensemble.predict(trained, table)
    names = learned.object_id.tolist()
    whole = {splits.star(name): row for row, name in enumerate(names) if splits.REAL_VIEW not in name}
    own = ensemble.unseen(trained, learned)
    for row, name in enumerate(table.object_id.tolist()):
        if name in whole:
            answers[row] = own[whole[name]]
    of_periodic = answers[:, [n for n, name in enumerate(trained.classes) if taxonomy.class_id(name) in PERIODIC]]
    together, one_class = of_periodic.sum(axis=1) > SURE, of_periodic.max(axis=1) > SURE
    kept = np.array([splits.held_out(name) for name in table.object_id.tolist()])
    return {
        group: {
            "n": int(chosen.sum()),
            "together": table.object_id[chosen & together].tolist(),
            "one_class": table.object_id[chosen & one_class].tolist(),
        }
        for group, chosen in (("held out", kept), ("all", np.ones(len(kept), dtype=bool)))
    }


def left_out(learned: Table, label: str, seed: int, work: Work) -> float:
    """AUROC of Residual of a network trained without a class: the class against the objects it was trained on."""
    rest = learned.select(np.flatnonzero(learned.label != label))
    trained = ensemble.train(rest, QUICK, sources.own(), seed, work.told(f"ztf without {label}"))
    strange = learned.select(np.flatnonzero(learned.label == label))
    return round(ensemble.unfamiliar(trained, rest, strange), 3)
