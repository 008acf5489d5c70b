"""What an epoch is: what the stream and the light curves that networks are trained on have to agree about.

A survey's own rules for its packets stand in its file in `broker/surveys/`, its noise in `models/synthesis/`.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MJD0 = 2400000.5  # days, the Julian date of MJD 0
EXPOSURE_S = 30.0  # of ZTF (Bellm et al. 2019, PASP 131, 018002)
#: Half of it: histories do not carry exptime, and an exposure must have one time wherever it is read.
HALF_EXPOSURE_DAYS = EXPOSURE_S / 2 / 86400.0

MAGNITUDES = (-2.0, 30.0)  # mag, of any survey: no star is brighter than Sirius (-1.5), and no survey reaches 30
MAX_MAGERR = 1.0  # mag, exclusive: an epoch known to a factor of 2.5 says nothing
CALIBRATION_ERROR = 0.01  # mag, added to every error in quadrature: what ZTF's photometric calibration repeats to
MIN_FORCED_SNR = 3.0  # of the total flux, for forced photometry: a cut on the difference would keep only the extremes
COUNTERPART_ARCSEC = 1.4  # a reference source this near is the object itself (as ALeRCE and Fink have it)
MIN_EPOCHS = 20  # of a band: networks are trained and judged on light curves that have them

MAG_PER_RELATIVE_FLUX = 2.5 / math.log(10)  # an error's magnitudes, to first order (Pogson 1856)


def is_measured(mag: Floats, magerr: Floats) -> NDArray[np.bool_]:
    """Which epochs (n,) say something: a magnitude of some survey, to better than MAX_MAGERR; not those with NaN."""
    return np.asarray((mag > MAGNITUDES[0]) & (mag < MAGNITUDES[1]) & (magerr > 0) & (magerr < MAX_MAGERR))


def magnitude(flux: Floats, flux_error: Floats) -> tuple[Floats, Floats]:
    """Magnitudes, and errors with that of the calibration, of positive fluxes in units of magnitude 0; shapes (n,)."""
    return -2.5 * np.log10(flux), np.hypot(MAG_PER_RELATIVE_FLUX * flux_error / flux, CALIBRATION_ERROR)
