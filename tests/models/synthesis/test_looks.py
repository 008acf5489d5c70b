"""How other surveys see a star."""

import numpy as np
import pytest

from starsieve.models.synthesis import looks
from starsieve.models.synthesis.epochs import Epochs
from starsieve.models.synthesis.looks import Look

ALL = {name: look for name, look in vars(looks).items() if isinstance(look, Look)} | dict(
    zip("griz", looks.RUBIN, strict=True)
)


@pytest.mark.parametrize("look", ALL.values(), ids=ALL)
def test_epochs_ascend_within_what_the_survey_has(look: Look) -> None:
    epochs = looks.draw_epochs(np.random.default_rng(0), look, 40)
    counts = np.diff(epochs.offsets)
    assert counts.min() >= look.epochs[0] - 1
    assert counts.max() <= look.epochs[1]
    gaps = np.diff(epochs.mjd)
    assert (gaps[np.diff(epochs.index) == 0] >= 0).all()
    if look.night:
        assert (np.abs((epochs.mjd + 0.5) % 1.0 - 0.5) < looks.HALF_NIGHT + max(look.visit) * 1.1 + 0.01).all()


def test_a_visit_has_several_exposures() -> None:
    epochs = looks.draw_epochs(np.random.default_rng(0), looks.CATALINA, 40)
    gaps = np.diff(epochs.mjd)[np.diff(epochs.index) == 0]
    assert np.quantile(gaps, 0.5) < 0.02  # real ones: 0.0087 d
    assert np.quantile(gaps, 0.8) > 1.0  # real ones: three quarters below 8 d


def test_errors_are_the_surveys_unless_the_star_would_not_be_seen_to_vary() -> None:
    n, each = 300, 100
    epochs = Epochs(np.tile(np.arange(float(each)), n), np.arange(n + 1) * each)
    rng = np.random.default_rng(0)
    constant, errors = looks.observe(rng, np.zeros(n * each), epochs, looks.CATALINA)
    assert np.quantile(errors, [0.05, 0.95]) == pytest.approx(looks.CATALINA.error, rel=0.25)
    z = (constant - looks.MEAN) / errors
    assert np.median(np.abs(z)) * 1.4826 == pytest.approx(looks.CATALINA.honesty[0], rel=0.15)
    swing = 0.2 * np.sin(np.arange(n * each))
    _, smaller = looks.observe(rng, swing, epochs, looks.CATALINA)
    assert np.quantile(smaller, 0.95) < 0.2
