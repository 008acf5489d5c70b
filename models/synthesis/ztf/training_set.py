"""The training set of the ZTF network: real stars seen again at ZTF's epochs, through ZTF's alerts."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import structlog

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.lightcurves import LightCurves, assemble
from starsieve.models.data import splits
from starsieve.models.synthesis.catalogue import Catalogue, read_catalogue
from starsieve.models.synthesis.epochs import Ints, Strings, joined
from starsieve.models.synthesis.originals import FITTED, SURVEYS, Survey, fit_originals, read_survey
from starsieve.models.synthesis.ztf.alerts import (
    BANDS,
    Alerts,
    Exposures,
    draw_exposures,
    read_histories,
    reference_flux,
    select,
)
from starsieve.models.synthesis.ztf.measured import MEASURED, measured, stars_of
from starsieve.models.synthesis.ztf.objects import (
    Draw,
    Drawn,
    catalogued_giants,
    catalogued_stars,
    constants,
    fitted_stars,
    quasars,
    supernovae,
)
from starsieve.models.synthesis.ztf.real import real_light_curves, real_parts

log = structlog.get_logger()

MAX_EPOCHS = 500
PARTS = 5  # of each real ZTF light curve: with them, half as many other field stars are called periodic
BATCH = 100  # objects held in memory at once
MAX_TRIES = 25  # objects drawn for one that passes: faint and quiet ones hardly ever raise 20 alerts
# Of the light curves: alerts only; alerts with forced photometry; every exposure, as in a data release.
WATCHED = {"alerts": 0.45, "forced": 0.45, "all": 0.1}
WATCHED_CONSTANT = {"alerts": 0.2, "forced": 0.3, "all": 0.5}
MIN_ALERTS = 5
# Class: catalogue type and subtypes of the stars that catalina and asas lack.
CATALOGUED = {
    "CEP": ("Cep", "F", "1", "2", "12", "F1"),
    "RRD": ("RRLyr", "RRd"),
    "DSCT": ("DSCT",),
    "T2CEP": ("T2Cep",),
}
GIANTS = {"LPV_Mira": ("LPV", "Mira"), "LPV_SRV": ("LPV", "SRV")}
LABELS = ("RRAB", "RRC", "RRD", "CEP", "T2CEP", "DSCT", "EA", "EW", "LPV", "ROT", "QSO", "SN", "NONVAR")


def ztf_light_curves(data_dir: Path, n_per_class: int, seed: int, object_ids: Collection[str]) -> Iterator[LightCurves]:
    """Yield up to n_per_class synthetic light curves in g and r of each of LABELS, in chunks of one class.

    On top of them come, as they are, all real ones that may be used of constant stars and supernovae: real constants
    as training data halved the share of other ztf_field stars called periodic, where better noise did nothing.

    data_dir: with lightcurves/, catalogs/ and alerts/. object_ids: the real stars (of catalina, asas, the OGLE-III
    catalogue, ztf_field and ztf_snia) and quasars that may be used. Every light curve has at least 20 points in one
    band. object_id is "<original>#view-<number>". Few objects of a class may pass the alert selection; then fewer come
    out and the log says so. Raises ModelError or UnreadableFolderError where data are missing.
    """
    allowed = frozenset(object_ids)
    catalogue = read_catalogue(data_dir / "catalogs")
    surveys = {name: read_survey(data_dir / "lightcurves" / name) for name in SURVEYS}
    histories = read_histories(data_dir / "alerts" / "ztf_avro")
    for label, class_seed in zip(LABELS, np.random.SeedSequence(seed).spawn(len(LABELS)), strict=True):
        rng = np.random.default_rng(class_seed)
        yield from real_light_curves(data_dir, label, allowed)
        count = 0
        draws = _draws(rng, label, catalogue, surveys, n_per_class, allowed)
        for batch in range(MAX_TRIES * n_per_class // BATCH + 1):
            if count >= n_per_class or not draws:
                break
            exposures = draw_exposures(rng, histories, BATCH)
            drawn = draws[batch % len(draws)](rng, BATCH, exposures)
            chunk = _observe(rng, label, count, n_per_class - count, drawn, exposures)
            count += len(chunk.object_id)
            yield chunk
        log.info("ztf class synthesised", label=label, asked=n_per_class, made=count)


def ztf_measured_light_curves(
    data_dir: Path, n_per_class: int, seed: int, object_ids: Collection[str], views: int
) -> Iterator[LightCurves]:
    """Yield real light curves of up to n_per_class stars of each class of catalina and asas, as alerts carry them.

    object_ids: the stars that may be used; views: how often each is seen, see `measured`. Of
    constant stars and supernovae come parts of real ZTF light curves, as many of each. Raises UnreadableFolderError
    where data are missing.
    """
    allowed = frozenset(object_ids)
    surveys = {name: read_survey(data_dir / "lightcurves" / name) for name in SURVEYS}
    for label, class_seed in zip(LABELS, np.random.SeedSequence(seed).spawn(len(LABELS)), strict=True):
        rng = np.random.default_rng(class_seed)
        yield from real_parts(rng, data_dir, label, allowed, PARTS)
        if label not in MEASURED:
            continue
        for survey, stars in stars_of(rng, surveys, label, n_per_class, allowed):
            chunk = measured(rng, survey, stars, label, MIN_EPOCHS, views)
            if chunk is not None:
                yield chunk


def _draws(
    rng: np.random.Generator,
    label: str,
    catalogue: Catalogue,
    surveys: dict[str, Survey],
    limit: int,
    allowed: frozenset[str],
) -> list[Draw]:
    """The ways to draw objects of a class, from the stars that may be used."""
    draws: list[Draw] = []
    if label in FITTED:
        originals = fit_originals(rng, surveys, label, limit, allowed)
        log.info("originals fitted", label=label, tried=originals.n_tried, clean=len(originals.period))
        if len(originals.period):
            draws.append(fitted_stars(label, originals))
    if label in CATALOGUED and len(rows := _allowed_rows(catalogue, CATALOGUED[label], allowed)):
        draws.append(catalogued_stars(label, catalogue, rows))
    if label == "LPV":
        for kind, selection in GIANTS.items():
            if len(rows := _allowed_rows(catalogue, selection, allowed)):
                draws.append(catalogued_giants(kind, catalogue, rows))
    if label == "QSO":
        draws.append(quasars(catalogue, _allowed(catalogue.quasar_id, allowed)))
    if label == "SN":
        draws.append(supernovae())
    if label == "NONVAR":
        draws.append(constants())
    return draws


def _allowed_rows(catalogue: Catalogue, selection: tuple[str, ...], allowed: frozenset[str]) -> Ints:
    rows = catalogue.rows(*selection)
    return rows[_allowed(catalogue.object_id[rows], allowed)]


def _allowed(names: Strings, allowed: frozenset[str]) -> Ints:
    return np.flatnonzero([name in allowed for name in names.tolist()])


def _observe(
    rng: np.random.Generator, label: str, first: int, wanted: int, drawn: Drawn, exposures: Exposures
) -> LightCurves:
    """Light curves of at most `wanted` of these objects, numbered from `first`: those that have enough points."""
    n = len(exposures.epochs)
    shares = WATCHED_CONSTANT if label == "NONVAR" else WATCHED
    way = rng.choice(tuple(shares), n, p=tuple(shares.values()))
    # A constant star is also met without any alert; a variable star that hardly raises one cannot be told from it.
    min_alerts = 0 if label == "NONVAR" else MIN_ALERTS
    reference = reference_flux(rng, exposures, drawn.flux) if drawn.reference is None else drawn.reference
    alerts = select(rng, exposures, drawn.flux, reference, way)
    points: list[Ints] = []
    stars: list[int] = []
    for i in range(n):
        chosen = _as_of(rng, exposures, alerts, i, min_alerts)
        if len(points) < wanted and len(chosen):
            points.append(chosen)
            stars.append(i)
    flat, owner = joined(points)
    names = [f"{drawn.object_id[i]}{splits.VIEW}{first + number}" for number, i in enumerate(stars)]
    return assemble(
        np.array(names, dtype=np.str_),
        np.full(len(stars), label),
        owner,
        band=exposures.band[flat],
        bands=np.array(BANDS),
        mjd=exposures.epochs.mjd[flat],
        mag=alerts.mag[flat],
        magerr=alerts.magerr[flat],
    )


def _as_of(rng: np.random.Generator, exposures: Exposures, alerts: Alerts, i: int, min_alerts: int) -> Ints:
    """Points of object i up to a random alert; none if no band has MIN_EPOCHS, or too few points are alerts."""
    start, stop = exposures.epochs.offsets[i], exposures.epochs.offsets[i + 1]
    chosen: Ints = np.flatnonzero(alerts.kept[start:stop]) + start
    seen = np.cumsum(exposures.band[chosen, None] == np.arange(len(BANDS)), axis=0).max(axis=1, initial=0)
    target = np.exp(rng.uniform(np.log(MIN_EPOCHS), np.log(MAX_EPOCHS)))
    detected = alerts.detected[chosen]
    answers = detected if min_alerts else np.ones(len(chosen), dtype=np.bool_)
    triggers = np.flatnonzero(answers & (seen >= MIN_EPOCHS) & (np.cumsum(detected) >= min_alerts))
    if not len(triggers):
        return chosen[:0]
    last = triggers[min(int(np.searchsorted(seen[triggers], target)), len(triggers) - 1)]
    return chosen[: last + 1]
