"""What drift costs, and the indices of surveys as they should be and gone wrong: python -m tests.benchmarks.drift

The reference is that of ten invented surveys, not the shipped network's, whose stars are real ones.
"""

import time
from dataclasses import replace
from itertools import chain

import numpy as np
from rich.console import Console
from rich.table import Table

from starsieve.broker.drift import counts_of, first_of_a_night
from starsieve.broker.epochs import EPOCH
from starsieve.broker.process import Outcome
from starsieve.broker.store import Stored
from starsieve.broker.warmup import warm_up
from starsieve.models.serving import registry
from starsieve.models.serving.drift import Reference
from tests.broker import drifting
from tests.broker.test_drift import REFERENCE_SEEDS, REFERENCE_STARS, reference_of

BATCH, REPEATS = 500, 20
CHANGES = {
    drifting.unchanged: range(40),
    drifting.nightly_zero_point: range(3),
    drifting.new_zero_point: range(3),
    drifting.underestimated_errors: range(3),
    drifting.every_other_night: range(3),
    drifting.wrong_reference: range(3),
}


def main() -> None:
    """Prints both tables."""
    warm_up()
    classifier = registry.load("ztf")
    nights = (
        drifting.answers_of_a_night(drifting.survey(seed, stars=REFERENCE_STARS), classifier)
        for seed in REFERENCE_SEEDS
    )
    outcomes = list(chain.from_iterable(nights))
    reference = reference_of(outcomes, classifier)
    console = Console()
    for share in (1, 10):
        counting, binning = cost(outcomes[:BATCH], reference, share)
        console.print(f"one of {share} alerts counts: {counting:.1f} us an alert in its batch, {binning:.1f} us later")
    table = Table("survey", "seeds", "objects", "worst index, least and most of the seeds", "above 0.25", "worst")
    for change, seeds in CHANGES.items():
        length = drifting.NIGHTS * (2 if change is drifting.every_other_night else 1)
        found, objects = [], 0
        for seed in seeds:
            answers = drifting.answers_of_a_night(drifting.survey(seed, change, nights=length), classifier)
            found.append(reference.indices(counts_of(answers, reference), len(answers)))
            objects += len(answers)
        worst = [max(each.values()) for each in found]
        over = sorted(sum(value > 0.25 for value in each.values()) for each in found)
        name = max(found[0].items(), key=lambda each: each[1])[0]
        table.add_row(
            change.__name__,
            str(len(seeds)),
            str(objects // len(seeds)),
            f"{min(worst):.3f} {max(worst):.3f}",
            f"{over[0]} to {over[-1]} of {len(found[0])}",
            " ".join(name),
        )
    console.print(table)


def cost(outcomes: list[Outcome], reference: Reference, share: int) -> tuple[float, float]:
    """CPU time an alert (us) in the batch, and of the binning between two batches; one of `share` alerts counts."""
    rows = np.zeros(100, EPOCH)
    stored = {}
    for number, each in enumerate(outcomes):
        rows = rows.copy()
        rows["mjd"] = each.alert.mjd - (1.0 if number % share == 0 else 0.1) - np.arange(100)
        stored[each.alert.object_id] = Stored(rows)
    outcomes = [replace(each) for each in outcomes]
    begin = time.process_time()
    for _ in range(REPEATS):
        chosen = first_of_a_night(outcomes, stored)
    middle = time.process_time()
    for _ in range(REPEATS):
        counts_of(chosen, reference)
    end = time.process_time()
    scale = 1e6 / REPEATS / len(outcomes)
    return (middle - begin) * scale, (end - middle) * scale


if __name__ == "__main__":
    main()
