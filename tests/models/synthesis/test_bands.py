"""Light curves of the same star in other bands."""

import numpy as np
import pytest

from starsieve.models.synthesis import bands
from starsieve.models.synthesis.catalogue import Catalogue
from starsieve.models.synthesis.signals.pulsators import pulsation, pulsator_mag


def test_the_scale_goes_through_what_was_measured() -> None:
    assert bands.ratio("fundamental", "I") == 1.0
    assert bands.ratio("fundamental", "V") == pytest.approx(1.69)
    assert bands.ratio("fundamental", "B_EROS") == pytest.approx(1.39, abs=0.01)
    assert bands.ratio("fundamental", "B_EROS", "R_EROS") == pytest.approx(1.39, abs=0.01)  # measured by itself: 1.39
    assert bands.phase_shifts("fundamental", "B_EROS") == pytest.approx((-0.28, -0.48), abs=0.01)


def test_amplitudes_fall_with_wavelength() -> None:
    ratios = [bands.ratio("fundamental", f"{band}_RUBIN") for band in "ugrizy"]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] > 0.5


def test_ratios_scatter_but_not_in_the_band_of_the_catalogue() -> None:
    rng = np.random.default_rng(0)
    assert (bands.drawn_ratios(rng, "overtone", "I", 9) == 1.0).all()
    drawn = bands.drawn_ratios(rng, "overtone", "V", 2000)
    assert np.median(drawn) == pytest.approx(1.72, abs=0.01)
    assert np.log(drawn).std() == pytest.approx(bands.RATIO_SPREAD, rel=0.1)


def test_harmonics_of_a_shifted_series_have_other_phases(catalogue: Catalogue) -> None:
    rows = catalogue.rows("Cep", "F")[:1]
    shifts = bands.phase_shifts("fundamental", "V")
    phases = np.arange(512) / 512
    found = []
    for given in ((0.0, 0.0), shifts):
        star = pulsation(np.random.default_rng(1), catalogue, rows, given)
        mag = pulsator_mag(star, phases * star.period[0, 0], np.zeros(512, np.int64))
        harmonics = np.fft.rfft(mag)[1:4]
        found.append([np.angle(harmonics[k - 1] / harmonics[0] ** k) for k in (2, 3)])
    moved = (np.subtract(found[1], found[0]) + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(moved, shifts, atol=1e-6)
