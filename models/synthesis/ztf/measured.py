"""Real labelled light curves as ZTF's alerts would carry them: their own epochs and noise, kept where alerts reach."""

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from starsieve.features.photometry import MAG_PER_RELATIVE_FLUX, MAX_MAGERR, MIN_FORCED_SNR, magnitude
from starsieve.features.tools.lightcurves import LightCurves, assemble
from starsieve.models.data import splits
from starsieve.models.synthesis.epochs import Floats, Ints, joined
from starsieve.models.synthesis.originals import Survey
from starsieve.models.synthesis.signals.shapes import TO_SIGMA
from starsieve.models.synthesis.ztf.alerts import FORCED_DAYS, THRESHOLD

# Class: (survey, label) of the stars.
MEASURED: dict[str, tuple[tuple[str, str], ...]] = {
    "RRAB": (("catalina", "RRAB"), ("catalina", "RRAB_BLAZHKO"), ("asas", "RRAB")),
    "RRC": (("catalina", "RRC"), ("asas", "RRC")),
    "RRD": (("catalina", "RRD"),),
    "CEP": (("catalina", "CEP"), ("asas", "CEP")),
    "T2CEP": (("catalina", "T2CEP"), ("asas", "T2CEP")),
    "DSCT": (("catalina", "DSCT"), ("asas", "DSCT")),
    "EA": (("catalina", "EA"), ("asas", "ED")),
    "EW": (("catalina", "EW"), ("asas", "EC")),
    "LPV": (("catalina", "LPV"), ("asas", "MIRA"), ("asas", "SRV")),
    "ROT": (("catalina", "ROT"), ("asas", "ACV")),
}
FORCED_SHARE = 0.6  # of the views; the others come of alerts without forced photometry
WHOLE_SHARE = 0.5  # of the views: as of the last alert; the others as of an earlier one
BANDS = np.array(["r"])  # the networks do not know the band; the stream takes Johnson V for r too
# Catalogues quote cautious errors: visits minutes apart scatter by 0.23 (12 mag) to 0.6 (18 mag) of Catalina's.
SAME_VISIT_DAYS, MIN_PAIRS, MIN_NOISE_SHARE = 0.02, 10, 0.1


def measured(
    rng: np.random.Generator, survey: Survey, stars: list[int], label: str, min_epochs: int, views: int
) -> LightCurves | None:
    """These stars of a survey, each in up to `views` views with at least min_epochs points; None if there are none.

    object_id is "<star>#view-real<view>". views = 1: with forced photometry, as of the last alert, as a broker has them
    in the end; more: with and without, as of any alert.
    """
    found: list[tuple[int, int, Ints, Floats]] = []
    curves = survey.curves
    for i in stars:
        rows = np.arange(*survey.starts[i : i + 2])
        rows = rows[np.argsort(curves.mjd[rows], kind="stable")]
        flux = 10.0 ** (-0.4 * curves.mag[rows])
        noise = flux * curves.magerr[rows] * _noise_share(curves, rows) / MAG_PER_RELATIVE_FLUX
        _, magerr = magnitude(flux, noise)
        for view in range(views):
            forced = views == 1 or rng.random() < FORCED_SHARE
            whole = views == 1 or rng.random() < WHOLE_SHARE
            kept = kept_points(curves.mjd[rows], flux, noise, forced=forced) & (magerr < MAX_MAGERR)
            chosen = _as_of(rng, kept, _alerts(flux, noise), min_epochs, whole=whole)
            if len(chosen):
                found.append((i, view, rows[chosen], magerr[chosen]))
    if not found:
        return None
    points, owner = joined([rows for _, _, rows, _ in found])
    return assemble(
        np.array([f"{curves.object_id[i]}{splits.REAL_VIEW}{view}" for i, view, *_ in found]),
        np.full(len(found), label),
        owner,
        band=np.zeros_like(owner),
        bands=BANDS,
        mjd=curves.mjd[points],
        mag=curves.mag[points],
        magerr=np.concatenate([errors for *_, errors in found]),
    )


def stars_of(
    rng: np.random.Generator, surveys: dict[str, Survey], label: str, limit: int, allowed: Collection[str]
) -> Iterator[tuple[Survey, list[int]]]:
    """At most `limit` stars of a class that may be used, drawn at random, survey after survey."""
    for name, survey_label in MEASURED[label]:
        survey = surveys[name]
        usable = survey.labelled(survey_label, allowed)
        chosen = rng.permutation(np.array(usable, dtype=np.int64))[:limit].tolist()
        limit -= len(chosen)
        yield survey, chosen


def _alerts(flux: Floats, noise: Floats) -> NDArray[np.bool_]:
    """Which points raise an alert against a reference image that holds the median flux."""
    return np.abs(flux - np.median(flux)) > THRESHOLD * noise


def kept_points(mjd: Floats, flux: Floats, noise: Floats, *, forced: bool) -> NDArray[np.bool_]:
    """Which points are alerts, or forced photometry of the nights before one."""
    alerts = _alerts(flux, noise)
    if not forced:
        return alerts
    at = np.append(mjd[alerts], np.inf)
    reached = at[np.searchsorted(at, np.floor(mjd) + 1.0)] - mjd <= FORCED_DAYS
    kept: NDArray[np.bool_] = alerts | (reached & (flux > MIN_FORCED_SNR * noise))
    return kept


def _as_of(
    rng: np.random.Generator, kept: NDArray[np.bool_], alerts: NDArray[np.bool_], min_epochs: int, *, whole: bool
) -> Ints:
    """The points kept up to the last alert, or up to one at a number of epochs that is log-uniform."""
    seen = np.cumsum(kept)
    triggers = np.flatnonzero(alerts & kept & (seen >= min_epochs))
    if not len(triggers):
        return triggers
    target = seen[-1] if whole else np.exp(rng.uniform(np.log(min_epochs), np.log(seen[-1])))
    last = triggers[min(int(np.searchsorted(seen[triggers], target)), len(triggers) - 1)]
    return np.flatnonzero(kept[: last + 1])


def _noise_share(curves: LightCurves, rows: Ints) -> float:
    """Scatter of visits minutes apart in units of the quoted errors; 1 where there are few of them."""
    mag, magerr = curves.mag[rows], curves.magerr[rows]
    close = np.diff(curves.mjd[rows]) < SAME_VISIT_DAYS
    if close.sum() < MIN_PAIRS:
        return 1.0
    deviations = np.abs(np.diff(mag) / np.hypot(magerr[1:], magerr[:-1]))[close]
    return float(np.clip(TO_SIGMA * np.median(deviations), MIN_NOISE_SHARE, 1.0))
