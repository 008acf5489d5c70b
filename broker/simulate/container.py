"""Writes packets whose history rows are encoded already: a row is in many packets, and is encoded once."""

import io
from collections.abc import Sequence
from typing import Any

import fastavro
from fastavro.types import Schema

from starsieve import schemas

Row = dict[str, Any]

ALERT: Any = schemas.load("ztf_alert_simulated")
# A record in Avro is its fields one after the other, and nothing else: so it can be written in parts.
_FIELDS = {field["name"]: field["type"] for field in ALERT["fields"]}
_HISTORIES = ("prv_candidates", "fp_hists")
_CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")


def _part(name: str, fields: Sequence[str]) -> Schema:
    chosen = [field for field in ALERT["fields"] if field["name"] in fields]
    return fastavro.parse_schema({"type": "record", "name": name, "fields": chosen})


_HEAD = _part("head", [name for name in _FIELDS if name not in _HISTORIES + _CUTOUTS])
_TAIL = _part("tail", _CUTOUTS)
_LONG = fastavro.parse_schema({"type": "long"})
_PRV_CANDIDATE, _FP_HIST = (fastavro.parse_schema(_FIELDS[name][1]["items"]) for name in _HISTORIES)
_NULL, _ARRAY, _END = b"\x00", b"\x02", b"\x00"  # branches 0 and 1 of ["null", array]; an empty block ends an array
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
    parts = [_encode(_HEAD, head), _array(prv_candidates), _array(fp_hists), _encode(_TAIL, cutouts)]
    record = b"".join(parts)
    return b"".join([_HEADER, _encode(_LONG, 1), _encode(_LONG, len(record)), record, _SYNC])


def prv_candidate(row: Row) -> bytes:
    """One encoded row of prv_candidates; keys that its schema does not have are left out, absent ones are null."""
    return _encode(_PRV_CANDIDATE, row)


def fp_hist(row: Row) -> bytes:
    """One encoded row of fp_hists; keys that its schema does not have are left out."""
    return _encode(_FP_HIST, row)


def _array(rows: Sequence[bytes]) -> bytes:
    return b"".join([_ARRAY, _encode(_LONG, len(rows)), *rows, _END]) if rows else _NULL


def _encode(schema: Schema, datum: Row | int) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, datum)
    return buffer.getvalue()
