"""Real stars of a folder of light curves, as if ZTF had observed them at the same epochs."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from broker.alerts.barycentre import FIRST_MJD, LAST_MJD
from broker.simulate.observed import (
    FID_G,
    FID_I,
    FID_R,
    Array,
    ObservedStar,
    exposure_start,
    object_id,
    to_flux,
    to_mag,
)
from models import ModelError, lightcurves, splits

Row = dict[str, Any]

#: The filter of ZTF that stands for a catalogue's band.
FILTERS = {"u": FID_G, "b": FID_G, "B": FID_G, "g": FID_G, "V": FID_R, "Hp": FID_R, "r": FID_R, "R": FID_R}
FILTERS |= {"i": FID_I, "I": FID_I, "z": FID_I}
FIELDS, READOUT_CHANNELS = range(245, 845), 64
# Catalogues quote cautious errors. Measured on Catalina: four visits within half an hour scatter by 0.23 of the quoted
# error at 12 mag, by 0.6 at 18 mag. By quoted errors, half of its RR Lyrae stars are never 5 sigma from their median.
_SAME_VISIT_D, _MIN_PAIRS, _MIN_NOISE_SHARE = 0.02, 10, 0.1
_SIGMA_PER_MEDIAN_DEVIATION = 1.4826
_RELATIVE_FLUX_PER_MAG = np.log(10) / 2.5


def read_light_curves(folder: Path, objects: int, seed: int, *, held_out: bool = False) -> list[ObservedStar]:
    """At most `objects` stars, drawn at random, of a folder with objects.parquet and points.parquet; needs pyarrow.

    The catalogue's magnitudes are the total magnitudes, and its times are taken as barycentric mid-exposures: a decoder
    finds the same light curve again, as far as alerts carry it. The reference flux is the median of each band, and the
    noise is what visits minutes apart scatter by, as quoted errors are cautious. Epochs more than 30 days before the
    star's next alert, and those after its last one, are in no packet.

    Args:
        held_out: only stars that the shipped ZTF network was not trained on.

    Raises:
        ModelError: the folder cannot be read, or has no star that can be simulated.
    """
    rows = _columns(folder / "objects.parquet", ["object_id", "label", "period", "ra", "dec"]).to_pylist()
    rows = [row for row in rows if row["ra"] is not None and row["dec"] is not None]
    rows = [row for row in rows if not held_out or splits.held_out(row["object_id"])]
    if not rows:
        raise ModelError(f"{folder} has no {'held-out ' * held_out}star with a position (ra, dec)")
    drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:objects])
    rows = [rows[number] for number in drawn]
    curves = _light_curves(folder, rows)
    bands: dict[int, list[tuple[Array, ...]]] = {}
    for piece in np.flatnonzero(curves.epochs).tolist():
        bands.setdefault(int(curves.owner[piece]), []).append(_band(curves, piece))
    if not bands:
        raise ModelError(f"{folder} has no star with epochs between 1990 and 2060 (MJD {FIRST_MJD} to {LAST_MJD})")
    survey = folder.resolve().name
    return [_observed(survey, rows[owner], of_star) for owner, of_star in bands.items()]


def _light_curves(folder: Path, rows: list[Row]) -> lightcurves.BandLightCurves:
    """The clean light curves of these objects, in order."""
    names = [row["object_id"] for row in rows]
    points = _columns(folder / "points.parquet", ["object_id", "band", "mjd", "mag", "magerr"], names)
    number = {name: index for index, name in enumerate(names)}
    owner = np.array([number[name] for name in points["object_id"].to_pylist()], np.int64)
    labels = np.array([row["label"] or "" for row in rows], np.str_)
    columns = {name: points[name].to_numpy() for name in ("mjd", "mag", "magerr")}
    bands = np.array(points["band"].to_pylist(), np.str_)
    curves = lightcurves.assemble(np.array(names, np.str_), labels, owner, band=bands, **columns)
    return curves.keep((curves.mjd > FIRST_MJD) & (curves.mjd < LAST_MJD))


def _columns(path: Path, names: list[str], object_ids: list[str] | None = None) -> Any:
    """A table of a Parquet file; of all objects, or of those named."""
    from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an extra, needed for nothing but this

    chosen = None if object_ids is None else [("object_id", "in", object_ids)]
    try:
        missing = set(names) - set(parquet.read_schema(path).names)
        if missing:
            raise ModelError(f"{path} has no column {', '.join(sorted(missing))}")
        return parquet.read_table(path, columns=names, filters=chosen)
    except (OSError, ArrowException) as error:
        raise ModelError(f"cannot read {path}: {error}") from error


def _observed(survey: str, row: Row, bands: list[tuple[Array, ...]]) -> ObservedStar:
    """One star out of its light curves in several bands."""
    mjd, fid, flux, error, reference = (np.concatenate(column) for column in zip(*bands, strict=True))
    order = np.argsort(mjd, kind="stable")
    name = f"{survey} {row['object_id']}"
    place = zlib.crc32(name.encode())
    never = np.zeros(len(mjd), bool)
    return ObservedStar(
        object_id=object_id(name),
        name=name,
        label=row["label"] or "",
        period=row["period"],
        ra=row["ra"],
        dec=row["dec"],
        field=FIELDS[place % len(FIELDS)],
        rcid=place // len(FIELDS) % READOUT_CHANNELS,
        jd=exposure_start(mjd[order], row["ra"], row["dec"]),
        fid=fid[order],
        flux=flux[order],
        flux_error=error[order],
        reference=reference[order],
        limit=to_mag(5 * error[order]),
        bogus=never,
        failed=never,
    )


def _band(curves: lightcurves.BandLightCurves, piece: int) -> tuple[Array, ...]:
    """Times, filters, fluxes, flux errors and reference fluxes of one light curve."""
    band = str(curves.band[piece])
    if band not in FILTERS:
        raise ModelError(f"no filter of ZTF stands for the band {band!r}; known are {', '.join(FILTERS)}")
    points = slice(curves.offsets[piece], curves.offsets[piece + 1])
    mjd, mag, magerr = curves.mjd[points], curves.mag[points], curves.magerr[points]
    flux = to_flux(mag)
    error = flux * magerr * _noise_share(mjd, mag, magerr) * _RELATIVE_FLUX_PER_MAG
    return mjd, np.full(len(mjd), FILTERS[band]), flux, error, np.full(len(mjd), np.median(flux))


def _noise_share(mjd: Array, mag: Array, magerr: Array) -> float:
    """Scatter of visits minutes apart in units of the quoted errors; 1 where there are few of them."""
    close = np.diff(mjd) < _SAME_VISIT_D
    if close.sum() < _MIN_PAIRS:
        return 1.0
    deviations = np.abs(np.diff(mag) / np.hypot(magerr[1:], magerr[:-1]))[close]
    return float(np.clip(_SIGMA_PER_MEDIAN_DEVIATION * np.median(deviations), _MIN_NOISE_SHARE, 1.0))
