"""Invented stars: what kinds there are, and how bright one of them is at a time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = Callable[[Array], Array]

CONSTANT = "NONVAR"
GRID = np.linspace(0.0, 1.0, 512, endpoint=False)


@dataclass(frozen=True)
class Kind:
    """One class of stars: ranges to draw from, and the shape of its light curve.

    Periods (days) are uniform in their logarithm; amplitudes (r, peak to peak, mag) and colours (g - r, mag) uniform.
    """

    share: float
    periods: tuple[float, float]
    amplitudes: tuple[float, float]
    colours: tuple[float, float]
    #: Amplitude in g over amplitude in r: pulsators change their temperature, eclipsing binaries hardly do.
    g_over_r: float
    draw_shape: Callable[[np.random.Generator], Shape]


@dataclass(frozen=True)
class InventedStar:
    """The true brightness of a star; `shape` maps phases to magnitudes, peak to peak 1, mean 0."""

    label: str
    period: float | None
    mag: float
    colour: float
    amplitude: float
    g_over_r: float
    phase: float
    shape: Shape

    def magnitude(self, mjd: Array, place: Array) -> Array:
        """Magnitudes at barycentric times (TDB, MJD), shape (n,).

        place: of each epoch's band on a scale that is 0 in r and 1 in g; amplitudes do not grow beyond g.
        """
        base = self.mag + self.colour * place
        if self.period is None:
            return base
        amplitude = self.amplitude * self.g_over_r ** np.minimum(place, 1.0)
        return base + amplitude * self.shape((mjd / self.period + self.phase) % 1.0)


#: Of invented stars in r: unsaturated, and well above ZTF's limit of 20.5.
MAGNITUDES = (13.5, 18.5)


def draw_star(rng: np.random.Generator, magnitudes: tuple[float, float] = MAGNITUDES) -> InventedStar:
    """A star of a random kind, in r within `magnitudes`."""
    kinds = list(KINDS)
    label = kinds[rng.choice(len(kinds), p=[KINDS[name].share for name in kinds])]
    kind = KINDS[label]
    shape = kind.draw_shape(rng)
    mag, phase = rng.uniform(*magnitudes), rng.uniform()
    colour, amplitude = rng.uniform(*kind.colours), rng.uniform(*kind.amplitudes)
    period = None if label == CONSTANT else float(np.exp(rng.uniform(*np.log(kind.periods))))
    return InventedStar(label, period, mag, colour, amplitude, kind.g_over_r, phase, shape)


def _normalised(curve: Shape) -> Shape:
    on_grid = curve(GRID)
    mean, height = float(on_grid.mean()), float(np.ptp(on_grid))
    return lambda phase: (curve(phase) - mean) / height


def _pulsation(*harmonics: tuple[float, float]) -> Callable[[np.random.Generator], Shape]:
    """Shapes sum_k R_k1 cos(2 pi k x + phi_k), phi_1 = 0, phi_k = phi_k1; `harmonics` are (R_k1, phi_k1) from k = 2."""

    def draw(rng: np.random.Generator) -> Shape:
        ratios = [1.0] + [r * rng.uniform(0.85, 1.15) for r, _ in harmonics]
        phases = [0.0] + [phi + rng.normal(0.0, 0.1) for _, phi in harmonics]
        terms = list(zip(range(1, len(ratios) + 1), ratios, phases, strict=True))
        return _normalised(lambda x: np.sum([r * np.cos(2 * np.pi * k * x + phi) for k, r, phi in terms], axis=0))

    return draw


def _contact_binary(rng: np.random.Generator) -> Shape:
    """Two nearly equal minima, no flat part in between."""
    power, secondary = rng.uniform(2.0, 3.0), rng.uniform(0.75, 1.0)

    def curve(x: Array) -> Array:
        cosine = np.cos(2 * np.pi * x)
        return np.where(cosine > 0, 1.0, secondary) * np.abs(cosine) ** power

    return _normalised(curve)


def _detached_binary(rng: np.random.Generator) -> Shape:
    """Two short eclipses half a period apart, constant in between."""
    width, secondary = rng.uniform(0.015, 0.045), rng.uniform(0.15, 0.9)

    def eclipse(x: Array, centre: float) -> Array:
        distance = (x - centre + 0.5) % 1.0 - 0.5
        return np.exp(-0.5 * (distance / width) ** 2)

    return _normalised(lambda x: eclipse(x, 0.0) + secondary * eclipse(x, 0.5))


# Labels are those of the Catalina catalogue of periodic stars. Fourier terms: typical V-band values of a cosine series.
KINDS = {
    "RRAB": Kind(0.20, (0.45, 0.75), (0.4, 0.9), (0.1, 0.4), 1.4, _pulsation((0.48, 4.0), (0.33, 2.1), (0.22, 0.1))),
    "RRC": Kind(0.10, (0.25, 0.40), (0.3, 0.5), (0.0, 0.3), 1.4, _pulsation((0.15, 4.8), (0.07, 3.5))),
    "EW": Kind(0.20, (0.25, 0.60), (0.3, 0.8), (0.3, 0.9), 1.05, _contact_binary),
    "EA": Kind(0.10, (0.60, 5.0), (0.4, 1.2), (0.2, 0.8), 1.05, _detached_binary),
    "CEP": Kind(0.05, (2.5, 9.0), (0.4, 0.8), (0.4, 1.0), 1.5, _pulsation((0.42, 4.2), (0.18, 2.1))),
    "DSCT": Kind(0.05, (0.05, 0.15), (0.3, 0.6), (0.1, 0.4), 1.4, _pulsation((0.40, 4.0), (0.15, 1.7))),
    "LPV": Kind(0.10, (90.0, 400.0), (0.6, 3.0), (1.2, 2.0), 1.3, _pulsation((0.15, 4.5))),
    CONSTANT: Kind(0.20, (1.0, 1.0), (0.0, 0.0), (0.2, 1.4), 1.0, _pulsation()),
}
