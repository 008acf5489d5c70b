"""What classifying a row of features costs beside computing it, on one core: python -m tests.benchmarks.networks"""

import time

import numpy as np
from rich.console import Console
from rich.table import Table

from starsieve import features
from starsieve.models.serving import registry
from starsieve.models.serving.scaling import COLUMNS

ROWS = 100_000
LIGHT_CURVES, EPOCHS = 200, 100
SEED = 0


def main() -> None:
    """Every network classifies the same rows; the features are those of as many noisy sine curves."""
    rng = np.random.default_rng(SEED)
    rows, epochs, objects = rng.lognormal(size=(ROWS, len(COLUMNS))), np.full(ROWS, 100), np.arange(ROWS)
    a_row = _features_of_one(rng)
    table = Table(f"{ROWS:,} rows", "seconds", "us a row", "features of a light curve / classifying it")
    for survey in registry.surveys():
        classifier = registry.load(survey)
        classifier.self_test()
        start = time.process_time()
        classifier.classify(rows, epochs, objects)
        seconds = time.process_time() - start
        table.add_row(survey, f"{seconds:.2f}", f"{1e6 * seconds / ROWS:.1f}", f"{a_row / (seconds / ROWS):,.0f}")
    Console().print(table)


def _features_of_one(rng: np.random.Generator) -> float:
    """Seconds for a light curve of EPOCHS points, searched from nothing."""
    mjd = np.sort(rng.uniform(0, 1000, (LIGHT_CURVES, EPOCHS)), axis=1).ravel()
    mag = 15 + 0.3 * np.sin(2 * np.pi * mjd / 0.57) + rng.normal(0, 0.05, mjd.size)
    offsets = np.arange(LIGHT_CURVES + 1) * EPOCHS
    points = (mjd, mag, np.full(mjd.size, 0.05), offsets)
    features.extract_many(*points)  # compiles
    start = time.process_time()
    features.extract_many(*points)
    return (time.process_time() - start) / LIGHT_CURVES


if __name__ == "__main__":
    main()
