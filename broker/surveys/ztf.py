"""ZTF: from a packet's columns (schemas 1.x to 4.02) to an alert with total magnitudes.

A variable star's reference image contains the star's own light, so the light curve is that of reference flux plus
difference flux. The packet's fields: https://zwickytransientfacility.github.io/ztf-avro-alert/schema.html
"""

import math
import struct
import zlib
from functools import lru_cache
from typing import Any

import numpy as np

from starsieve.broker.avro.program import Wanted
from starsieve.broker.avro.projection import Columns
from starsieve.broker.avro.walk import FIRST, MISSING, N_ROWS
from starsieve.broker.epochs import BANDS, EPOCH, MAGNITUDES, Epochs, merge, on_grid, packed
from starsieve.broker.surveys import Alert, AlertError
from starsieve.broker.surveys.barycentre import FIRST_MJD, LAST_MJD, barycentric
from starsieve.features.jit import Bytes, Floats, Integers, exact
from starsieve.features.photometry import (
    CALIBRATION_ERROR,
    COUNTERPART_ARCSEC,
    HALF_EXPOSURE_DAYS,
    MAG_PER_RELATIVE_FLUX,
    MAX_MAGERR,
    MIN_FORCED_SNR,
    MJD0,
)

PIXEL_ARCSEC = 1.01  # candidate.distnr is in pixels, fp_hists.distnr in arcsec
MIN_REAL_BOGUS = 0.55  # ALeRCE's cut for light curves
MAX_HISTORY = 5_000  # rows; real histories have a few hundred, and cost grows with them
MAX_OBJECT_ID = 64  # characters; ZTF's have 12
MIN_MAG, MAX_MAG = 6.0, 30.0  # ZTF saturates near 12.5, and what is brighter than 6 is nonsense
MAX_SIGMAPSF = 1e3  # mag; beyond is nonsense
_DAY_S = 86400.0
_UNIX_EPOCH_JD = 2440587.5
_FIDS = (1, 2, 3)
_FIRST_BAND = BANDS.index("g")  # of the filter that ZTF numbers 1; r and i follow

_LAST_FEW = 8  # reference images that a row is compared with


def _words(*texts: str) -> tuple[int, ...]:
    """Texts as numbers, to compare with in a kernel; each behind a one."""
    return tuple(int.from_bytes(b"\x01" + text.encode(), "big") for text in texts)


_LONGEST_WORD = 6  # letters
_POSITIVE, _NEGATIVE = _words("t", "1", "true"), _words("f", "0", "false")  # isdiffpos, however it is spelt
(_GOOD,) = _words("0")  # procstatus

_ALL: dict[str, type] = dict.fromkeys(("jd", "ra", "dec", "ranr", "decnr", "distnr", "magnr"), float)
_ALL |= dict.fromkeys(("fid", "programid", "field", "rcid"), int)
_DETECTION = _ALL | {"magpsf": float, "sigmapsf": float, "rb": float, "isdiffpos": str, "candid": int}
_FORCED = _ALL | {"forcediffimflux": float, "forcediffimfluxunc": float, "magzpsci": float, "procstatus": str}
#: What is read of a packet.
WANTED: Wanted = {
    "": {"objectId": str, "candid": int},
    "candidate": _DETECTION,
    "prv_candidates": _DETECTION,
    "fp_hists": _FORCED,
}
#: How its photometry is stored.
FORM = MAGNITUDES
# Numbers of its tables and columns.
PACKET, CANDIDATE, DETECTIONS, FORCED = range(4)
OBJECT_ID, PACKET_CANDID = range(2)
JD, RA, DEC, RANR, DECNR, DISTNR, MAGNR, FID, PROGRAMID, FIELD, RCID = range(11)
MAGPSF, SIGMAPSF, RB, ISDIFFPOS, CANDID = range(11, 16)
FLUX, FLUX_ERROR, ZERO_POINT, PROCSTATUS = range(11, 15)
N_DETECTION, N_FORCED = len(_DETECTION), len(_FORCED)
# What a table cannot be without, where it is there at all.
_NEEDED = {
    "": ("objectId", "candidate"),
    "candidate": ("jd", "ra", "dec", "fid", "magpsf", "sigmapsf", "isdiffpos", "magnr"),
    "prv_candidates": ("jd", "fid", "magpsf", "sigmapsf", "isdiffpos", "magnr"),
    "fp_hists": ("jd", "fid", "forcediffimflux", "forcediffimfluxunc", "magzpsci", "procstatus", "magnr"),
}


def alert(columns: Columns, min_reliability: float = MIN_REAL_BOGUS) -> Alert:
    """The alert of one packet; detections whose real-bogus score is lower than this, or MIN_REAL_BOGUS, do not count.

    Raises:
        AlertError: `not_ztf` (a field that all ZTF packets have is absent, or of another type) or `absurd_value`.
    """
    lacking = _lacking(columns.absent)
    if lacking or columns.rows[CANDIDATE, N_ROWS] != 1:
        raise AlertError("not_ztf", f"no {lacking or 'candidate'}, or of another type")
    first = columns.rows[CANDIDATE, FIRST]
    cells = columns.cells[first : first + N_DETECTION]
    candidate = cells.view(np.float64).tolist()
    object_id, alert_id = _identity(columns, cells)
    _check(object_id, alert_id, int(cells[FID]), candidate, columns.rows[DETECTIONS:, N_ROWS].tolist())
    mjd, epochs = _photometry(columns, max(min_reliability, MIN_REAL_BOGUS))
    return Alert(
        survey="ztf",
        alert_id=alert_id,
        object_id=object_id,
        time_ms=round((candidate[JD] - _UNIX_EPOCH_JD) * _DAY_S * 1000),
        mjd=mjd,
        ra=candidate[RA],
        dec=candidate[DEC],
        epochs=merge([epochs]),
    )


def schema_of(schema_id: int) -> bytes | None:
    """ZTF sends containers, and no frames."""
    raise AlertError("not_avro", f"a frame, of the schema {schema_id}, instead of a container")


def warm_up() -> None:
    """Compiles the kernels, or loads them compiled, by a packet of zeros."""
    widths = [len(table) for table in WANTED.values()]
    firsts = np.cumsum([0, *widths])
    rows = np.array([[first, 1, first] for first in firsts[:-1].tolist()])
    columns = Columns(np.frombuffer(b"0", np.uint8), np.zeros(firsts[-1], np.int64), rows, frozenset(), 0)
    merge([_photometry(columns, MIN_REAL_BOGUS)[1]])


@lru_cache(maxsize=64)
def _lacking(absent: frozenset[str]) -> str:
    """What a schema lacks that all of ZTF's have."""
    tables = [table for table in _NEEDED if table not in absent]
    needed = [f"{table}.{name}" if table else name for table in tables for name in _NEEDED[table]]
    return ", ".join(name for name in needed if name in absent)


def _identity(columns: Columns, candidate: Integers) -> tuple[str, int]:
    """Object and alert; the latter is the candidate's where the packet has none."""
    packet = columns.cells[columns.rows[PACKET, FIRST] :]
    object_id, alert_id = columns.text(int(packet[OBJECT_ID])), int(packet[PACKET_CANDID])
    return (object_id or b"").decode(errors="replace"), int(candidate[CANDID]) if alert_id in {0, MISSING} else alert_id


def _check(object_id: str, alert_id: int, fid: int, candidate: list[float], history: list[int]) -> None:
    """Refuses a packet whose triggering candidate cannot be true."""
    holds = {
        "objectId": 0 < len(object_id) <= MAX_OBJECT_ID and object_id.isascii() and object_id.isprintable(),
        "candid": alert_id != MISSING,
        "jd": FIRST_MJD + MJD0 <= candidate[JD] <= LAST_MJD + MJD0,
        "ra": 0 <= candidate[RA] <= 360,  # noqa: PLR2004
        "dec": -90 <= candidate[DEC] <= 90,  # noqa: PLR2004
        "fid": fid in _FIDS,
        "magpsf": MIN_MAG <= candidate[MAGPSF] <= MAX_MAG,
        "sigmapsf": 0 < candidate[SIGMAPSF] <= MAX_SIGMAPSF,
        "history": max(history) <= MAX_HISTORY,
    }
    if not all(holds.values()):
        named = {"objectId": object_id, "candid": alert_id, "fid": fid, "history": history}
        found: dict[str, Any] = dict(zip(_DETECTION, candidate, strict=True)) | named
        absurd = {name: None if found[name] == MISSING else found[name] for name in holds if not holds[name]}
        raise AlertError("absurd_value", ", ".join(f"{name} = {value!r}" for name, value in absurd.items()))


def _photometry(columns: Columns, min_reliability: float) -> tuple[float, Epochs]:
    """The alert's barycentric time, and all usable measurements."""
    images, image_of = _reference_images(columns.cells, columns.rows)
    hashes = np.array([_hash(*image) for image in images.tolist()])
    places, light, flags = _measured(columns.block, columns.cells, columns.rows, hashes[image_of], min_reliability)
    mjd = barycentric(*places)
    epochs = np.empty(flags.size, EPOCH)
    epochs["mjd"], epochs["flags"] = on_grid(mjd[1:]), flags
    epochs["mag"], epochs["magerr"] = light
    return float(mjd[0]), epochs


def _hash(field: int, rcid: int, magnr: int) -> int:
    """Of a reference image, by cells: histories have no rfid; field, channel and source's magnitude tell as much."""
    known = [None if cell == MISSING else cell for cell in (field, rcid)]
    magnitude = None if magnr == MISSING else struct.unpack("d", struct.pack("q", magnr))[0]
    return zlib.crc32(f"{known[0]} {known[1]} {magnitude}".encode())


@exact
def _starts(rows: Integers) -> Integers:
    """Where the candidate and each row of its histories begin."""
    starts = np.empty(rows[CANDIDATE:, N_ROWS].sum(), np.int64)
    n = 0
    for table in range(CANDIDATE, FORCED + 1):
        for number in range(rows[table, N_ROWS]):
            starts[n] = rows[table, FIRST] + number * (N_FORCED if table == FORCED else N_DETECTION)
            n += 1
    return starts


@exact
def _reference_images(cells: Integers, rows: Integers) -> tuple[Integers, Integers]:
    """The cells of field, rcid and magnr that tell a reference image, shape (images, 3), and which one each row has.

    An image may be there twice: a row is compared with the last few only.
    """
    starts = _starts(rows)
    images, image_of = np.empty((starts.size, 3), np.int64), np.empty(starts.size, np.int64)
    n = 0
    for row, at in enumerate(starts):
        image_of[row] = n
        for image in range(max(n - _LAST_FEW, 0), n):
            if (
                images[image, 0] == cells[at + FIELD]
                and images[image, 1] == cells[at + RCID]
                and images[image, 2] == cells[at + MAGNR]
            ):
                image_of[row] = image
        if image_of[row] == n:
            images[n, 0], images[n, 1], images[n, 2] = cells[at + FIELD], cells[at + RCID], cells[at + MAGNR]
            n += 1
    return images[:n], image_of


@exact
def _measured(
    block: Bytes, cells: Integers, rows: Integers, hashes: Integers, min_reliability: float
) -> tuple[Floats, Floats, Integers]:
    """Usable measurements.

    Args:
        block, cells, rows: see `Columns`.
        hashes: of each row's reference image.
        min_reliability: the real-bogus score of the least detection that counts.

    Returns:
        Geocentric times (UTC, MJD), ra and dec, shape (3, 1 + n), the alert's own in front; magnitudes and errors,
        shape (2, n); flags, shape (n,).
    """
    numbers, starts = cells.view(np.float64), _starts(rows)
    n_detections = rows[CANDIDATE, N_ROWS] + rows[DETECTIONS, N_ROWS]
    jd = numbers[starts[0] + JD]
    places, light = np.empty((3, starts.size + 1)), np.empty((2, starts.size))
    flags = np.empty(starts.size, np.int64)
    places[0, 0] = jd - MJD0 + HALF_EXPOSURE_DAYS
    places[1, 0], places[2, 0] = numbers[starts[0] + RA], numbers[starts[0] + DEC]
    n = 0
    for row, at in enumerate(starts):
        is_forced = row >= n_detections
        mag, magerr, is_difference = (
            _forced(block, cells, at) if is_forced else _detection(block, cells, at, min_reliability)
        )
        mjd = numbers[at + JD] - MJD0 + HALF_EXPOSURE_DAYS
        # The reference source's position, where there is one, is the same in every packet; the detection's own is not.
        ra, dec = _number(numbers[at + RANR]), _number(numbers[at + DECNR])
        ra = ra if np.isfinite(ra) else _number(numbers[at + RA])
        dec = dec if np.isfinite(dec) else _number(numbers[at + DEC])
        if (
            1 <= cells[at + FID] <= len(_FIDS)
            and MIN_MAG < mag < MAX_MAG
            and 0 < magerr < MAX_MAGERR
            and FIRST_MJD < mjd < LAST_MJD
            and np.isfinite(ra + dec)
        ):
            places[0, n + 1], places[1, n + 1], places[2, n + 1] = mjd, ra, dec
            light[0, n], light[1, n] = mag, magerr
            program = 0 if cells[at + PROGRAMID] == MISSING else cells[at + PROGRAMID]
            lag_days = jd - numbers[at + JD] if is_forced else 0.0
            band = _FIRST_BAND + cells[at + FID] - 1
            flags[n] = packed(band, program, hashes[row], is_forced, lag_days, is_difference)
            n += 1
    return places[:, : n + 1], light[:, :n], flags[:n]


@exact
def _detection(block: Bytes, cells: Integers, at: int, min_reliability: float) -> tuple[float, float, bool]:
    """Total magnitude of a detection, its error, and whether it is of the difference only; NaN if there is none."""
    numbers = cells.view(np.float64)
    magpsf, sigmapsf = _number(numbers[at + MAGPSF]), _number(numbers[at + SIGMAPSF])
    magnr, distance = _number(numbers[at + MAGNR]), _number(numbers[at + DISTNR]) * PIXEL_ARCSEC
    word = _word(block, cells[at + ISDIFFPOS])
    sign = int(word in _POSITIVE) - int(word in _NEGATIVE)
    bogus = _number(numbers[at + RB]) < min_reliability
    if sign == 0 or bogus or not (MIN_MAG < magpsf < MAX_MAG and sigmapsf > 0):
        return np.nan, np.nan, False
    if _is_counterpart(distance, magnr):
        mag, magerr = total_magnitude(magpsf, sigmapsf, sign, magnr)
        return mag, magerr, False
    # Without a counterpart there is no total flux; a positive difference is kept as such.
    return magpsf if sign > 0 else np.nan, math.hypot(sigmapsf, CALIBRATION_ERROR), True


@exact
def _forced(block: Bytes, cells: Integers, at: int) -> tuple[float, float, bool]:
    """As `_detection`, of forced photometry."""
    numbers = cells.view(np.float64)
    flux, error = _number(numbers[at + FLUX]), _number(numbers[at + FLUX_ERROR])
    magnr, distance = _number(numbers[at + MAGNR]), _number(numbers[at + DISTNR])
    if not (_word(block, cells[at + PROCSTATUS]) == _GOOD and error > 0 and _is_counterpart(distance, magnr)):
        return np.nan, np.nan, False
    mag, magerr = forced_magnitude(flux, error, _number(numbers[at + ZERO_POINT]), magnr)
    return mag, magerr, False


@exact
def total_magnitude(magpsf: float, sigmapsf: float, sign: int, magnr: float) -> tuple[float, float]:
    """Total magnitude and error from the magnitude and sign of the difference and the magnitude of the reference.

    NaN where reference and difference flux do not add up to a positive flux. The reference's own error is left out: it
    is common to all epochs.
    """
    difference = 10 ** (-0.4 * magpsf)
    total = 10 ** (-0.4 * magnr) + sign * difference
    if not total > 0:
        return np.nan, np.nan
    return -2.5 * math.log10(total), math.hypot(difference * sigmapsf / total, CALIBRATION_ERROR)


@exact
def forced_magnitude(flux: float, flux_error: float, zero_point: float, magnr: float) -> tuple[float, float]:
    """Total magnitude and its error from forced difference photometry (DN) at a zero point.

    NaN where the total flux is not MIN_FORCED_SNR times its error.
    """
    total = flux + 10 ** (0.4 * (zero_point - magnr))
    if not total > MIN_FORCED_SNR * flux_error:
        return np.nan, np.nan
    return zero_point - 2.5 * math.log10(total), math.hypot(
        MAG_PER_RELATIVE_FLUX * flux_error / total, CALIBRATION_ERROR
    )


@exact
def _is_counterpart(distance: float, magnr: float) -> bool:
    return 0 <= distance < COUNTERPART_ARCSEC and MIN_MAG < magnr < MAX_MAG


@exact
def _number(value: float) -> float:
    """NaN for one of ZTF's sentinels, by which it writes that there is no number."""
    return np.nan if value in (-99.0, -999.0, -9999.0, -99999.0) else value


@exact
def _word(block: Bytes, cell: int) -> int:
    """A short text as a number, in small letters; as `_words` has it."""
    place, length = cell >> 32, cell & 0xFFFFFFFF
    if cell == MISSING or length > _LONGEST_WORD:
        return 0
    word = 1
    for letter in block[place : place + length]:
        word = word << 8 | (int(letter) + 32 if ord("A") <= letter <= ord("Z") else int(letter))
    return word
