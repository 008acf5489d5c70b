"""Rubin's packets as the tests need them: a star at one place, seen in the schema 11.1."""

import io
import json
from collections.abc import Sequence
from typing import Any

import fastavro
import numpy as np

from starsieve.broker.surveys.lsst_schemas import schema_of

RA, DEC = 150.5, 2.3
FIRST_MJD_TAI = 61000.0
OBJECT = 170028485706776685  # of 58 bits: a float would lose digits
Record = dict[str, Any]


def schema(schema_id: int = 1101) -> Any:
    text = schema_of(schema_id)
    assert text is not None
    return fastavro.parse_schema(json.loads(text))


def source(visit: int, **fields: Any) -> Record:
    """A good diaSource of 2 +- 0.1 uJy on a template of 10 uJy, seen in g, a visit a day."""
    return {
        "diaSourceId": OBJECT + visit,
        "visit": visit,
        "detector": 90,
        "diaObjectId": OBJECT,
        "midpointMjdTai": FIRST_MJD_TAI + visit,
        "ra": RA,
        "dec": DEC,
        "x": 1.0,
        "y": 2.0,
        "psfFlux": 2000.0,
        "psfFluxErr": 100.0,
        "templateFlux": 10_000.0,
        "scienceFlux": 12_000.0,
        "ixxPSF": 0.18,
        "iyyPSF": 0.18,
        "band": "g",
        "timeProcessedMjdTai": FIRST_MJD_TAI + visit + 0.002,
        "psfNdata": 1,
        "trailNdata": 1,
        "dipoleNdata": 1,
        "bboxSize": 1,
        **fields,
    }


def forced(visit: int, **fields: Any) -> Record:
    """The same star's forced photometry."""
    return {
        "diaForcedSourceId": visit,
        "diaObjectId": OBJECT,
        "visit": visit,
        "detector": 90,
        "midpointMjdTai": FIRST_MJD_TAI + visit,
        "ra": RA,
        "dec": DEC,
        "psfFlux": 2000.0,
        "psfFluxErr": 100.0,
        "scienceFlux": 12_000.0,
        "band": "g",
        "timeProcessedMjdTai": FIRST_MJD_TAI + visit + 0.01,
        **fields,
    }


def record(
    now: Record, history: Sequence[Record] | None = None, photometry: Sequence[Record] | None = None, **fields: Any
) -> Record:
    """A packet; without a diaObject, as the id is in the diaSource as well."""
    return {
        "diaSourceId": now["diaSourceId"],
        "diaSource": now,
        "prvDiaSources": history,
        "prvDiaForcedSources": photometry,
        **fields,
    }


def container(packet: Record, schema_id: int = 1101) -> bytes:
    """As brokers hand alerts on."""
    file = io.BytesIO()
    fastavro.writer(file, schema(schema_id), [packet])
    return file.getvalue()


def frame(packet: Record, schema_id: int = 1101, *, written_with: Any = None) -> bytes:
    """As Rubin sends alerts."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema(schema_id) if written_with is None else written_with, packet)
    return b"\x00" + schema_id.to_bytes(4, "big") + body.getvalue()


def star(
    n: int, rng: np.random.Generator, *, amplitude: float = 0.0, period: float = 0.567, bands: str = "gri"
) -> tuple[list[Record], list[Record]]:
    """The diaSources and the forced photometry of a star of 10 uJy and its pulsation, seen n times by a survey.

    Centroids scatter by 0.1", forced photometry is 0.05" off; both see as much less of the star, and of its template.
    """
    sources, photometry = [], []
    for visit in range(n):
        band = bands[visit % len(bands)]
        mjd = FIRST_MJD_TAI + visit * 0.9 + float(rng.uniform(0, 0.3))
        variation = amplitude * np.cos(2 * np.pi * mjd / period)
        fields: Record = {"midpointMjdTai": mjd, "timeProcessedMjdTai": mjd + 0.002, "band": band}
        for rows, make, east, north in (
            (sources, source, *rng.normal(0, 0.1, 2)),
            (photometry, forced, 0.05, 0.0),
        ):
            seen = float(np.exp(-(east**2 + north**2) / (4 * 0.18)))
            flux = float(10_000 * variation * seen + rng.normal(0, 60))
            template = 10_000 * seen
            fields |= {"ra": RA + east / 3600 / np.cos(np.radians(DEC)), "dec": DEC + north / 3600}
            more = {"templateFlux": template} if make is source else {}
            rows.append(make(visit, **fields, psfFlux=flux, psfFluxErr=60.0, scienceFlux=template + flux, **more))
    return sources, photometry
