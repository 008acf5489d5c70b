"""ZTF's photometry row by row on decoded records, slow and plain: what the compiled one is held against, bit by bit."""

import math
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from starsieve.broker.epochs import EPOCH, Epochs, flags, merge, on_grid
from starsieve.broker.surveys.barycentre import FIRST_MJD, LAST_MJD, barycentric
from starsieve.broker.surveys.ztf import MAX_MAG, MIN_MAG, MIN_REAL_BOGUS, PIXEL_ARCSEC
from starsieve.features.photometry import CALIBRATION_ERROR, COUNTERPART_ARCSEC, MAX_MAGERR, MIN_FORCED_SNR, MJD0

Row = Mapping[str, Any]

BANDS = {1: "g", 2: "r", 3: "i"}
SENTINELS = (-99.0, -999.0, -9999.0, -99999.0)
SIGNS = {"t": 1, "1": 1, "true": 1, "f": -1, "0": -1, "false": -1}
HALF_EXPOSURE = 15 / 86400


def epochs_of(record: Row) -> Epochs:
    """All usable measurements of a packet that makes sense."""
    rows = [*_detections(record), *_forced(record)]
    return merge([np.array([row for row in rows if row is not None], EPOCH)])


def _detections(record: Row) -> Iterator[Any]:
    for row in (record["candidate"], *(record.get("prv_candidates") or ())):
        magpsf, sigmapsf, magnr = number(row, "magpsf"), number(row, "sigmapsf"), number(row, "magnr")
        sign = SIGNS.get(str(row["isdiffpos"]).lower(), 0)
        if sign == 0 or number(row, "rb") < MIN_REAL_BOGUS or not (MIN_MAG < magpsf < MAX_MAG and sigmapsf > 0):
            continue
        if is_counterpart(number(row, "distnr") * PIXEL_ARCSEC, magnr):
            difference = 10 ** (-0.4 * magpsf)
            total = 10 ** (-0.4 * magnr) + sign * difference
            if total > 0:
                magerr = math.hypot(difference * sigmapsf / total, CALIBRATION_ERROR)
                yield epoch(row, -2.5 * math.log10(total), magerr)
        elif sign > 0:
            yield epoch(row, magpsf, math.hypot(sigmapsf, CALIBRATION_ERROR), difference=True)


def _forced(record: Row) -> Iterator[Any]:
    for row in record.get("fp_hists") or ():
        flux, error, zero_point = (number(row, name) for name in ("forcediffimflux", "forcediffimfluxunc", "magzpsci"))
        magnr = number(row, "magnr")
        if row["procstatus"] != "0" or not error > 0 or not is_counterpart(number(row, "distnr"), magnr):
            continue
        total = flux + power_of_ten(0.4 * (zero_point - magnr))
        if total > MIN_FORCED_SNR * error:
            magerr = math.hypot(2.5 / math.log(10) * error / total, CALIBRATION_ERROR)
            lag = float(record["candidate"]["jd"]) - row["jd"] if row["jd"] is not None else 0.0
            yield epoch(row, zero_point - 2.5 * math.log10(total), magerr, forced=True, lag_days=lag)


def epoch(row: Row, mag: float, magerr: float, **what: Any) -> Any:
    """A row of EPOCH, or None if its numbers are out of bounds."""
    mjd = number(row, "jd") - MJD0 + HALF_EXPOSURE
    ra, dec = (
        value if math.isfinite(value) else number(row, own)
        for value, own in ((number(row, "ranr"), "ra"), (number(row, "decnr"), "dec"))
    )
    if not (MIN_MAG < mag < MAX_MAG and 0 < magerr < MAX_MAGERR and FIRST_MJD < mjd < LAST_MJD):
        return None
    if row["fid"] not in BANDS or not math.isfinite(ra + dec):
        return None
    reference = zlib.crc32(f"{row.get('field')} {row.get('rcid')} {row['magnr']}".encode())
    program = int(row.get("programid") or 0)
    bits = flags(BANDS[row["fid"]], program=program, reference=reference, **what)
    return float(on_grid(barycentric([mjd], [ra], [dec]))[0]), mag, magerr, bits


def is_counterpart(distance: float, magnr: float) -> bool:
    return 0 <= distance < COUNTERPART_ARCSEC and MIN_MAG < magnr < MAX_MAG


def number(row: Row, name: str) -> float:
    """A number, NaN where there is none or one of ZTF's sentinels."""
    value = row.get(name)
    return math.nan if value is None or value in SENTINELS else float(value)


def power_of_ten(exponent: float) -> float:
    try:
        return float(10**exponent)
    except OverflowError:
        return math.inf
