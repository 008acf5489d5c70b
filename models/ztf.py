"""The ZTF network: real labelled stars seen again through ZTF's alerts, judged on stars it never learned from."""

from pathlib import Path
from typing import Any

import numpy as np

from models import building, cards, ensemble, judging, lightcurves, report, sources, splits, synthesis, tables, taxonomy
from models.building import Work
from models.ensemble import Trained
from models.tables import Table

OBJECTS, JUDGED_OBJECTS = 1200, 300  # of each class
ORIGINALS = ("catalina", "asas", "ztf_field", "ztf_snia")
BANDS = ("g", "r")
EPOCHS = (20, 30, 50, 100, 200, 500)  # edges of the bins in which the card gives the macro-F1
PERIODIC = range(2320, 2327)
SURE = 0.5
SIMULATED = (
    "light curves of real Catalina, ASAS and OGLE-III stars, fitted and observed again at real ZTF epochs with ZTF's "
    "noise, through the alert selection (models/synthesis); quasars and half of the supernovae and constant stars are "
    "drawn from models, the other half are real ZTF light curves. Classes are equally frequent, unlike in the sky."
)


def build(data: Path, output: Path, *, seed: int, work: Work) -> None:
    """Trains on stars that are not held out and judges on those that are; see models.splits.held_out."""
    table = _seen_again(data, OBJECTS, seed, work, held_out=False)
    source = sources.own()
    trained = ensemble.train(table, building.recipe(len(table.owner), source), source, seed, work.told("ztf"))
    judged = _seen_again(data, JUDGED_OBJECTS, seed + 1, work, held_out=True)
    answers = ensemble.predict(trained, judged)
    scores = {"of": "stars seen again whose originals were held out"} | judging.judge(trained.classes, judged, answers)
    notes = {
        "training": building.training_notes("ogle3", "stars seen again through ZTF's alerts", table, seed),
        "simulated": SIMULATED,
        "scores": scores,
        "macro_f1_by_epochs": _by_epochs(trained, judged, answers),
        "real_sources_called_periodic": {
            name: _called_periodic(trained, data / "lightcurves" / name, work) for name in ("ztf_field", "ztf_snia")
        },
    }
    card = cards.save(trained, output, survey="ztf", bands=BANDS, notes=notes)
    report.write(output, card, np.searchsorted(trained.classes, judged.label), answers)


def _seen_again(data: Path, objects: int, seed: int, work: Work, *, held_out: bool) -> Table:
    """Features of stars seen again, of those that are held out or of the others."""
    stars = [name for name in _originals(data) if splits.held_out(name) == held_out]
    made = synthesis.concatenate(synthesis.ztf_light_curves(data, objects, seed, stars))
    table = tables.extract(building.assembled(made), cache=work.cache, threads=work.threads)
    return table.select(np.flatnonzero(table.reason == ""))


def _originals(data: Path) -> list[str]:
    names: list[str] = synthesis.read_catalog(data / "catalogs").object_id.tolist()
    for survey in ORIGINALS:
        names += lightcurves.read(data / "lightcurves" / survey).object_id.tolist()
    return names


def _by_epochs(trained: Trained, table: Table, answers: Any) -> dict[int, float]:
    """Macro-F1 of objects by the epochs of their fullest band, by the lower edge of the bin."""
    epochs = np.zeros(len(table.object_id))
    np.maximum.at(epochs, table.owner, table.epochs)
    found = {}
    for low, high in zip(EPOCHS, [*EPOCHS[1:], np.inf], strict=True):
        inside = np.flatnonzero((epochs >= low) & (epochs < high))
        if len(inside):
            found[low] = judging.judge(trained.classes, table.select(inside), answers[inside])["macro_f1"]
    return found


def _called_periodic(trained: Trained, folder: Path, work: Work) -> dict[str, float]:
    """Of the held-out real sources of a folder: how many, and the share with a periodic class above one half."""
    table = tables.extract(lightcurves.read(folder), cache=work.cache, threads=work.threads)
    kept = [splits.held_out(name) for name in table.object_id.tolist()]
    table = table.select(np.flatnonzero(np.array(kept) & (table.reason == "")))
    answers = ensemble.predict(trained, table)
    periodic = [number for number, name in enumerate(trained.classes) if taxonomy.class_id(name) in PERIODIC]
    return {"n": len(answers), "share": float((answers[:, periodic].max(axis=1) > SURE).mean())}
