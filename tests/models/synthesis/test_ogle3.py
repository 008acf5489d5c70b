"""The source set as a whole, from the real catalogue."""

import itertools

import numpy as np
import pytest

from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.lightcurves import LightCurves, concatenate
from starsieve.models.data import splits
from starsieve.models.synthesis import Catalogue, ogle3_light_curves
from starsieve.models.synthesis.epochs import Epochs
from starsieve.models.synthesis.noise import OGLE3_ERRORS, observe_ogle
from starsieve.models.synthesis.ogle.cadence import FIELDS, MAX_EPOCHS, ogle_epochs
from starsieve.models.synthesis.ogle.ogle3 import GIANTS, LABELS, PULSATORS, SHARES


@pytest.fixture(scope="session")
def light_curves(catalogue: Catalogue) -> LightCurves:
    return concatenate(ogle3_light_curves(catalogue, 40, seed=1))


def of_class(catalogue: Catalogue, label: str, n: int) -> LightCurves:
    """The light curves of one class; nothing is made of those after it."""
    parts = []
    for part in ogle3_light_curves(catalogue, n, 0):
        if part.label[0] == label:
            parts.append(part)
        elif parts:
            break
    return concatenate(parts)


def test_every_class_is_there_and_whole(light_curves: LightCurves) -> None:
    labels, counts = np.unique(light_curves.label, return_counts=True)
    assert set(labels) == set(LABELS)
    assert counts.min() == round(40 * SHARES[0])  # the anomalous Cepheids are rarest
    assert counts.max() == 40 * SHARES[1]
    assert len(np.unique(light_curves.object_id)) == len(light_curves)
    assert light_curves.epochs.min() >= MIN_EPOCHS
    assert light_curves.epochs.max() <= MAX_EPOCHS
    for values in (light_curves.mjd, light_curves.mag, light_curves.magerr):
        assert np.isfinite(values).all()
        assert len(values) == light_curves.offsets[-1]
    assert (light_curves.magerr > 0).all()


def test_every_class_is_seen_in_every_band(light_curves: LightCurves) -> None:
    bands = light_curves.bands[light_curves.band]
    for label in LABELS:
        seen = bands[light_curves.label == label]
        assert {"I", "V", "Hp"} <= set(seen.tolist())
        assert (seen == "I").mean() == pytest.approx(0.35, abs=0.05)


def test_cepheids_vary_more_in_v_than_in_i(catalogue: Catalogue) -> None:
    curves = of_class(catalogue, "CEPH_F", 200)
    bands = curves.bands[curves.band]
    extent = np.array(
        [
            np.ptp(np.percentile(curves.mag[first:last], [5, 95]))
            for first, last in itertools.pairwise(curves.offsets.tolist())
        ]
    )
    assert np.median(extent[bands == "V"]) / np.median(extent[bands == "I"]) == pytest.approx(1.69, rel=0.2)


def test_half_of_the_cepheids_are_drawn_evenly_in_period(catalogue: Catalogue) -> None:
    rows = catalogue.rows("Cep", "F")
    curves = of_class(catalogue, "CEPH_F", 200)
    period = dict(zip(catalogue.object_id[rows].tolist(), catalogue.period[rows, 0].tolist(), strict=True))
    drawn = np.array([period[splits.star(name)] for name in curves.object_id.tolist()])
    assert (catalogue.period[rows, 0] > 10).mean() < 0.1
    assert (drawn > 10).mean() > 0.15


def test_the_seed_decides(catalogue: Catalogue) -> None:
    first, again, other = (concatenate(ogle3_light_curves(catalogue, 2, seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.mag, again.mag)
    np.testing.assert_array_equal(first.object_id, again.object_id)
    assert len(first.mag) != len(other.mag) or (first.mag != other.mag).any()


def test_delta_scuti_columns_are_put_right(catalogue: Catalogue) -> None:
    stars = catalogue.rows("DSCT", "S")
    assert np.median(catalogue.r21[stars, 0]) < 0.5 < np.median(catalogue.phi21[stars, 0])


def test_stars_that_the_ztf_network_is_judged_on_are_left_alone(light_curves: LightCurves) -> None:
    assert not any(
        splits.held_out(name)
        for name, label in zip(light_curves.object_id.tolist(), light_curves.label.tolist(), strict=True)
        if label in (*PULSATORS, *GIANTS)
    )


def test_a_rare_class_repeats_its_stars_evenly(catalogue: Catalogue) -> None:
    n_stars = sum(not splits.held_out(str(catalogue.object_id[row])) for row in catalogue.rows("aCep"))
    curves = of_class(catalogue, "ACEPH", round(2 * n_stars / SHARES[0]))
    stars = [splits.star(name) for name in curves.object_id]
    _, counts = np.unique(stars, return_counts=True)
    assert len(counts) == n_stars
    assert (counts == 2).all()


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("n_epochs", [20, 300, 2000])
def test_epochs_fall_into_nights_and_seasons(field: str, n_epochs: int) -> None:
    mjd = ogle_epochs(np.random.default_rng(n_epochs), n_epochs, field)
    assert len(mjd) == n_epochs
    assert (np.diff(mjd) >= 0).all()
    assert (np.abs((mjd + 0.5) % 1.0 - 0.5) <= 0.2001).all()  # around local midnight
    assert ((mjd - 51999.0) % 365.25 < 323).all()  # the Sun is in the way for the rest of the year


def test_noise_is_what_the_error_says() -> None:
    n_stars, n_epochs = 300, 400
    epochs = Epochs(np.tile(np.arange(float(n_epochs)), n_stars), np.arange(n_stars + 1) * n_epochs)
    mag, magerr = observe_ogle(np.random.default_rng(0), np.full(n_stars * n_epochs, 18.0), epochs)
    assert np.median(magerr) == pytest.approx(float(OGLE3_ERRORS(np.array(18.0))), rel=0.1)
    z = ((mag - 18.0) / magerr).reshape(n_stars, n_epochs)
    robust = np.median(np.abs(z - np.median(z, axis=1, keepdims=True)), axis=1) * 1.4826
    assert np.median(robust) == pytest.approx(1.05, abs=0.12)
    assert 0.002 < (np.abs(z) > 5).mean() < 0.03  # real stars: 1.1 %
