"""The binary model against geometry that is known without it."""

import numpy as np
import pytest

from starsieve.models.synthesis.signals import roche
from starsieve.models.synthesis.signals.roche import (
    ANGLES,
    DIRECTIONS,
    Binary,
    axis_potential,
    binary_flux,
    inner_point,
    surface,
)


def spheres(fill: float, surface_ratio: float) -> Binary:
    return Binary(1.0, fill, fill, 0.0, surface_ratio, np.pi / 2, limb=0.0, gravity=0.0, heating=0.0)


@pytest.mark.parametrize("surface_ratio", [1.0, 0.5, 0.1])
def test_central_eclipse_of_equal_spheres_hides_one_star(surface_ratio: float) -> None:
    flux = binary_flux(spheres(0.2, surface_ratio))
    out_of_eclipse = np.median(flux)
    assert flux[0] / out_of_eclipse == pytest.approx(surface_ratio / (1 + surface_ratio), abs=0.01)
    assert flux[-1] / out_of_eclipse == pytest.approx(1 / (1 + surface_ratio), abs=0.01)


def test_eclipse_lasts_as_long_as_the_stars_are_wide() -> None:
    radius = 0.1  # fill 0.2 of the distance 0.5 to L1
    flux = binary_flux(spheres(0.2, 1.0)) / np.median(binary_flux(spheres(0.2, 1.0)))
    separation = np.sin(ANGLES)  # of the centres on the sky
    assert (flux[separation < 1.9 * radius] < 0.999).all()
    assert (flux[separation > 2.1 * radius] > 0.99).all()


def test_uniform_discs_half_covered_match_the_lens_formula() -> None:
    radius = 0.1
    angle = np.arcsin(radius)  # the centres are one radius apart on the sky
    flux = np.interp(angle, ANGLES, binary_flux(spheres(0.2, 1.0)))
    covered = (2 * np.pi / 3 - np.sqrt(3) / 2) / np.pi
    assert flux / np.median(binary_flux(spheres(0.2, 1.0))) == pytest.approx(1 - covered / 2, abs=0.02)


@pytest.mark.parametrize("q", [0.2, 0.5, 1.0])
def test_lobe_volume_matches_eggleton(q: float) -> None:
    inner = inner_point(q)
    points, _, _ = surface(DIRECTIONS, axis_potential(inner, q), q, inner, 0.0)
    volume = (4 * np.pi / 3) * (np.linalg.norm(points, axis=1) ** 3).mean()
    ratio = (1 / q) ** (2 / 3)  # Eggleton 1983, ApJ 268, 368: the star's mass over its companion's
    eggleton = 0.49 * ratio / (0.6 * ratio + np.log(1 + np.sqrt(ratio)))
    assert np.cbrt(volume * 3 / (4 * np.pi)) == pytest.approx(eggleton, rel=0.015)


def test_contact_binary_varies_all_the_time_and_has_equal_minima() -> None:
    mag = -2.5 * np.log10(binary_flux(Binary(0.5, 1.0, 1.0, 0.2, 1.0, np.radians(80), 0.5, 0.32, 0.0)))
    assert mag[0] - mag[-1] == pytest.approx(0.0, abs=0.1)
    assert np.ptp(mag) > 0.5
    middle = mag[np.abs(ANGLES - np.pi / 4).argmin()]
    assert mag.min() + 0.1 < middle < mag[0] - 0.1


def test_kernel_equals_its_plain_python() -> None:
    q = 0.6
    inner = inner_point(q)
    level = axis_potential(0.8 * inner, q)
    compiled = surface(DIRECTIONS[:50], level, q, inner, 0.3)
    plain = surface.py_func(DIRECTIONS[:50], level, q, inner, 0.3)
    for ours, theirs in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_light_of_a_sphere_is_its_disc() -> None:
    star = roche.Figure(DIRECTIONS * 0.1, DIRECTIONS, np.full(len(DIRECTIONS), 0.01))
    nothing_in_front = np.zeros(roche.N_SILHOUETTE)
    light = roche.light_outside(star, nothing_in_front, 0.0, np.eye(3), 0.0)
    assert light * 4 * np.pi / len(DIRECTIONS) == pytest.approx(np.pi * 0.01, rel=0.01)
