"""The tables of Rubin's cadence, from its list of visits: python -m tests.benchmarks.cadence

`models/synthesis/lsst/cadence.py` has what this prints: by band the percentiles of depth and seeing and the exposure
time, and how many gaps of 1, 2, ... nights there are between the nights in which a field was seen.
"""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from starsieve.models.synthesis.lsst.cadence import BANDS, GAPS, PERCENTILES

Floats = NDArray[np.float64]

LIST = Path("cadence") / "sv_db_subsampled.db"
COLUMNS = ("fieldRA", "fieldDec", "exp_midpt_mjd", "visitExposureTime", "seeingFwhmEff", "fiveSigmaDepth")
NOON = 0.5  # of the day (UTC): no night on Cerro Pachon has it
MIN_NIGHTS = 3  # of a field that says something about gaps


@dataclass(frozen=True)
class Visit:
    """All visits of the list, arrays of shape (n,): places in degrees, exposure s, seeing arcsec, depth mag."""

    band: NDArray[np.str_]
    ra: Floats
    dec: Floats
    mjd: Floats
    exposure: Floats
    seeing: Floats
    depth: Floats


def read(path: Path) -> Visit:
    """The list in order of time."""
    query = f"SELECT band, {', '.join(COLUMNS)} FROM observations ORDER BY exp_midpt_mjd"
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
        rows = base.execute(query).fetchall()
    return Visit(np.array([row[0] for row in rows]), *np.array([row[1:] for row in rows], np.float64).T)


def percentiles(visits: Visit, values: Floats) -> Floats:
    """Of the values (n,), PERCENTILES by band: shape (bands, percentiles), to two digits."""
    return np.array([np.quantile(values[visits.band == band], PERCENTILES).round(2) for band in BANDS])


def exposures(visits: Visit) -> Floats:
    """The usual exposure time of each band."""
    return np.array([np.median(visits.exposure[visits.band == band]) for band in BANDS])


def gaps(visits: Visit) -> NDArray[np.int64]:
    """How many gaps of 1, 2, ... nights fields have, longer ones than the cadence takes included."""
    night = np.floor(visits.mjd - NOON)
    _, field = np.unique(np.rint([visits.ra, visits.dec]), axis=1, return_inverse=True)
    found = [
        np.diff(nights)
        for one in range(field.max() + 1)
        if (nights := np.unique(night[field == one])).size >= MIN_NIGHTS
    ]
    return np.bincount(np.concatenate(found).astype(np.int64))[1:]


def main() -> None:
    """Prints the tables as Python has them."""
    visits = read(Path(os.environ.get("STARSIEVE_DATA", "../shared/data")) / LIST)
    told = {"DEPTH": percentiles(visits, visits.depth), "SEEING": percentiles(visits, visits.seeing)}
    told |= {"EXPOSURE_S": exposures(visits), "GAPS": gaps(visits)[: len(GAPS)]}
    console = Console(width=120)
    for name, table in told.items():
        console.print(f"{name} = {table.tolist()}")


if __name__ == "__main__":
    main()
