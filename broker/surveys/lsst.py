"""Rubin's LSST: from a packet's columns (schemas 8.0 to 11.1) to an alert with what was measured.

Packets of older schemas and of ELAsTiCC have difference fluxes only: they become alerts with a reason. How the rest
becomes a light curve: `lsst_rows`. The packet's fields: https://sdm-schemas.lsst.io/apdb.html
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.avro.program import Wanted
from starsieve.broker.avro.projection import Columns
from starsieve.broker.avro.walk import MISSING, N_ROWS
from starsieve.broker.epochs import BANDS, Epochs, on_grid
from starsieve.broker.surveys import Alert, AlertError
from starsieve.broker.surveys.barycentre import FIRST_MJD, LAST_MJD, TAI_MINUS_UTC_S, barycentric
from starsieve.broker.surveys.lsst_rows import FORCED, FORM, PLACES, ROW, WITHDRAWN, light_curve
from starsieve.broker.surveys.lsst_schemas import schema_of
from starsieve.broker.surveys.table import Table

__all__ = ["FORM", "WANTED", "alert", "schema_of", "warm_up"]

Floats = NDArray[np.float64]

NO_OBJECT, SOLAR_SYSTEM, NO_TOTAL_FLUX = "no_object", "solar_system", "no_total_flux"
MAX_HISTORY = 10_000  # rows; a deep field's year may come to 3,000
_DAY_S = 86400.0
_UNIX_EPOCH_MJD = 40587
_HALF_TURN, _TURN = 180, 360  # degrees
_MICROSECONDS_A_DAY = 86400e6
_LONGEST_EXPOSURE_S = 86400
_MAX_FLUX = 1e12  # nJy: 1.4 mag
_LEAST = {name: float(np.finfo(ROW[name]).tiny) for name in ("error", "spread")}  # less would be kept as 0

#: What a diaSource is not used for, in the order in which it is counted. `isDipole` is none: constant stars have it.
BAD_FLAGS = (
    "psfFlux_flag",
    "centroid_flag",
    "forced_PsfFlux_flag",
    "glint_trail",
    "pixelFlags_bad",
    "pixelFlags_edge",
    "pixelFlags_nodataCenter",
    "pixelFlags_saturatedCenter",
    "pixelFlags_crCenter",
)
# Behind each name are those of older schemas: `_named`.
_OLD = {
    "midpointMjdTai": "midPointTai",
    "band": "filterName",
    "dec": "decl",
    "psfFlux": "psFlux",
    "psfFluxErr": "psFluxErr",
}
_ALL: dict[str, type] = dict.fromkeys(
    ("midpointMjdTai", "midPointTai", "ra", "dec", "decl", "psfFlux", "psFlux", "psfFluxErr", "psFluxErr"), float
)
_ALL |= dict.fromkeys(("timeProcessedMjdTai", "time_processed", "timeWithdrawnMjdTai", "scienceFlux"), float)
_ALL |= {"band": str, "filterName": str}
_SOURCE = _ALL | dict.fromkeys(("templateFlux", "ixxPSF", "iyyPSF", "exposureTime", "reliability"), float)
_SOURCE |= dict.fromkeys(("diaSourceId", "diaObjectId", "ssObjectId"), int) | dict.fromkeys(BAD_FLAGS, bool)
#: What is read of a packet.
WANTED: Wanted = {
    "diaSource": _SOURCE,
    "prvDiaSources": _SOURCE,
    "prvDiaForcedSources": _ALL,
    "diaObject": {"diaObjectId": int},
}
_SOURCES, _HISTORY, _FORCED, _OBJECT = WANTED


def alert(columns: Columns, min_reliability: float = 0.0) -> Alert:
    """The alert of one packet; diaSources of less reliability are dropped.

    Raises:
        AlertError: `not_lsst` (a field that all packets have is absent, or of another type) or `absurd_value`.
    """
    source = _Table(columns, _SOURCES)
    if lacking := _lacking(columns.absent):
        raise AlertError("not_lsst", f"no {lacking}, or of another type")
    if source.n_rows != 1:
        raise AlertError("not_lsst", "no diaSource")
    alert_id, object_id = source.integer("diaSourceId"), _object_id(columns, source)
    mjd, ra, dec = (float(source.named(name)[0]) for name in ("midpointMjdTai", "ra", "dec"))
    exposure_s = float(source["exposureTime"][0])
    _check(alert_id, object_id, mjd, ra, dec, exposure_s, columns.rows[:, N_ROWS].tolist())
    reason = None
    if not object_id:
        reason = SOLAR_SYSTEM if source.integer("ssObjectId") else NO_OBJECT
    elif _has_no_total(columns.absent):
        reason = NO_TOTAL_FLUX
    epochs, dropped = np.empty(0, ROW), Counter[str]()
    if reason is None:
        epochs, dropped = _photometry(columns, min_reliability)
    start_utc = mjd - TAI_MINUS_UTC_S / _DAY_S - (exposure_s / 2 / _DAY_S if exposure_s > 0 else 0.0)
    return Alert(
        survey="lsst",
        alert_id=alert_id,
        object_id=str(object_id) if object_id else "",
        time_ms=round((start_utc - _UNIX_EPOCH_MJD) * _DAY_S * 1000),
        mjd=float(_barycentric(np.array([mjd]), ra, dec)[0]),
        ra=ra,
        dec=dec,
        epochs=epochs,
        dropped=dropped,
        reason=reason,
    )


def warm_up() -> None:
    """Compiles what reading the store takes, or loads it compiled, by a row of ones."""
    light_curve(np.ones(1, ROW))


class _Table(Table):
    """One table of a packet; NaN for null is what Rubin itself writes in places, as 0 for no id."""

    def __init__(self, columns: Columns, name: str) -> None:
        super().__init__(columns, WANTED, name)

    def named(self, name: str) -> Floats:
        """The same, under its old name where it has none of today's."""
        return np.where(np.isfinite(self[name]), self[name], self[_OLD[name]]) if name in _OLD else self[name]

    def is_set(self, name: str) -> NDArray[np.bool_]:
        """Flags."""
        return np.asarray(self._cells[:, self._names[name]] == 1)

    def bands(self) -> NDArray[np.int64]:
        """Numbers of BANDS; -1 for what is none."""
        cells = self._cells[:, self._names["band"]]
        cells = np.where(cells == MISSING, self._cells[:, self._names[_OLD["band"]]], cells)
        is_letter = (cells != MISSING) & (cells & 0xFFFFFFFF == 1)
        letters = self._columns.block[np.where(is_letter, cells >> 32, 0)] if is_letter.any() else cells
        found = np.full(self.n_rows, -1)
        for number, band in enumerate(BANDS):
            found[is_letter & ((letters == ord(band)) | (letters == ord(band.upper())))] = number
        return found


@lru_cache(maxsize=64)
def _lacking(absent: frozenset[str]) -> str:
    """What a schema lacks that all of Rubin's and ELAsTiCC's have."""
    needed = ("diaSourceId", "midpointMjdTai", "ra", "dec", "psfFlux")
    paths = [(f"{_SOURCES}.{name}", f"{_SOURCES}.{_OLD.get(name, name)}") for name in needed]
    return ", ".join(path for path, old in paths if path in absent and old in absent)


def _has_no_total(absent: frozenset[str]) -> bool:
    """Whether there is no flux but that of the difference: before 8.0, and in ELAsTiCC."""
    return f"{_SOURCES}.templateFlux" in absent and f"{_FORCED}.scienceFlux" in absent


def _object_id(columns: Columns, source: _Table) -> int:
    """That of the diaObject, else of the diaSource; 0 means none."""
    return _Table(columns, _OBJECT).integer("diaObjectId") or source.integer("diaObjectId")


def _check(
    alert_id: int, object_id: int, mjd: float, ra: float, dec: float, exposure_s: float, rows: list[int]
) -> None:
    """Refuses a packet whose triggering diaSource cannot be true."""
    found: dict[str, tuple[Any, bool]] = {
        "diaSourceId": (alert_id, alert_id > 0),
        "diaObjectId": (object_id, object_id >= 0),
        "midpointMjdTai": (mjd, FIRST_MJD <= mjd <= LAST_MJD),
        "ra": (ra, 0 <= ra <= _TURN),
        "dec": (dec, -_HALF_TURN / 2 <= dec <= _HALF_TURN / 2),
        "exposureTime": (exposure_s, np.isnan(exposure_s) or 0 <= exposure_s <= _LONGEST_EXPOSURE_S),
        "history": (rows[1:], max(rows[1:]) <= MAX_HISTORY),
    }
    absurd = ", ".join(f"{name} = {value!r}" for name, (value, holds) in found.items() if not holds)
    if absurd:
        raise AlertError("absurd_value", absurd)


def _photometry(columns: Columns, min_reliability: float) -> tuple[Epochs, Counter[str]]:
    """What was measured, and how many records are no measurement, by reason."""
    parts, dropped = [], Counter[str]()
    for name in (_SOURCES, _HISTORY, _FORCED):
        table = _Table(columns, name)
        kept, withdrawn = np.ones(table.n_rows, bool), np.zeros(table.n_rows, bool)
        for reason, is_so in _reasons(table, forced=name == _FORCED, min_reliability=min_reliability):
            dropped[reason] += int(np.count_nonzero(is_so & kept))
            if reason == "withdrawn":  # is kept to say so: an earlier packet may have brought it as it was before
                withdrawn = is_so & kept
            else:
                kept &= ~is_so | withdrawn
        parts.append(_rows(table, kept, withdrawn, forced=name == _FORCED))
    return FORM.merge_into(np.empty(0, ROW), parts)[0], +dropped


def _reasons(table: _Table, *, forced: bool, min_reliability: float) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Which rows are no measurement, reason by reason; a row is counted with the first one."""
    mjd, place = table.named("midpointMjdTai"), (table["ra"], table.named("dec"))
    flux, error = table.named("psfFlux"), table.named("psfFluxErr")
    yield "absurd_time", ~((mjd > FIRST_MJD) & (mjd < LAST_MJD))
    yield "no_position", ~((place[0] >= 0) & (place[0] <= _TURN) & (np.abs(place[1]) <= _HALF_TURN / 2))
    yield "unknown_band", table.bands() < 0
    yield "no_flux", ~(np.abs(flux) < _MAX_FLUX)
    yield "no_error", ~((error > _LEAST["error"]) & (error < _MAX_FLUX))
    yield "withdrawn", np.isfinite(table["timeWithdrawnMjdTai"])
    if not forced:
        for flag in BAD_FLAGS:
            yield flag, table.is_set(flag)
        yield "low_reliability", table["reliability"] < min_reliability


def _rows(table: _Table, kept: NDArray[np.bool_], withdrawn: NDArray[np.bool_], *, forced: bool) -> Epochs:
    rows = np.empty(np.count_nonzero(kept), ROW)
    if not rows.size:
        return rows
    mjd, ra, dec = (table.named(name)[kept] for name in ("midpointMjdTai", "ra", "dec"))
    flux = table.named("psfFlux")[kept]
    spread = (table["ixxPSF"] + table["iyyPSF"])[kept] / 2
    processed = np.where(
        np.isfinite(table["timeProcessedMjdTai"]),
        table["timeProcessedMjdTai"],
        table["time_processed"] / _MICROSECONDS_A_DAY + _UNIX_EPOCH_MJD,  # of 8.0
    )[kept]
    rows["mjd"] = on_grid(_barycentric(mjd, ra, dec))
    rows["flux"], rows["error"] = flux, table.named("psfFluxErr")[kept]
    # Forced photometry tells the template's flux by its difference from that of the image alone.
    template = table["scienceFlux"][kept] - flux if forced else table["templateFlux"][kept]
    rows["template"] = np.where(np.abs(template) < _MAX_FLUX, template, np.nan)
    rows["ra"], rows["dec"] = np.round((ra - _HALF_TURN) * PLACES), np.round(dec * PLACES)
    rows["lag"] = np.where(np.abs(processed - mjd) < LAST_MJD, processed - mjd, 0.0)
    rows["spread"] = np.where((spread > _LEAST["spread"]) & (spread < _TURN), spread, np.nan)
    rows["flags"] = table.bands()[kept] | forced * FORCED | withdrawn[kept] * WITHDRAWN
    return rows


def _barycentric(mjd_tai: Floats, ra: Floats | float, dec: Floats | float) -> Floats:
    return barycentric(mjd_tai - TAI_MINUS_UTC_S / _DAY_S, ra, dec)
