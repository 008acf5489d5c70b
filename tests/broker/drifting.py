"""Invented surveys that go wrong in known ways, and one night's alerts of them, without the packets."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from starsieve.broker.epochs import EPOCH, flags
from starsieve.broker.process import Outcome, process
from starsieve.broker.simulate import ObservedStar, invent
from starsieve.broker.simulate.observed import FID_G, FID_R, barycentric_middle, to_mag
from starsieve.broker.store import Stored
from starsieve.broker.surveys import Alert
from starsieve.models.serving.classifier import Classifier

# Half a year, 80 visits in each band: where stars have 30, one more or less moves the inputs, and so does the weather.
STARS, NIGHTS = 500, 150
_BANDS = {FID_G: "g", FID_R: "r"}
_NIGHTLY_MAG, _STEP_MAG = 0.1, 0.1
_ONE_NIGHT_IN = 2


def unchanged(star: ObservedStar) -> ObservedStar:
    return star


def nightly_zero_point(star: ObservedStar) -> ObservedStar:
    """The zero point of each night is off by 0.1 mag, one way or the other, for all stars alike."""
    night = np.floor(star.jd).astype(int)
    off = {each: np.random.default_rng(each).normal(0, _NIGHTLY_MAG) for each in set(night.tolist())}
    return replace(star, flux=star.flux * 10 ** (-0.4 * np.array([off[each] for each in night.tolist()])))


def new_zero_point(star: ObservedStar) -> ObservedStar:
    """In the second half g is 0.1 mag fainter: the flat field was changed, the reference image was not."""
    late = (star.jd > np.median(star.jd)) & (star.fid == FID_G)
    return replace(star, flux=star.flux * np.where(late, 10 ** (-0.4 * _STEP_MAG), 1.0))


def wrong_reference(star: ObservedStar) -> ObservedStar:
    """The reference magnitudes in g are 0.1 too faint: amplitudes are a tenth too large, and nothing else is."""
    factor = np.where(star.fid == FID_G, 10 ** (-0.4 * _STEP_MAG), 1.0)
    return replace(star, flux=star.flux + star.reference * (factor - 1), reference=star.reference * factor)


def underestimated_errors(star: ObservedStar) -> ObservedStar:
    """Errors are said to be half of what they are."""
    return replace(star, flux_error=star.flux_error / 2)


def every_other_night(star: ObservedStar) -> ObservedStar:
    """Another cadence: half of the nights. Twice as many nights make the same number of visits."""
    kept = np.floor(star.jd).astype(int) % _ONE_NIGHT_IN == 0
    of_each = ("jd", "fid", "flux", "flux_error", "reference", "limit", "bogus", "failed")
    return replace(star, **{name: getattr(star, name)[kept] for name in of_each})


def survey(seed: int, change: Callable[[ObservedStar], ObservedStar] = unchanged, **sizes: int) -> list[ObservedStar]:
    """A survey in which something has changed."""
    return [change(star) for star in invent(sizes.get("stars", STARS), sizes.get("nights", NIGHTS), seed)]


def last_alert(star: ObservedStar) -> Alert | None:
    """The last alert of a star with every exposure until then, as alerts of a month and the next bring it."""
    positive = (star.flux > 3 * star.flux_error) & ~star.failed
    alerting = np.flatnonzero(star.alerting() & positive)
    if not alerting.size:
        return None
    chosen = np.flatnonzero(positive[: alerting[-1] + 1])
    rows = np.empty(chosen.size, EPOCH)
    rows["mjd"] = barycentric_middle(star.jd[chosen], star.ra, star.dec)
    rows["mag"] = to_mag(star.flux[chosen])
    rows["magerr"] = 2.5 / np.log(10) * star.flux_error[chosen] / star.flux[chosen]
    rows["flags"] = [flags(_BANDS[fid]) for fid in star.fid[chosen].tolist()]
    rows = rows[np.lexsort((rows["mjd"], star.fid[chosen]))]
    when = float(rows["mjd"].max())
    return Alert("ztf", 1, star.object_id, 1_600_000_000_000, when, star.ra, star.dec, rows)


def answers_of_a_night(stars: Sequence[ObservedStar], classifier: Classifier) -> list[Outcome]:
    """One answer for each star that has one."""
    alerts = [alert for star in stars if (alert := last_alert(star)) is not None]
    stored = {alert.object_id: Stored(np.empty(0, EPOCH)) for alert in alerts}
    outcomes, _ = process(alerts, stored, classifier, min_epochs=20)
    return [outcome for outcome in outcomes if outcome.reason is None]
