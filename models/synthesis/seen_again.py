"""Real stars seen again by a survey: objects of each class, drawn, observed and passed through its alerts."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from starsieve.features.tools.lightcurves import LightCurves, assemble
from starsieve.models.data import splits
from starsieve.models.synthesis.catalogue import Catalogue, read_catalogue
from starsieve.models.synthesis.epochs import Alerts, Exposures, Ints, Strings, joined
from starsieve.models.synthesis.objects import (
    Draw,
    Drawn,
    catalogued_giants,
    catalogued_stars,
    constants,
    fitted_stars,
    quasars,
    supernovae,
)
from starsieve.models.synthesis.originals import FITTED, SURVEYS, Survey, fit_originals, read_survey

log = structlog.get_logger()

BATCH = 100  # objects held in memory at once
MAX_TRIES = 25  # objects drawn for one that passes: faint and quiet ones hardly ever raise 20 alerts
# Class: catalogue type and subtypes of the stars that catalina and asas lack.
CATALOGUED = {
    "CEP": ("Cep", "F", "1", "2", "12", "F1"),
    "RRD": ("RRLyr", "RRd"),
    "DSCT": ("DSCT",),
    "T2CEP": ("T2Cep",),
}
GIANTS = {"LPV_Mira": ("LPV", "Mira"), "LPV_SRV": ("LPV", "SRV")}
LABELS = ("RRAB", "RRC", "RRD", "CEP", "T2CEP", "DSCT", "EA", "EW", "LPV", "ROT", "QSO", "SN", "NONVAR")


@dataclass(frozen=True)
class View:
    """How a survey sees objects, and when it is asked about them.

    expose: draws when n objects are observed; alert: passes what was drawn of a class through the survey.
    A light curve has at least min_epochs points in one band, and goes up to an alert with about a number of points in
    the fullest band that is log-uniform up to max_epochs, or to the last alert if that is None; min_alerts of its
    points are alerts.
    """

    expose: Callable[[np.random.Generator, int], Exposures]
    alert: Callable[[np.random.Generator, str, Drawn, Exposures], Alerts]
    min_epochs: int
    max_epochs: int | None
    min_alerts: int


def seen_again(
    data_dir: Path, n_per_class: int, seed: int, object_ids: Collection[str], view: View
) -> Iterator[tuple[str, Iterator[LightCurves]]]:
    """Each of LABELS, and up to n_per_class synthetic light curves of it, in chunks.

    data_dir: with lightcurves/ and catalogs/. object_ids: the real stars (of catalina, asas and the OGLE-III
    catalogue) and quasars that may be used. object_id is "<original>#view-<number>". Few objects of a class may pass
    the alert selection; then fewer come out and the log says so. Raises ModelError or UnreadableFolderError where data
    are missing.
    """
    allowed = frozenset(object_ids)
    catalogue = read_catalogue(data_dir / "catalogs")
    surveys = {name: read_survey(data_dir / "lightcurves" / name) for name in SURVEYS}
    for label, class_seed in zip(LABELS, np.random.SeedSequence(seed).spawn(len(LABELS)), strict=True):
        rng = np.random.default_rng(class_seed)
        yield label, _of_class(rng, label, catalogue, surveys, n_per_class, allowed, view)


def _of_class(
    rng: np.random.Generator,
    label: str,
    catalogue: Catalogue,
    surveys: dict[str, Survey],
    wanted: int,
    allowed: frozenset[str],
    view: View,
) -> Iterator[LightCurves]:
    count = 0
    draws = _draws(rng, label, catalogue, surveys, wanted, allowed)
    for batch in range(MAX_TRIES * wanted // BATCH + 1):
        if count >= wanted or not draws:
            break
        exposures = view.expose(rng, BATCH)
        drawn = draws[batch % len(draws)](rng, BATCH, exposures)
        chunk = _observe(rng, label, count, wanted - count, drawn, exposures, view)
        count += len(chunk.object_id)
        yield chunk
    log.info("class seen again", label=label, asked=wanted, made=count)


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
    if label == "QSO" and len(rows := _allowed(catalogue.quasar_id, allowed)):
        draws.append(quasars(catalogue, rows))
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
    rng: np.random.Generator, label: str, first: int, wanted: int, drawn: Drawn, exposures: Exposures, view: View
) -> LightCurves:
    """Light curves of at most `wanted` of these objects, numbered from `first`: those that have enough points."""
    # A constant star is also met without any alert; a variable star that hardly raises one cannot be told from it.
    min_alerts = 0 if label == "NONVAR" else view.min_alerts
    alerts = view.alert(rng, label, drawn, exposures)
    points: list[Ints] = []
    stars: list[int] = []
    for i in range(len(exposures.epochs)):
        chosen = _as_of(rng, exposures, alerts, i, min_alerts, view)
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
        bands=np.array(exposures.telescope.bands),
        mjd=exposures.epochs.mjd[flat],
        mag=alerts.mag[flat],
        magerr=alerts.magerr[flat],
    )


def _as_of(rng: np.random.Generator, exposures: Exposures, alerts: Alerts, i: int, min_alerts: int, view: View) -> Ints:
    """Points of object i up to a random alert; none if no band has enough, or too few points are alerts."""
    start, stop = exposures.epochs.offsets[i], exposures.epochs.offsets[i + 1]
    chosen: Ints = np.flatnonzero(alerts.kept[start:stop]) + start
    bands = np.arange(len(exposures.telescope.bands))
    seen = np.cumsum(exposures.band[chosen, None] == bands, axis=0).max(axis=1, initial=0)
    target = np.inf
    if view.max_epochs is not None:
        target = np.exp(rng.uniform(np.log(view.min_epochs), np.log(view.max_epochs)))
    detected = alerts.detected[chosen]
    answers = detected if min_alerts else np.ones(len(chosen), dtype=np.bool_)
    triggers = np.flatnonzero(answers & (seen >= view.min_epochs) & (np.cumsum(detected) >= min_alerts))
    if not len(triggers):
        return chosen[:0]
    last = triggers[min(int(np.searchsorted(seen[triggers], target)), len(triggers) - 1)]
    return chosen[: last + 1]
