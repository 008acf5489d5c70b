"""From an observed star to Rubin's packets of schema 11.1: one frame each, with twelve months of history and cutouts.

Flux is lost where it is measured beside the star: a diaSource lies where noise has put the centroid of the difference,
forced photometry where the object was thought to be. Both see as much less of the star and of its template.
"""

import json
import math
import zlib
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

import fastavro
import numpy as np

from starsieve.broker.simulate.encoding import Row, array, encode, part
from starsieve.broker.simulate.lsst.observed import RubinStar
from starsieve.broker.simulate.lsst.stamps import PSF_SIZE, TEMPLATE_PSF_SIZE, stamp
from starsieve.broker.surveys.lsst_schemas import schema_of
from starsieve.models.synthesis.lsst.alerts import CENTROID, GROSS, GROSS_SIZE, PLACE

SCHEMA_ID = 1101
HISTORY_D = 365.0
PROCESSED_D, FORCED_PROCESSED_D = 0.0019, 0.0020  # after the exposure: 164 and 173 s
_FRAME = b"\x00" + SCHEMA_ID.to_bytes(4, "big")
_VISIT_S = 39.0
_STARS_A_VISIT = 10**5
_DETECTORS = 189
_PIXELS = 4000
_SIGMAS_PER_FWHM = 1 / math.sqrt(8 * math.log(2))
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_ASTROMETRY_DEG = 5e-6

_ALERT: Any = json.loads(schema_of(SCHEMA_ID) or "")
_FIELDS = {field["name"]: field["type"] for field in _ALERT["fields"]}
_CUTOUTS = ("cutoutDifference", "cutoutScience", "cutoutTemplate")
_SOURCE_RECORD, _FORCED_RECORD = _FIELDS["diaSource"], _FIELDS["prvDiaForcedSources"][1]["items"]
_OBJECT_RECORD = _FIELDS["diaObject"][1]
_HEAD = part("head", _ALERT, ["diaSourceId", "observation_reason", "target_name"])
_SOURCE, _FORCED, _OBJECT = (fastavro.parse_schema(each) for each in (_SOURCE_RECORD, _FORCED_RECORD, _OBJECT_RECORD))
_TAIL = part("tail", _ALERT, _CUTOUTS)
_PRESENT, _NULL = b"\x02", b"\x00"  # branches 1 and 0 of ["null", record]


def _unset(record: Any) -> Row:
    """All flags of a record down; what else may be null is left out."""
    kinds = {field["name"]: field["type"] for field in record["fields"]}
    return {name: False for name, kind in kinds.items() if kind in ("boolean", ["null", "boolean"])}


# What photometry and classification have no use for: typical values, the same in every packet.
_TYPICAL_SOURCE: Row = {
    **_unset(_SOURCE_RECORD),
    "ssObjectId": 0,
    "parentDiaSourceId": 0,
    "exposureTime": 30.0,
    "raErr": _ASTROMETRY_DEG,
    "decErr": _ASTROMETRY_DEG,
    "ra_dec_Cov": 0.0,
    "xErr": 0.1,
    "yErr": 0.1,
    "psfChi2": 1700.0,
    "psfNdata": PSF_SIZE**2,
    "trailLength": 0.7,
    "trailAngle": 0.0,
    "trailNdata": 0,
    "dipoleNdata": 0,
    "ixyPSF": 0.0,
    "ixy": 0.0,
    "extendedness": 0.1,
    "bboxSize": 28,
}
_COUNTS: Row = {f"{band}_psfFluxNdata": 0 for band in "ugrizy"}


class RubinPacketWriter:
    """Writes the packets of one star; they must be asked for in time order.

    Args:
        star: that is seen.
        cutouts: encoded ones for all packets alike, from `encoded_cutouts`; without, each has its own.
    """

    def __init__(self, star: RubinStar, cutouts: bytes | None = None) -> None:
        self._star = star
        self._cutouts = cutouts
        self._rng = np.random.default_rng(zlib.crc32(star.name.encode()))
        self._detected = star.detected()
        self._east, self._north = self._rng.normal(0.0, PLACE, 2).tolist()
        self._sources: deque[tuple[float, bytes]] = deque()
        self._forced: deque[tuple[float, bytes]] = deque()
        self._of_band: dict[str, list[float]] = {}  # difference fluxes of detections so far
        self._history_end = 0

    def image(self, index: int) -> int:
        """Rubin's number of a visit: night and a number in it."""
        mjd = float(self._star.mjd[index])
        day = _MJD_EPOCH + timedelta(days=math.floor(mjd - 0.5))  # Rubin's nights change at noon UTC
        return int(f"{day:%Y%m%d}") * 10**5 + int((mjd - 0.5) % 1 * 86400 / _VISIT_S)

    def alert_id(self, index: int, _in_image: int) -> int:
        """The diaSourceId that a visit gives the star."""
        return self.image(index) * _STARS_A_VISIT + self._star.number % _STARS_A_VISIT

    def packet(self, index: int, alert_id: int) -> bytes:
        """The packet that a visit issues, in Confluent's frame."""
        return b"".join(self.parts(index, alert_id))

    def parts(self, index: int, alert_id: int) -> list[bytes]:
        """What `packet` puts together: other packets share most of it."""
        star, since = self._star, float(self._star.mjd[index]) - HISTORY_D
        self._extend_history(index)
        for rows in (self._sources, self._forced):
            while rows and rows[0][0] < since:
                rows.popleft()
        history = [row for _, row in self._sources]
        self._extend_history(index + 1)  # the visit itself is in the forced photometry, and not among the diaSources
        head = {"diaSourceId": alert_id, "observation_reason": "field_survey_science", "target_name": "lowdust"}
        cutouts = self._cutouts or encoded_cutouts(
            star, index, np.random.default_rng(alert_id)
        )  # whatever was written before
        return [
            _FRAME,
            encode(_HEAD, head),
            self._sources[-1][1],
            *array(history),
            *array([row for _, row in self._forced]),
            _PRESENT,
            encode(_OBJECT, self._object(index)),
            _NULL,  # ssSource
            _NULL,  # mpc_orbits
            cutouts,
        ]

    def _extend_history(self, end: int) -> None:
        """Adds the visits before `end` that are not there yet; there is no object before its first detection."""
        for index in range(self._history_end, end):
            mjd = float(self._star.mjd[index])
            if self._detected[index]:
                self._sources.append((mjd, encode(_SOURCE, self._source(index))))
            if self._of_band:
                self._forced.append((mjd, encode(_FORCED, self._forced_source(index))))
        self._history_end = max(self._history_end, end)

    def _measured(self, index: int, east: float, north: float) -> Row:
        """What is measured in a visit at a place so many arcseconds from the star."""
        star, band = self._star, str(self._star.band[index])
        spread = (float(star.seeing[index]) * _SIGMAS_PER_FWHM) ** 2
        seen = math.exp(-(east**2 + north**2) / (4 * spread))
        difference = float(star.flux[index] - star.reference[index]) * seen
        return {
            "visit": self.image(index),
            "detector": star.number % _DETECTORS,
            "diaObjectId": int(star.object_id),
            "midpointMjdTai": float(star.mjd[index]),
            "ra": (star.ra + east / 3600 / math.cos(math.radians(star.dec))) % 360,
            "dec": star.dec + north / 3600,
            "psfFlux": difference,
            "psfFluxErr": float(star.flux_error[index]),
            "scienceFlux": float(star.reference[index]) * seen + difference,
            "scienceFluxErr": float(star.flux_error[index]),
            "band": band,
        }

    def _source(self, index: int) -> Row:
        star, rng = self._star, self._rng
        east, north = rng.normal(0.0, CENTROID, 2).tolist()
        x, y = rng.uniform(100, _PIXELS - 100, 2).tolist()
        measured = self._measured(index, east, north)
        flux, error = measured["psfFlux"], measured["psfFluxErr"]
        spread = (float(star.seeing[index]) * _SIGMAS_PER_FWHM) ** 2
        self._of_band.setdefault(measured["band"], []).append(flux)
        return {
            **_TYPICAL_SOURCE,
            **measured,
            "diaSourceId": self.alert_id(index, 0),
            "x": x,
            "y": y,
            "isNegative": flux < 0,
            "apFlux": flux,
            "apFluxErr": 2 * error,
            "snr": abs(flux) / error,
            "trailFlux": flux,
            "trailRa": measured["ra"],
            "trailDec": measured["dec"],
            "templateFlux": measured["scienceFlux"] - flux,
            "templateFluxErr": 0.05 * error,
            "ixx": spread,
            "iyy": spread,
            "ixxPSF": spread,
            "iyyPSF": spread,
            "reliability": rng.uniform(0.0, 0.4) if star.bogus[index] else rng.uniform(0.6, 1.0),
            "timeProcessedMjdTai": measured["midpointMjdTai"] + PROCESSED_D,
        }

    def _forced_source(self, index: int) -> Row:
        measured = self._measured(index, self._east, self._north)
        if self._rng.random() < GROSS:
            measured["psfFlux"] += self._rng.choice([-1, 1]) * GROSS_SIZE * measured["scienceFlux"]
        return {
            **measured,
            "diaForcedSourceId": self.alert_id(index, 0) + _STARS_A_VISIT // 2,
            "timeProcessedMjdTai": measured["midpointMjdTai"] + FORCED_PROCESSED_D,
        }

    def _object(self, index: int) -> Row:
        """The diaObject: means are those of the alert's own band."""
        star, band = self._star, str(self._star.band[index])
        fluxes = np.array(self._of_band[band])
        return {
            **_COUNTS,
            "diaObjectId": int(star.object_id),
            "validityStartMjdTai": float(star.mjd[index]) + FORCED_PROCESSED_D,
            "ra": (star.ra + self._east / 3600 / math.cos(math.radians(star.dec))) % 360,
            "raErr": _ASTROMETRY_DEG,
            "dec": star.dec + self._north / 3600,
            "decErr": _ASTROMETRY_DEG,
            "ra_dec_Cov": 0.0,
            f"{band}_psfFluxMean": float(fluxes.mean()),
            f"{band}_psfFluxSigma": float(fluxes.std()),
            f"{band}_psfFluxNdata": fluxes.size,
            f"{band}_psfFluxMin": float(fluxes.min()),
            f"{band}_psfFluxMax": float(fluxes.max()),
            f"{band}_psfFluxErrMean": float(star.flux_error[index]),
            "nDiaSources": sum(map(len, self._of_band.values())),
        }


def encoded_cutouts(star: RubinStar, index: int, rng: np.random.Generator) -> bytes:
    """The last fields of a packet."""
    flux, reference, seeing = (float(each[index]) for each in (star.flux, star.reference, star.seeing))
    noise = float(star.flux_error[index]) / 10
    cutouts = {
        "cutoutDifference": stamp(flux - reference, seeing, noise, PSF_SIZE, rng),
        "cutoutScience": stamp(flux, seeing, noise, PSF_SIZE, rng),
        "cutoutTemplate": stamp(reference, seeing, noise / 3, TEMPLATE_PSF_SIZE, rng),
    }
    return encode(_TAIL, cutouts)
