"""ZTF-like packets with known content, small enough to be sent by the thousand."""

import io
from itertools import chain
from typing import Any

import fastavro
import numpy as np

REFERENCE_MAG = 17.0
AMPLITUDE = 0.3  # mag
HISTORY_DAYS = 30
FIRST_JD = 2459000.5

_MEASUREMENT = {
    "type": "record",
    "name": "measurement",
    "fields": [
        *({"name": name, "type": "double"} for name in ("jd", "ra", "dec", "ranr", "decnr", "magnr", "distnr", "rb")),
        *({"name": name, "type": ["null", "double"]} for name in ("magpsf", "sigmapsf")),
        *({"name": name, "type": "int"} for name in ("fid", "programid", "field", "rcid")),
        {"name": "candid", "type": "long"},
        {"name": "isdiffpos", "type": "string"},
    ],
}
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "alert",
        "fields": [
            {"name": "objectId", "type": "string"},
            {"name": "candid", "type": "long"},
            {"name": "candidate", "type": _MEASUREMENT},
            {"name": "prv_candidates", "type": {"type": "array", "items": "measurement"}},
        ],
    }
)


def star(number: int, *, alerts: int, history_days: float = HISTORY_DAYS) -> list[bytes]:
    """The alerts of one pulsating star, in order: g and r in turn, one a night, each with what came before."""
    random = np.random.default_rng(number)
    jd = FIRST_JD + np.cumsum(random.uniform(0.7, 1.3, alerts))
    mag = REFERENCE_MAG + AMPLITUDE * np.sin(2 * np.pi * jd / random.uniform(0.3, 0.9)) + random.normal(0, 0.01, alerts)
    measurements = [_measurement(number, index, *values) for index, values in enumerate(zip(jd, mag, strict=True))]
    return [
        packet(number, now, [row for row in measurements[:index] if row["jd"] > now["jd"] - history_days])
        for index, now in enumerate(measurements)
    ]


def night(*, stars: int, alerts: int, history_days: float = HISTORY_DAYS) -> list[bytes]:
    """The alerts of some stars as a survey sends them: star after star, visit after visit."""
    by_star = [star(number, alerts=alerts, history_days=history_days) for number in range(stars)]
    return list(chain.from_iterable(zip(*by_star, strict=True)))


def packet(number: int, candidate: dict[str, Any], history: list[dict[str, Any]]) -> bytes:
    """One alert as an object container file."""
    record = {
        "objectId": f"ZTF20test{number:04d}",
        "candid": candidate["candid"],
        "candidate": candidate,
        "prv_candidates": history,
    }
    container = io.BytesIO()
    fastavro.writer(container, SCHEMA, [record])
    return container.getvalue()


def _measurement(number: int, index: int, jd: float, mag: float) -> dict[str, Any]:
    position = {"ra": 150.0 + 0.01 * number, "dec": 20.0}
    difference = 10 ** (-0.4 * mag) - 10 ** (-0.4 * REFERENCE_MAG)
    return {
        **position,
        **{f"{name}nr": value for name, value in position.items()},
        "jd": jd,
        "magnr": REFERENCE_MAG,
        "distnr": 0.1,
        "rb": 0.9,
        "magpsf": -2.5 * np.log10(abs(difference)),
        "sigmapsf": 0.05,
        "isdiffpos": "t" if difference > 0 else "f",
        "fid": 1 + index % 2,
        "programid": 1,
        "field": 500,
        "rcid": 10,
        "candid": number * 10_000 + index,
    }
