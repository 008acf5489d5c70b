"""Synthetic eclipsing binaries look like the real ones of two catalogues, folded with their published periods."""

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.eclipses import PAIRS, compare

# Of the profile: the most by which the medians may differ.
TOLERANCE = {"second_depth": 0.2, "median_level": 0.05, "faint_share": 0.05, "odd_share": 0.1, "eclipse_share": 0.1}


@pytest.mark.parametrize(("made", "survey", "real"), PAIRS)
def test_shapes_are_those_of_real_stars(made: str, survey: str, real: str, data_dir: Path) -> None:
    found, synthetic = compare(data_dir / "lightcurves" / survey, real, made)
    assert min(len(found.curves), len(synthetic.curves)) > 50
    for name, most in TOLERANCE.items():
        assert abs(np.median(found.numbers(name)) - np.median(synthetic.numbers(name))) < most, name
