"""Catalogues to simulate, and what the stream's own decoder reads from packets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from starsieve.broker import simulate
from starsieve.broker.epochs import merge
from starsieve.broker.simulate.observed import to_flux, to_mag
from starsieve.broker.surveys import Alert, packets


def decoded(stream: Sequence[simulate.SimulatedAlert]) -> dict[str, Any]:
    """Light curves by object id, as the stream's own decoder reads them."""
    parts: dict[str, list[Any]] = {}
    for simulated in stream:
        (alert,) = packets.decode(simulated.packet, "ztf")
        assert isinstance(alert, Alert), alert
        assert (alert.object_id, alert.alert_id) == (simulated.star.object_id, simulated.alert_id)
        parts.setdefault(alert.object_id, []).append(alert.epochs)
    return {name: merge(epochs) for name, epochs in parts.items()}


def singles() -> tuple[Any, Any]:
    """Times and magnitudes of a star that is seen 50 times, each in a night of its own."""
    mjd = 55000 + np.arange(50) * 3.0
    return mjd, to_mag(to_flux(np.full(50, 15.5)) * (1 + 0.3 * np.sin(np.arange(50))))


def catalogue(tmp_path: Path, *curves: dict[str, tuple[Any, ...]]) -> Path:
    """A folder as `read_light_curves` takes it; `curves` are band, mjd, mag, magerr by object id."""
    folder = tmp_path / "survey"
    folder.mkdir()
    names = sorted({name for part in curves for name in part})
    objects = {"object_id": names, "label": ["EW"] * len(names), "period": [0.5] * len(names)}
    objects |= {"ra": [40.0] * len(names), "dec": [-10.0] * len(names)}
    points: dict[str, list[Any]] = {column: [] for column in ("object_id", "band", "mjd", "mag", "magerr")}
    for part in curves:
        for name, (band, mjd, mag, magerr) in part.items():
            columns = ([name] * len(mjd), [band] * len(mjd), mjd, mag, np.broadcast_to(magerr, len(mjd)))
            for column, values in zip(points.values(), columns, strict=True):
                column.extend(values)
    parquet.write_table(pa.table(objects), folder / "objects.parquet")
    parquet.write_table(pa.table(points), folder / "points.parquet")
    return folder
