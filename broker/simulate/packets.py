"""From an observed star to ZTF 4.02 packets: one record each, with histories and cutouts."""

import math
import zlib
from collections import deque
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.simulate import container
from starsieve.broker.simulate.encoding import Row
from starsieve.broker.simulate.observed import FID_G, FID_I, FID_R, FLUX_MAG, ObservedStar, to_mag
from starsieve.broker.simulate.stamps import stamp
from starsieve.features.photometry import EXPOSURE_S, MAG_PER_RELATIVE_FLUX

PUBLISHER = "starsieve simulate"
HISTORY_D = 30.0
SENTINEL, NO_MATCH = -99999.0, -999.0
FORCED_FITTED, FORCED_BAD_PIXELS = "0", "56"
_NIGHT_ZERO_JD = 2457754.5  # ZTF counts its nights from 2017-01-01
_NIGHTS_IN_PID = 9000  # a pid has four digits for the night; those of real stars from before ZTF wrap around
_UNIX_EPOCH_JD = 2440587.5
_PIXEL_ARCSEC = 1.01
_ASTROMETRY_ARCSEC = 0.1
_LETTER = {FID_G: "g", FID_R: "r", FID_I: "i"}
_ZERO_POINT = {FID_G: 26.2, FID_R: 26.3, FID_I: 25.7}
# What photometry and classification have no use for: typical values, the same in every packet.
_TYPICAL_IMAGE: Row = {
    "programid": 1,
    "programpi": "Kulkarni",
    "magzpsciunc": 2e-05,
    "magzpscirms": 0.03,
    "clrcoeff": -0.05,
    "clrcounc": 3e-05,
    "rbversion": "t17_f5_c3",
}
_TYPICAL_SOURCE: Row = {
    "chipsf": 1.0,
    "sky": 0.3,
    "fwhm": 2.2,
    "classtar": 0.98,
    "seeratio": 1.1,
    "aimage": 0.7,
    "bimage": 0.65,
    "aimagerat": 0.32,
    "bimagerat": 0.3,
    "elong": 1.08,
    "nneg": 3,
    "nbad": 0,
    "ssdistnr": NO_MATCH,
    "ssmagnr": NO_MATCH,
    "ssnamenr": "null",
    "sumrat": 1.0,
    "tooflag": 0,
    "nmatches": 1500,
    "zpclrcov": -4e-06,
    "clrmed": 0.65,
    "clrrms": 0.2,
    "drbversion": "d6_m7",
}
_TYPICAL_NEIGHBOURS: Row = {
    "simag1": NO_MATCH,
    "szmag1": NO_MATCH,
    "sgscore1": 0.99,
    "distpsnr1": 0.1,
    **{f"s{band}mag{n}": NO_MATCH for band in "griz" for n in (2, 3)},
    "sgscore2": 0.5,
    "sgscore3": 0.5,
    "distpsnr2": 9.0,
    "distpsnr3": 14.0,
    "nmtchps": 3,
    "neargaia": 0.1,
    "neargaiabright": 60.0,
    "maggaiabright": 13.0,
}
_TYPICAL_REFERENCE: Row = {"sigmagnr": 0.015, "chinr": 0.5, "sharpnr": -0.01}


class PacketWriter:
    """Writes the packets of one star; they must be asked for in time order."""

    def __init__(self, star: ObservedStar) -> None:
        self._star = star
        self._rng = np.random.default_rng(zlib.crc32(star.object_id.encode()))
        self._pids = _process_ids(star)
        self._alerting = star.alerting()
        self._candidates: dict[int, Row] = {}
        self._history: deque[tuple[float, bytes, bytes]] = deque()
        self._history_end = 0
        self._templates: dict[int, bytes] = {}

    def image(self, index: int) -> int:
        """ZTF's number (pid) of the image that exposure `index` of the star is in."""
        return int(self._pids[index])

    def alert_id(self, index: int, in_image: int) -> int:
        """The candid of an exposure's alert, before which its image has so many others."""
        return self.image(index) * 10**6 + 10**4 + in_image

    def packet(self, index: int, candid: int) -> bytes:
        """The packet that exposure `index` issues, as an Avro container."""
        candidate = self._candidate(index, candid)
        jd = candidate["jd"]
        self._extend_history(index)
        while self._history and self._history[0][0] < jd - HISTORY_D:
            self._history.popleft()
        # Forced photometry is run by day: a packet does not have that of its own night.
        night_start = math.floor(jd + 0.5) - 0.5
        head = {
            "schemavsn": "4.02",
            "publisher": PUBLISHER,
            "objectId": self._star.object_id,
            "candid": candid,
            "candidate": candidate,
        }
        prv_candidates = [row for _, row, _ in self._history]
        fp_hists = [row for when, _, row in reversed(self._history) if when < night_start]
        self._candidates[index] = candidate
        return container.packet(head, prv_candidates, fp_hists, self._cutouts(index, candid))

    def _extend_history(self, end: int) -> None:
        """Adds the exposures before `end` that are not there yet."""
        for index in range(self._history_end, end):
            row = self._candidates.pop(index, None) or self._image(index)
            self._history.append((row["jd"], container.prv_candidate(row), container.fp_hist(self._forced(index))))
        self._history_end = end

    def _image(self, index: int) -> Row:
        """What is known of an exposure whether the star was detected or not."""
        star, jd, fid = self._star, float(self._star.jd[index]), int(self._star.fid[index])
        pid = self.image(index)
        day = datetime.fromtimestamp((jd - _UNIX_EPOCH_JD) * 86400, UTC)
        fraction = int((jd + 0.5) % 1 * 1e6)
        ccd, quadrant = divmod(star.rcid, 4)
        return {
            **_TYPICAL_IMAGE,
            "jd": jd,
            "fid": fid,
            "pid": pid,
            "nid": math.floor(jd - _NIGHT_ZERO_JD),
            "field": star.field,
            "rcid": star.rcid,
            "diffmaglim": float(star.limit[index]),
            "magzpsci": _ZERO_POINT[fid],
            "pdiffimfilename": f"ztf_{day:%Y%m%d}{fraction:06d}_{star.field:06d}_z{_LETTER[fid]}_c{ccd + 1:02d}"
            f"_o_q{quadrant + 1}_scimrefdiffimg.fits",
        }

    def _candidate(self, index: int, candid: int) -> Row:
        star, rng = self._star, self._rng
        reference = float(star.reference[index])
        difference, error = float(star.flux[index] - reference), float(star.flux_error[index])
        magpsf = float(to_mag(np.abs(difference)))
        sigmapsf = MAG_PER_RELATIVE_FLUX * error / abs(difference)
        magap = magpsf + rng.normal(0.0, sigmapsf)
        offset_ra, offset_dec = rng.normal(0.0, _ASTROMETRY_ARCSEC, 2)
        rb, drb = (0.05, 0.5) if star.bogus[index] else (0.6, 1.0), (0.0, 0.3) if star.bogus[index] else (0.85, 1.0)
        x, y = rng.uniform(100, 2900, 2)
        image = self._image(index)
        alerts_so_far = np.flatnonzero(self._alerting[: index + 1])
        return {
            **image,
            **_TYPICAL_SOURCE,
            **_TYPICAL_NEIGHBOURS,
            **self._reference(index),
            "candid": candid,
            "tblid": candid % 10_000,
            "isdiffpos": "t" if difference > 0 else "f",
            "ra": float((star.ra + offset_ra / 3600 / math.cos(math.radians(star.dec))) % 360),
            "dec": star.dec + offset_dec / 3600,
            "distnr": math.hypot(offset_ra, offset_dec) / _PIXEL_ARCSEC,
            "magpsf": magpsf,
            "sigmapsf": sigmapsf,
            "magap": magap,
            "sigmagap": 2 * sigmapsf,
            "magapbig": magap,
            "sigmagapbig": 3 * sigmapsf,
            "magdiff": magap - magpsf,
            "magfromlim": image["diffmaglim"] - magap,
            "xpos": x,
            "ypos": y,
            "mindtoedge": min(x, y, 3072 - x, 3080 - y),
            "rb": rng.uniform(*rb),
            "drb": rng.uniform(*drb),
            "scorr": abs(difference) / error,
            "dsnrms": difference / error,
            "ssnrms": 2 * difference / error,
            "dsdiff": -difference / error,
            "zpmed": image["magzpsci"],
            "exptime": EXPOSURE_S,
            "ndethist": len(alerts_so_far),
            "ncovhist": index + 1,
            "jdstarthist": float(star.jd[alerts_so_far[0]]),
            "jdendhist": image["jd"],
        }

    def _reference(self, index: int) -> Row:
        """The reference image of an exposure, and the star in it and in other catalogues."""
        star, fid = self._star, int(self._star.fid[index])
        magnr = float(to_mag(star.reference[index]))
        ps1 = int(star.ra * 1e6) * 10**9 + int((star.dec + 90) * 1e6)
        return {
            **_TYPICAL_REFERENCE,
            "rfid": int(f"{star.field}12{fid:02d}{star.rcid:02d}"),
            "jdstartref": float(star.jd[0]) - 2000,
            "jdendref": float(star.jd[0]) - 1700,
            "nframesref": 20,
            "ranr": star.ra,
            "decnr": star.dec,
            "magnr": magnr,
            "sgmag1": magnr if fid == FID_G else NO_MATCH,
            "srmag1": magnr if fid == FID_R else NO_MATCH,
            "maggaia": magnr,
            **{f"objectidps{n}": ps1 + n for n in (1, 2, 3)},
        }

    def _forced(self, index: int) -> Row:
        star, image, failed = self._star, self._image(index), bool(self._star.failed[index])
        scale = 10 ** (0.4 * (image["magzpsci"] - FLUX_MAG))  # DN per flux
        return {
            **image,
            **self._reference(index),
            "sciinpseeing": 2.2,
            "scibckgnd": 150.0,
            "scisigpix": 8.0,
            "adpctdif1": 0.06,
            "adpctdif2": 0.06,
            "exptime": EXPOSURE_S,
            "distnr": _ASTROMETRY_ARCSEC,
            "forcediffimflux": SENTINEL if failed else float(star.flux[index] - star.reference[index]) * scale,
            "forcediffimfluxunc": SENTINEL if failed else float(star.flux_error[index]) * scale,
            "procstatus": FORCED_BAD_PIXELS if failed else FORCED_FITTED,
        }

    def _cutouts(self, index: int, candid: int) -> Row:
        star, fid = self._star, int(self._star.fid[index])
        scale = 10 ** (0.4 * (_ZERO_POINT[fid] - FLUX_MAG))
        flux, reference = float(star.flux[index]) * scale, float(star.reference[index]) * scale
        if fid not in self._templates:
            self._templates[fid] = stamp(reference, self._rng)
        name = f"candid{candid}_pid{self.image(index)}_targ"
        return {
            "cutoutScience": {"fileName": f"{name}_sci.fits.gz", "stampData": stamp(flux, self._rng)},
            "cutoutTemplate": {"fileName": f"candid{candid}_ref.fits.gz", "stampData": self._templates[fid]},
            "cutoutDifference": {
                "fileName": f"{name}_scimref.fits.gz",
                "stampData": stamp(flux - reference, self._rng),
            },
        }


def _process_ids(star: ObservedStar) -> NDArray[np.int64]:
    """ZTF's `pid` of each exposure, shape (n,): night, day fraction and readout channel, then 15."""
    night = np.floor(star.jd - _NIGHT_ZERO_JD).astype(np.int64)
    fraction = ((star.jd + 0.5) % 1 * 1e5).astype(np.int64)
    return ((night % _NIGHTS_IN_PID) * 10**5 + fraction) * 10**4 + star.rcid * 100 + 15
