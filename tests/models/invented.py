"""A survey of invented stars, small enough to train on in a test."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

STARS = 24  # of each kind
EPOCHS = 60


def write_survey(folder: Path) -> None:
    """Half of the stars vary every 0.55 d, half every 150 d; one has too few epochs, one is of no known class."""
    rng = np.random.default_rng(4)
    labels = ["RRAB", "LPV"] * STARS + ["LPV", "WEIRD"]
    names = [f"star{number}" for number in range(len(labels))]
    points: dict[str, list[object]] = {name: [] for name in ("object_id", "band", "mjd", "mag", "magerr")}
    for name, label in zip(names, labels, strict=True):
        epochs = EPOCHS if name != names[-2] else 5
        mjd = np.sort(58000 + rng.uniform(0, 700, epochs))
        period = {"RRAB": 0.55, "LPV": 150.0, "WEIRD": 3.0}[label] * rng.uniform(0.9, 1.1)
        mag = 16 + 0.4 * np.sin(2 * np.pi * mjd / period) + rng.normal(0, 0.03, epochs)
        columns = ([name] * epochs, ["g"] * epochs, mjd.tolist(), mag.tolist(), [0.03] * epochs)
        for key, values in zip(points, columns, strict=True):
            points[key] += values
    parquet.write_table(pa.table({"object_id": names, "label": labels}), folder / "objects.parquet")
    parquet.write_table(pa.table(points), folder / "points.parquet")
