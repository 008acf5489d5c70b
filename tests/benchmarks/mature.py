"""What an alert of a mature survey costs, of this tree beside another: python -m tests.benchmarks.mature --before TREE

Every light curve is new, and objects take turns, as in a stream: a benchmark that repeats one curve measures a branch
predictor that has learned it. Milliseconds of CPU; both trees take turns in processes of their own.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from starsieve import features
from starsieve.broker.epochs import EPOCH, Epochs, flags, merge
from starsieve.broker.process import process
from starsieve.broker.store import Stored
from starsieve.broker.surveys import Alert
from starsieve.features.tools.simulated import KINDS, light_curve
from starsieve.models.serving import registry

MATURE = ((100, 300.0), (700, 1000.0))  # epochs in two bands together, days
OBJECTS, STEPS, ROUNDS = 50, 28, 3  # 28 epochs are two rungs at 700
LARGE, OF_ONE_OBJECT = 5000, 20
MIN_EPOCHS = 20


def observed(kind: str, n_epochs: int, baseline: float, rng: np.random.Generator) -> Epochs:
    """Rows of one object in g and r."""
    parts = []
    for band in "gr":
        curve = light_curve(kind, n_epochs // 2, baseline, rng)
        rows = np.empty(curve.mjd.size, EPOCH)
        rows["mjd"], rows["mag"], rows["magerr"], rows["flags"] = curve.mjd, curve.mag, curve.magerr, flags(band)
        parts.append(rows)
    return merge(parts)


def alert(rows: Epochs, row: int, name: str) -> Alert:
    """That of one of the rows."""
    return Alert("ztf", row, name, 0, float(rows["mjd"][row]), 0.0, 0.0, rows[row : row + 1])


def until(rows: Epochs, mjd: float) -> Epochs:
    """The rows no later."""
    return rows[rows["mjd"] <= mjd]


def update(states: list[bytes | None], objects: list[Epochs]) -> list[bytes | None]:
    """New states of objects in g and r."""
    rows = np.concatenate(objects)
    sizes = [np.count_nonzero(o["flags"] == flags(band)) for o in objects for band in "gr"]
    columns: list[NDArray[np.float64]] = [rows[name].astype(np.float64) for name in ("mjd", "mag", "magerr")]
    found = features.update_many(states, *columns, np.cumsum([0, *sizes]), objects=np.arange(len(objects) + 1) * 2)
    return found.states


def mature(n_epochs: int, baseline: float, seed: int) -> dict[str, float]:
    """An alert of objects of so many epochs with warm states, one of each object in a batch."""
    rng = np.random.default_rng(seed)
    classifier, total = registry.load("ztf"), n_epochs + STEPS
    objects = {f"{i}": observed(KINDS[i % len(KINDS)], total, baseline, rng) for i in range(OBJECTS)}
    latest = {name: np.argsort(rows["mjd"], kind="stable")[-STEPS:] for name, rows in objects.items()}
    seen = [until(rows, rows["mjd"][latest[name][0]] - 1e-6) for name, rows in objects.items()]
    states = update([None] * OBJECTS, seen)
    stored = {name: Stored(rows, state) for name, rows, state in zip(objects, seen, states, strict=True)}
    spent = {"features": 0.0, "process": 0.0}
    for step in range(STEPS):
        alerts = [alert(rows, latest[name][step], name) for name, rows in objects.items()]
        seen = [until(rows, a.mjd) for rows, a in zip(objects.values(), alerts, strict=True)]
        start = time.process_time()
        states = update(states, seen)
        middle = time.process_time()
        _, changes = process(alerts, stored, classifier, min_epochs=MIN_EPOCHS)
        spent["features"] += middle - start
        spent["process"] += time.process_time() - middle
        for rows, change in zip(seen, changes, strict=True):
            state = change.search_state or stored[change.object_id].search_state
            stored[change.object_id] = Stored(rows, state)
    return {f"{what}, N ~ {n_epochs}": 1e3 * of / STEPS / OBJECTS for what, of in spent.items()}


def large(seed: int) -> dict[str, float]:
    """Updates from nothing of objects with very many epochs, of which no period stands out, and many alerts of one."""
    rng, classifier = np.random.default_rng(seed), registry.load("ztf")
    spent = {}
    for baseline in (1000.0, 3000.0):
        rows = observed("noise", LARGE, baseline, rng)
        start = time.process_time()
        update([None], [rows])
        spent[f"from nothing, N = {LARGE}, {baseline:.0f} d"] = 1e3 * (time.process_time() - start)
    alerts = [alert(rows, row, "star") for row in np.argsort(rows["mjd"], kind="stable")[-OF_ONE_OBJECT:]]
    start = time.process_time()
    process(alerts, {"star": Stored(rows)}, classifier, min_epochs=MIN_EPOCHS)
    spent[f"process, each of {OF_ONE_OBJECT} alerts of that object"] = (
        1e3 * (time.process_time() - start) / OF_ONE_OBJECT
    )
    return spent


def measure(seed: int) -> dict[str, float]:
    """All of one round, after what is compiled or loaded once."""
    update([None], [observed("rrab", 200, 300.0, np.random.default_rng(seed))])
    mature(60, 100.0, seed)
    spent = {}
    for n_epochs, baseline in MATURE:
        spent |= mature(n_epochs, baseline, seed)
    return spent | large(seed)


def of_tree(tree: Path, seed: int) -> dict[str, float]:
    """One round in a process that imports everything from another folder."""
    environment = {**os.environ, "PYTHONPATH": str(tree.resolve())}
    command = [sys.executable, str(Path(__file__).resolve()), "--seed", str(seed)]
    found = subprocess.run(command, env=environment, cwd=tree, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return result


def main(
    before: Annotated[Path | None, typer.Option(help="Checkout of the version to compare with.")] = None,
    seed: Annotated[int | None, typer.Option(help="One round, as JSON.")] = None,
) -> None:
    """Prints milliseconds an alert of this tree, and of another one beside it."""
    if seed is not None:
        print(json.dumps(measure(seed)))  # noqa: T201 - the result
        return
    here = Path(__file__).resolve().parents[2]
    trees = [here] if before is None else [before, here]
    for tree in trees:
        of_tree(tree, 0)  # compiles
    rounds: list[list[Any]] = [[of_tree(tree, seed) for tree in trees] for seed in range(1, ROUNDS + 1)]
    table = Table("CPU ms", *(["before", "now", "times faster"] if before else ["now"]))
    for what in rounds[0][0]:
        means = np.mean([[result[what] for result in results] for results in rounds], axis=0)
        ratio = [f"{means[0] / means[-1]:.1f}"] if before else []
        table.add_row(what, *(f"{mean:.2f}" for mean in means), *ratio)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
