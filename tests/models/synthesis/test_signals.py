"""Each kind of variability has the statistics that it is said to have."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve.models.synthesis.catalogue import Catalogue
from starsieve.models.synthesis.epochs import Epochs, offsets_of
from starsieve.models.synthesis.signals.eclipses import eclipsing, orbit_angle
from starsieve.models.synthesis.signals.giants import HABITS, giant_mag
from starsieve.models.synthesis.signals.pulsators import PHASE_GRID, evaluate, pulsation, pulsator_mag
from starsieve.models.synthesis.signals.stochastic import damped_walk, random_walk, rotation_mag


def one_star(mjd: np.ndarray) -> Epochs:
    return Epochs(mjd, np.array([0, len(mjd)]))


@pytest.fixture
def catalogue() -> Catalogue:
    absent = [0.0, 0.0]
    return Catalogue(
        object_id=np.array(["rrab", "double"]),
        type=np.array(["RRLyr", "Cep"]),
        subtype=np.array(["RRab", "F1"]),
        mag=np.array([18.5, 16.0]),
        period=np.array([[0.55, np.nan, np.nan], [3.0, 2.1, np.nan]]),
        amplitude=np.array([[0.6, *absent], [0.4, 0.15, 0.0]]),
        r21=np.array([[0.45, *absent], [0.3, 0.1, 0.0]]),
        phi21=np.array([[4.45, *absent], [4.2, 1.0, 0.0]]),
        r31=np.array([[0.28, *absent], [0.1, 0.0, 0.0]]),
        phi31=np.array([[2.73, *absent], [2.0, 0.0, 0.0]]),
        quasar_id=np.array(["quasar-1"]),
        quasar_sigma=np.array([0.2]),
        quasar_tau=np.array([100.0]),
    )


def test_pulsator_keeps_its_catalogued_terms(catalogue: Catalogue) -> None:
    star = pulsation(np.random.default_rng(0), catalogue, np.array([0]))
    mjd = np.sort(np.random.default_rng(1).uniform(0, 1000, 4000))
    mag = pulsator_mag(star, mjd, np.zeros(4000, dtype=np.int64))
    assert np.ptp(mag) == pytest.approx(0.6, rel=0.02)
    k = np.arange(1, 9)
    angle = 2 * np.pi * k * mjd[:, None] / 0.55
    solution = np.linalg.lstsq(np.hstack([np.cos(angle), np.sin(angle)]), mag, rcond=None)[0]
    terms = solution[:8] - 1j * solution[8:]  # A exp(i phi) of A cos(k w t + phi)
    assert abs(terms[1]) / abs(terms[0]) == pytest.approx(0.45, abs=1e-6)
    assert np.angle(terms[1] / (terms[0] / abs(terms[0])) ** 2) % (2 * np.pi) == pytest.approx(4.45, abs=1e-6)
    assert np.angle(terms[2] / (terms[0] / abs(terms[0])) ** 3) % (2 * np.pi) == pytest.approx(2.73, abs=1e-6)


def test_rrab_rises_faster_than_it_falls(catalogue: Catalogue) -> None:
    star = pulsation(np.random.default_rng(0), catalogue, np.array([0]))
    mag = evaluate(star.amplitude[0, 0], star.phase[0, 0], PHASE_GRID)
    assert (np.diff(mag) < 0).mean() < 0.35  # a minority of the phases brightens


def test_second_mode_has_its_own_amplitude(catalogue: Catalogue) -> None:
    star = pulsation(np.random.default_rng(0), catalogue, np.array([1]))
    second = evaluate(star.amplitude[0, 1], star.phase[0, 1], PHASE_GRID)
    assert np.ptp(second) == pytest.approx(0.15, rel=1e-3)
    assert not star.amplitude[0, 2].any()


def test_damped_walk_has_unit_variance_and_its_damping_time() -> None:
    mjd = np.arange(200_000.0)
    walk = random_walk(np.random.default_rng(2), one_star(mjd), np.array([20.0]))
    assert walk.std() == pytest.approx(1.0, abs=0.05)
    assert (walk[20:] * walk[:-20]).mean() == pytest.approx(np.exp(-1.0), abs=0.05)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_damped_walk_equals_its_plain_python(counts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    offsets = offsets_of(np.array(counts))
    mjd = np.concatenate([np.sort(rng.uniform(0, 100, count)) for count in counts])
    epochs = Epochs(mjd, offsets)
    tau, normal = rng.uniform(0.1, 50, len(counts)), rng.standard_normal(len(mjd))
    compiled = damped_walk(mjd, epochs.index, tau, normal)
    np.testing.assert_allclose(compiled, damped_walk.py_func(mjd, epochs.index, tau, normal), atol=1e-12)
    np.testing.assert_array_equal(compiled[offsets[:-1]], normal[offsets[:-1]])  # objects don't know each other


@pytest.mark.parametrize("label", HABITS)
def test_giants_keep_their_amplitude_but_not_their_clock(label: str) -> None:
    habit = replace(HABITS[label], drift=0.0, harmonic=0.0)
    epochs = one_star(np.arange(200_000.0))
    mag = giant_mag(np.random.default_rng(3), habit, np.array([[100.0]]), np.array([[2.0]]), epochs)
    assert mag.std() == pytest.approx(np.sqrt(0.5), rel=0.1)
    wave = np.exp(2j * np.pi * epochs.mjd / 100.0)
    in_phase = 2 * abs((mag * wave).mean()) ** 2 / mag.var()
    assert in_phase == pytest.approx(habit.coherent, abs=0.1)


def test_rotators_return_to_the_same_phase_for_a_while_only() -> None:
    n_stars, n_epochs, per_cycle = 30, 12_000, 10
    epochs = Epochs(np.tile(np.arange(n_epochs) * 0.5, n_stars), np.arange(n_stars + 1) * n_epochs)
    mag = rotation_mag(np.random.default_rng(4), np.full(n_stars, 5.0), epochs).reshape(n_stars, n_epochs)

    def correlation(cycles: int) -> float:
        lag = cycles * per_cycle
        return float(np.median([np.corrcoef(star[lag:], star[:-lag])[0, 1] for star in mag]))

    assert correlation(1) > 0.98
    assert correlation(800) < 0.8


@pytest.mark.parametrize(("label", "quietest"), [("EB_EC", 0.0), ("EB_ESD", 0.1), ("EB_ED", 0.55)])
def test_time_out_of_eclipse_grows_from_contact_to_detached(label: str, quietest: float) -> None:
    stars = eclipsing(np.random.default_rng(5), label, 100)
    depth = np.ptp(stars.shape, axis=1, keepdims=True)
    quiet = np.median((stars.shape < 0.2 * depth).mean(axis=1))
    assert quietest <= quiet <= quietest + 0.45
    assert (stars.shape.min(axis=1) == 0.0).all()


@given(st.floats(0.0, 0.6), st.floats(-3.0, 3.0))
def test_orbit_obeys_kepler(eccentricity: float, periastron: float) -> None:
    phase = np.arange(512) / 512
    angle = np.unwrap(orbit_angle(phase, eccentricity, periastron))
    assert angle[0] == pytest.approx(0.0, abs=1e-6)
    assert (np.diff(angle) > 0).all()
    distance = (1 - eccentricity**2) / (1 + eccentricity * np.cos(angle - periastron))
    area = distance**2 * np.gradient(angle, phase)
    assert np.ptp(area[2:-2]) / area.mean() < 0.02
