"""ZTF: from a decoded packet (schemas 1.x to 4.02) to an alert with total magnitudes.

A variable star's reference image contains the star's own light, so the light curve is that of reference flux plus
difference flux. The packet's fields: https://zwickytransientfacility.github.io/ztf-avro-alert/schema.html
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.epochs import EPOCH, Epochs, flags, merge
from starsieve.broker.surveys import Alert, AlertError
from starsieve.broker.surveys.barycentre import FIRST_MJD, LAST_MJD, barycentric
from starsieve.features.photometry import (
    CALIBRATION_ERROR,
    COUNTERPART_ARCSEC,
    HALF_EXPOSURE_DAYS,
    MAX_MAGERR,
    MIN_FORCED_SNR,
    MJD0,
    magnitude,
)

Row = Mapping[str, Any]
Floats = NDArray[np.float64]

BANDS = {1: "g", 2: "r", 3: "i"}
PIXEL_ARCSEC = 1.01  # candidate.distnr is in pixels, fp_hists.distnr in arcsec
MIN_REAL_BOGUS = 0.55  # ALeRCE's cut for light curves
MAX_HISTORY = 5_000  # rows; real histories have a few hundred, and cost grows with them
MAX_OBJECT_ID = 64  # characters; ZTF's have 12
MAG_RANGE = (6.0, 30.0)  # mag: ZTF saturates near 12.5, and what is brighter than 6 is nonsense
MAX_SIGMAPSF = 1e3  # mag; beyond is nonsense
SENTINELS = (-99.0, -999.0, -9999.0, -99999.0)  # how ZTF writes that there is no number
_SIGNS = {"t": 1, "1": 1, "true": 1, "f": -1, "0": -1, "false": -1}  # as spelt in isdiffpos
_DAY_S = 86400.0
_UNIX_EPOCH_JD = 2440587.5


def alert(record: Row) -> Alert:
    """The alert of one decoded packet.

    Raises:
        AlertError: `not_ztf` (a field that all ZTF packets have is absent) or `absurd_value`.
    """
    try:
        candidate = record["candidate"]
        alert_id = record.get("candid") or candidate["candid"]
        histories = [record.get(name) or () for name in ("prv_candidates", "fp_hists")]
        _check(record["objectId"], alert_id, candidate, histories)
        detections = [row for row in (candidate, *histories[0]) if row["magpsf"] is not None]
        jd, ra, dec = float(candidate["jd"]), float(candidate["ra"]), float(candidate["dec"])
        with np.errstate(all="ignore"):  # absurd numbers overflow here; what comes of them is dropped by its range
            epochs = merge([_detections(detections), _forced(histories[1], jd)])
        return Alert(
            survey="ztf",
            alert_id=alert_id,
            object_id=record["objectId"],
            time_ms=round((jd - _UNIX_EPOCH_JD) * _DAY_S * 1000),
            mjd=float(barycentric(jd - MJD0 + HALF_EXPOSURE_DAYS, ra, dec)),
            ra=ra,
            dec=dec,
            epochs=epochs,
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise AlertError("not_ztf", f"{type(error).__name__}: {error}") from error


def total_magnitude(
    magpsf: Floats, sigmapsf: Floats, positive: NDArray[np.bool_], magnr: Floats
) -> tuple[Floats, Floats]:
    """Total magnitudes and errors from difference magnitudes, their signs and reference magnitudes; shapes (n,).

    NaN where reference and difference flux do not add up to a positive flux. The reference's own error is left out: it
    is common to all epochs.
    """
    reference = 10 ** (-0.4 * magnr)
    difference = 10 ** (-0.4 * magpsf)
    total = reference + np.where(positive, difference, -difference)
    total = np.where(total > 0, total, np.nan)
    return -2.5 * np.log10(total), np.hypot(difference * sigmapsf / total, CALIBRATION_ERROR)


def forced_magnitude(flux: Floats, flux_error: Floats, zero_point: Floats, magnr: Floats) -> tuple[Floats, Floats]:
    """Total magnitude and its error from forced difference photometry (DN) at a zero point; all of shape (n,).

    NaN where the total flux is not MIN_FORCED_SNR times its error.
    """
    total = flux + 10 ** (0.4 * (zero_point - magnr))
    total = np.where(total > MIN_FORCED_SNR * flux_error, total, np.nan)
    mag, magerr = magnitude(total, flux_error)
    return zero_point + mag, magerr


def _detections(rows: Sequence[Row]) -> Epochs:
    magpsf, sigmapsf = _numbers(rows, "magpsf"), _numbers(rows, "sigmapsf")
    magnr, distance = _numbers(rows, "magnr"), _numbers(rows, "distnr") * PIXEL_ARCSEC
    sign = np.array([_SIGNS.get(str(row["isdiffpos"]).lower(), 0) for row in rows], np.int8)
    positive = sign > 0
    real = ~(_numbers(rows, "rb") < MIN_REAL_BOGUS)
    has_counterpart = _is_counterpart(distance, magnr)
    mag, magerr = total_magnitude(magpsf, sigmapsf, positive, magnr)
    # Without a counterpart there is no total flux; a positive difference is kept as such.
    mag = np.where(has_counterpart, mag, np.where(positive, magpsf, np.nan))
    magerr = np.where(has_counterpart, magerr, np.hypot(sigmapsf, CALIBRATION_ERROR))
    usable = real & (magpsf > MAG_RANGE[0]) & (magpsf < MAG_RANGE[1]) & (sigmapsf > 0) & (sign != 0)
    return _epochs(rows, mag, magerr, usable, difference=~has_counterpart)


def _forced(rows: Sequence[Row], packet_jd: float) -> Epochs:
    flux, error = _numbers(rows, "forcediffimflux"), _numbers(rows, "forcediffimfluxunc")
    magnr, distance = _numbers(rows, "magnr"), _numbers(rows, "distnr")
    clean = np.array([row["procstatus"] == "0" for row in rows], bool) & (error > 0)
    mag, magerr = forced_magnitude(flux, error, _numbers(rows, "magzpsci"), magnr)
    return _epochs(rows, mag, magerr, clean & _is_counterpart(distance, magnr), packet_jd=packet_jd)


def _is_counterpart(distance: Floats, magnr: Floats) -> NDArray[np.bool_]:
    return (distance >= 0) & (distance < COUNTERPART_ARCSEC) & (magnr > MAG_RANGE[0]) & (magnr < MAG_RANGE[1])


def _epochs(
    rows: Sequence[Row],
    mag: Floats,
    magerr: Floats,
    usable: NDArray[np.bool_],
    *,
    difference: NDArray[np.bool_] | None = None,
    packet_jd: float | None = None,
) -> Epochs:
    """Packed rows of the usable measurements; the rows are forced photometry where the packet's time is given."""
    jd = _numbers(rows, "jd")
    mjd = jd - MJD0 + HALF_EXPOSURE_DAYS
    # The reference source's position, where there is one, is the same in every packet; the detection's own is not.
    ra, dec = (
        np.where(np.isfinite(reference), reference, own)
        for reference, own in (
            (_numbers(rows, "ranr"), _numbers(rows, "ra")),
            (_numbers(rows, "decnr"), _numbers(rows, "dec")),
        )
    )
    usable = usable & (mag > MAG_RANGE[0]) & (mag < MAG_RANGE[1]) & (magerr > 0) & (magerr < MAX_MAGERR)
    usable &= _is_date(mjd) & np.isfinite(ra + dec)
    kept = [index for index in np.flatnonzero(usable).tolist() if rows[index]["fid"] in BANDS]
    epochs = np.empty(len(kept), EPOCH)
    epochs["mjd"] = barycentric(mjd[kept], ra[kept], dec[kept])
    epochs["mag"] = mag[kept]
    epochs["magerr"] = magerr[kept]
    epochs["flags"] = [
        flags(
            BANDS[rows[index]["fid"]],
            program=int(rows[index].get("programid") or 0),
            reference=_reference(rows[index]),
            forced=packet_jd is not None,
            lag_days=0 if packet_jd is None else packet_jd - jd[index],
            difference=difference is not None and bool(difference[index]),
        )
        for index in kept
    ]
    return epochs


def _reference(row: Row) -> int:
    """A hash of the reference image: histories have no rfid; field, channel and the source's magnitude tell as much."""
    return zlib.crc32(f"{row.get('field')} {row.get('rcid')} {row['magnr']}".encode())


def _numbers(rows: Iterable[Row], name: str) -> Floats:
    """One column as float64; NaN where a row has no number or one of ZTF's sentinels."""
    values = np.array([np.nan if row.get(name) is None else row[name] for row in rows], np.float64)
    return np.where(np.isin(values, SENTINELS), np.nan, values)


def _is_date(mjd: Floats) -> NDArray[np.bool_]:
    return (mjd > FIRST_MJD) & (mjd < LAST_MJD)


def _check(object_id: Any, alert_id: Any, candidate: Row, histories: Iterable[Sequence[Row]]) -> None:
    """Refuses a packet whose triggering candidate cannot be true."""
    low, high = MAG_RANGE
    holds = {
        "objectId": isinstance(object_id, str) and 0 < len(object_id) <= MAX_OBJECT_ID and _is_plain(object_id),
        "candid": isinstance(alert_id, int) and -(2**63) <= alert_id < 2**63,
        "jd": _is_in(candidate["jd"], FIRST_MJD + MJD0, LAST_MJD + MJD0),
        "ra": _is_in(candidate["ra"], 0, 360),
        "dec": _is_in(candidate["dec"], -90, 90),
        "fid": isinstance(candidate["fid"], int) and candidate["fid"] in BANDS,
        "magpsf": _is_in(candidate["magpsf"], low, high),
        "sigmapsf": _is_in(candidate["sigmapsf"], np.finfo(float).tiny, MAX_SIGMAPSF),
        "history": all(len(history) <= MAX_HISTORY for history in histories),
    }
    found = {**candidate, "objectId": object_id, "candid": alert_id, "history": [len(history) for history in histories]}
    absurd = [f"{name} = {found[name]!r}" for name, true in holds.items() if not true]
    if absurd:
        raise AlertError("absurd_value", ", ".join(absurd))


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _is_in(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and low <= value <= high
