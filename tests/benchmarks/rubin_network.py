"""Which constant stars and supernovae Rubin's network calls periodic: python -m tests.benchmarks.rubin_network

By age and epochs, of the stars that the card is judged on: held out, seen again.
"""

import itertools
import os
from pathlib import Path

import numpy as np
from rich.console import Console

from starsieve.models import synthesis
from starsieve.models.data.tables import Table, default_cache
from starsieve.models.judging import judging
from starsieve.models.recipes.building import Work
from starsieve.models.recipes.lsst import JUDGED, MONTHS, NOT_PERIODIC
from starsieve.models.recipes.seen_again import stars, table_of
from starsieve.models.recipes.ztf_checks import PERIODIC, SURE
from starsieve.models.serving import registry, taxonomy
from starsieve.models.serving.classifier import Classifier
from starsieve.models.synthesis.lsst.training_set import MIN_EPOCHS

EPOCHS = (0, 20, 40, 80, 10_000)  # of all bands that are answered together: edges of the rows
SEED = 1  # of the stars that the card is judged on


def main() -> None:
    """Prints the table as Markdown."""
    console, data = Console(width=120), Path(os.environ.get("STARSIEVE_DATA", "../shared/data"))
    classifier = Classifier(registry.WEIGHTS / "lsst")
    work = Work(default_cache(), 1, lambda *_: None)
    _, kept = stars(data)
    console.print(f"| months | epochs | {' | '.join(NOT_PERIODIC)} |\n{'|---' * (2 + len(NOT_PERIODIC))}|")
    for months in (None, *MONTHS):
        years = None if months is None else months / 12
        table = table_of(synthesis.lsst_light_curves(data, JUDGED, SEED, kept, years=years), work, MIN_EPOCHS)
        periodic = called_periodic(classifier, table)
        epochs = np.bincount(table.owner, table.epochs, len(table.label))
        for low, high in [(EPOCHS[0], EPOCHS[-1]), *itertools.pairwise(EPOCHS)]:
            within = (epochs >= low) & (epochs < high)
            cells = [f"{periodic[here].sum()} of {here.sum()}" for here in _each(table, within)]
            console.print(f"| {months or 'any'} | {low} to {high} | {' | '.join(cells)} |")


def called_periodic(classifier: Classifier, table: Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which objects get more than one half for the periodic classes together."""
    names = [name for name in classifier.classes if name != taxonomy.RESIDUAL]
    ids = [taxonomy.class_id(name) for name in names]
    answers = judging.answers(classifier, table)
    return np.array([taxonomy.hierarchical_sums(ids, one[: len(ids)])[PERIODIC] > SURE for one in answers])


def _each(table: Table, within: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[np.ndarray]:
    return [within & (table.label == label) for label in NOT_PERIODIC]


if __name__ == "__main__":
    main()
