"""How a star's light curve in another band differs from that in I, in which OGLE's catalogue describes it.

A band has one place on a scale that is 0 in I and 1 in V, a kind of star its amplitude in V over that in I; amplitudes
between and beyond follow the straight line through both. Where each number comes from stands beside it: MEASURED
(`python -m tests.benchmarks.bands` repeats it), a paper, or ASSUMED.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from starsieve.models.synthesis.epochs import Floats

V_WAVELENGTH, I_WAVELENGTH = 0.545, 0.798  # micrometres
QUASAR_SLOPE = -0.479  # of the logarithm of a quasar's amplitude over that of the wavelength: see KINDS


@dataclass(frozen=True)
class Place:
    """Where a band stands between I (0) and V (1): for amplitudes, and for the phases of the harmonics."""

    amplitude: float
    phase: float


def _by_wavelength(micrometres: float) -> Place:
    """ASSUMED: linear in the inverse wavelength."""
    place = (1 / micrometres - 1 / I_WAVELENGTH) / (1 / V_WAVELENGTH - 1 / I_WAVELENGTH)
    return Place(place, place)


BANDS = MappingProxyType(
    {
        "I": Place(0.0, 0.0),
        "V": Place(1.0, 1.0),
        # MEASURED: 228 fundamental Cepheids of eros2_cep against ogle3_cep and ogle4_cep in I: amplitudes 1.39 +- 0.05
        # and 1.00 +- 0.03 times that in I, phi21 less by 0.28 and 0.03, phi31 by 0.48 and 0.06.
        "B_EROS": Place(0.56, 0.79),
        "R_EROS": Place(0.0, 0.1),
        "Hp": Place(0.95, 0.95),  # ASSUMED: hardly less than in V, as the band is far wider
        # Effective wavelengths of the filters of ZTF (g, r, i) and of Rubin (u to y).
        "g": _by_wavelength(0.472),
        "r": _by_wavelength(0.634),
        "i": _by_wavelength(0.789),
        "u_RUBIN": _by_wavelength(0.368),
        "g_RUBIN": _by_wavelength(0.480),
        "r_RUBIN": _by_wavelength(0.622),
        "i_RUBIN": _by_wavelength(0.754),
        "z_RUBIN": _by_wavelength(0.869),
        "y_RUBIN": _by_wavelength(0.971),
    }
)


@dataclass(frozen=True)
class Kind:
    """Amplitude in V over that in I, and phi21 and phi31 (radians, cosine series) in V minus those in I."""

    v_to_i: float
    phi21: float = 0.0
    phi31: float = 0.0


KINDS = MappingProxyType(
    {
        # MEASURED: 910 and 575 stars of ogle4_cep (942 and 599 of ogle3_cep: 1.67, 1.70; the same phases). Ratios of
        # r21 and r31 are 1.01 +- 0.02 and 0.99 +- 0.03. Few overtones have a third harmonic to measure.
        "fundamental": Kind(1.69, -0.35, -0.61),
        "overtone": Kind(1.72, -0.23, -0.24),
        # ASSUMED, as Cepheids, with delta Scuti stars, type II and anomalous Cepheids. An earlier version of this table
        # named Martinez-Vazquez et al. 2016 (MNRAS 462, 4349, table 4: A_V / A_I = 1.7) and Sesar et al. 2010 (ApJ 708,
        # 717, table 2: A_g / A_r = 1.4) for RR Lyrae stars; only their abstracts could be read again.
        "rr_lyrae": Kind(1.7, -0.35, -0.61),
        "giant": Kind(2.0),  # ASSUMED: titanium oxide deepens with the wavelengths of V
        "spotted": Kind(1.2),  # ASSUMED: as between black bodies of 4,000 and 5,000 K
        # ASSUMED: wavelength^-0.479, for which MacLeod et al. 2010 (ApJ 721, 1014) were named; likewise.
        "quasar": Kind((V_WAVELENGTH / I_WAVELENGTH) ** QUASAR_SLOPE),
        "grey": Kind(1.0),  # ASSUMED: eclipses of stars of like temperature, blue variables
    }
)
# MEASURED: 0.04 (fundamental) to 0.05 (overtone) between stars of one mode, of the ratio of V to I.
RATIO_SPREAD = 0.05


def ratio(kind: str, band: str, original: str = "I") -> float:
    """Amplitude of a kind of star in a band over that in the band of its original."""
    rise = KINDS[kind].v_to_i - 1.0
    return float((1.0 + rise * BANDS[band].amplitude) / (1.0 + rise * BANDS[original].amplitude))


def phase_shifts(kind: str, band: str) -> tuple[float, float]:
    """What phi21 and phi31 (radians) of a kind of star are more in a band than in I."""
    return KINDS[kind].phi21 * BANDS[band].phase, KINDS[kind].phi31 * BANDS[band].phase


def drawn_ratios(rng: np.random.Generator, kind: str, band: str, n: int) -> Floats:
    """Amplitude ratios to I of n stars of a kind, as they scatter."""
    spread = 0.0 if band == "I" else RATIO_SPREAD
    return ratio(kind, band) * np.exp(spread * rng.standard_normal(n))
