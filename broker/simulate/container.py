"""Writes packets whose history rows are encoded already: a row is in many packets, and is encoded once."""

import io
from collections.abc import Sequence
from typing import Any

import fastavro

from starsieve import schemas
from starsieve.broker.simulate.encoding import LONG, Row, array, encode, part

ALERT: Any = schemas.load("ztf_alert_simulated")
_FIELDS = {field["name"]: field["type"] for field in ALERT["fields"]}
_HISTORIES = ("prv_candidates", "fp_hists")
_CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
_HEAD = part("head", ALERT, [name for name in _FIELDS if name not in _HISTORIES + _CUTOUTS])
_TAIL = part("tail", ALERT, _CUTOUTS)
_PRV_CANDIDATE, _FP_HIST = (fastavro.parse_schema(_FIELDS[name][1]["items"]) for name in _HISTORIES)
_SYNC = bytes(range(16))


def _header() -> bytes:
    buffer = io.BytesIO()
    fastavro.writer(buffer, ALERT, [], codec="null", sync_marker=_SYNC)
    return buffer.getvalue()


_HEADER = _header()


def packet(head: Row, prv_candidates: Sequence[bytes], fp_hists: Sequence[bytes], cutouts: Row) -> bytes:
    """An object container file of one record, without compression, as ZTF sends it.

    Args:
        head: the fields before the histories; cutouts: those behind them.
        prv_candidates, fp_hists: encoded rows; null is written where there are none.
    """
    parts = [encode(_HEAD, head), *array(prv_candidates), *array(fp_hists), encode(_TAIL, cutouts)]
    record = b"".join(parts)
    return b"".join([_HEADER, encode(LONG, 1), encode(LONG, len(record)), record, _SYNC])


def prv_candidate(row: Row) -> bytes:
    """One encoded row of prv_candidates; keys that its schema does not have are left out, absent ones are null."""
    return encode(_PRV_CANDIDATE, row)


def fp_hist(row: Row) -> bytes:
    """One encoded row of fp_hists; keys that its schema does not have are left out."""
    return encode(_FP_HIST, row)
