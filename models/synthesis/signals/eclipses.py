"""Eclipsing binaries: populations of contact, semi-detached and detached pairs, on any cadence."""

import numpy as np

from starsieve.models.synthesis.epochs import Floats
from starsieve.models.synthesis.signals.folded import N_PHASES, PHASES, Folded
from starsieve.models.synthesis.signals.roche import ANGLES, Binary, binary_flux

CIRCULAR_PERIOD = 2.0  # days: tides have rounded the orbits of shorter ones
MIN_DEPTH = 0.05  # mag: shallower ones are not found, hence not in any catalogue
EASY_DEPTH = 0.5  # mag: found everywhere; the chance of shallower ones is in proportion
MAX_TRIES = 20
MIN_INCLINATION = np.radians(35.0)
KEPLER_STEPS = 12
NEAR_LOBE = 0.95
EARLY_CONTACT_SHARE = 0.35
POOR_CONTACT_SHARE = 0.25
ECCENTRIC_SHARE = 0.6
MAX_ECCENTRICITY = 0.6
# Of detached pairs: as ASAS's ED and Catalina's EA look when folded (tests/benchmarks/eclipses.py).
TWIN_SHARE, FAINTEST_SURFACE = 0.3, 0.02


def eclipsing(rng: np.random.Generator, label: str, n: int) -> Folded:
    """Draw n binaries of the class EB_EC, EB_ESD or EB_ED that are deep enough to be noticed."""
    draw = {"EB_EC": _contact, "EB_ESD": _semi_detached, "EB_ED": _detached}[label]
    period, shape = np.empty(n), np.empty((n, N_PHASES))
    for i in range(n):
        for _ in range(MAX_TRIES):
            period[i], binary, eccentricity = draw(rng)
            shape[i] = orbit_shape(rng, binary, eccentricity)
            if np.ptp(shape[i]) > max(MIN_DEPTH, EASY_DEPTH * rng.random()):
                break
    return Folded(period, shape, rng.random(n))


def orbit_shape(rng: np.random.Generator, binary: Binary, eccentricity: float) -> Floats:
    """Magnitudes above maximum (N_PHASES,), equal steps in time, with third light and unequal maxima (O'Connell)."""
    flux = binary_flux(binary)
    flux /= flux.max()
    angle = orbit_angle(PHASES, eccentricity, rng.uniform(0.0, 2.0 * np.pi))
    third_light = rng.beta(0.5, 6.0)
    flux = (1.0 - third_light) * np.interp(np.abs(angle), ANGLES, flux) + third_light
    spot = rng.normal(0.0, 0.012) if binary.contact > 0.0 or binary.fill2 > NEAR_LOBE else 0.0
    mag: Floats = -2.5 * np.log10(flux) + spot * np.sin(angle)
    mag -= mag.min()
    return mag


def orbit_angle(phase: Floats, eccentricity: float, periastron: float) -> Floats:
    """Angle from mid-eclipse, -pi to pi, at these fractions of the period after it, by Kepler's equation.

    periastron: its true longitude counted from mid-eclipse. The change of distance along the orbit is neglected.
    """
    root = np.sqrt((1.0 - eccentricity) / (1.0 + eccentricity))
    eccentric = 2.0 * np.arctan(root * np.tan(-periastron / 2.0))
    mean = eccentric - eccentricity * np.sin(eccentric) + 2.0 * np.pi * phase
    anomaly = mean.copy()
    for _ in range(KEPLER_STEPS):
        anomaly -= (anomaly - eccentricity * np.sin(anomaly) - mean) / (1.0 - eccentricity * np.cos(anomaly))
    angle: Floats = 2.0 * np.arctan2(np.sin(anomaly / 2.0), root * np.cos(anomaly / 2.0)) + periastron
    return (angle + np.pi) % (2.0 * np.pi) - np.pi


def _log_normal(rng: np.random.Generator, median: float, spread: float) -> float:
    return float(median * np.exp(spread * rng.standard_normal()))


def _inclination(rng: np.random.Generator) -> float:
    """Isotropic above MIN_INCLINATION."""
    return float(np.arccos(rng.uniform(0.0, np.cos(MIN_INCLINATION))))


def _contact(rng: np.random.Generator) -> tuple[float, Binary, float]:
    """W UMa and early-type contact pairs: nearly equal temperatures, any mass ratio."""
    early = (
        rng.random() < EARLY_CONTACT_SHARE
    )  # short-period late types dominate; OGLE's LMC adds hot, longer-period ones
    period = _log_normal(rng, 0.9, 0.5) if early else 0.22 + _log_normal(rng, 0.16, 0.55)
    poor_contact = rng.random() < POOR_CONTACT_SHARE  # no common temperature
    binary = Binary(
        mass_ratio=0.08 + 0.92 * rng.beta(1.3, 1.5),
        fill1=1.0,
        fill2=1.0,
        contact=rng.beta(1.2, 3.0) + 0.01,
        surface_ratio=rng.uniform(0.35, 0.9) if poor_contact else _log_normal(rng, 0.95, 0.1),
        inclination=_inclination(rng),
        limb=rng.uniform(0.35, 0.75),
        gravity=1.0 if early else rng.uniform(0.25, 0.6),
        heating=1.0 if early else 0.5,
    )
    return period, binary, 0.0


def _semi_detached(rng: np.random.Generator) -> tuple[float, Binary, float]:
    """Algols and beta Lyrae stars: the less massive, cooler star fills its lobe."""
    binary = Binary(
        mass_ratio=0.1 + 0.9 * rng.beta(1.3, 2.0),
        fill1=rng.uniform(0.45, 0.97),
        fill2=rng.uniform(0.97, 1.0),
        contact=0.0,
        surface_ratio=rng.beta(1.3, 1.7),
        inclination=_inclination(rng),
        limb=rng.uniform(0.3, 0.7),
        gravity=rng.uniform(0.3, 1.0),
        heating=1.0,
    )
    return _log_normal(rng, 1.2, 0.7) + 0.25, binary, 0.0


def _detached(rng: np.random.Generator) -> tuple[float, Binary, float]:
    """Two stars well inside their lobes; wider pairs have longer periods and eccentric orbits."""
    radius = rng.uniform(0.06, 0.33)  # of the primary, in separations
    ratio = rng.beta(3.0, 1.5) + 0.15
    mass_ratio = float(np.clip(ratio ** rng.uniform(0.8, 1.3), 0.2, 1.2))
    chance = min(0.98, radius * (1.0 + ratio))  # eclipses occur for cos i < r1 + r2
    binary = Binary(
        mass_ratio=mass_ratio,
        fill1=min(0.9, 2.0 * radius),
        fill2=min(0.9, 2.0 * radius * ratio),
        contact=0.0,
        surface_ratio=1.0 if rng.random() < TWIN_SHARE else rng.uniform(FAINTEST_SURFACE, 1.0),
        inclination=float(np.arccos(rng.uniform(0.0, chance))),
        limb=rng.uniform(0.3, 0.7),
        gravity=rng.uniform(0.3, 1.0),
        heating=0.7,
    )
    # Kepler: a ~ P^(2/3) for stars of similar size; 0.25 of the separation near 1.5 d.
    period = _log_normal(rng, 1.5, 0.45) * (0.25 / radius) ** 1.5
    circularised = period < CIRCULAR_PERIOD or rng.random() > ECCENTRIC_SHARE
    eccentricity = 0.0 if circularised else rng.beta(1.0, 3.0) * np.log(period / CIRCULAR_PERIOD)
    return period, binary, min(float(eccentricity), MAX_ECCENTRICITY)
