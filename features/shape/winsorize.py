"""A light curve with its outliers pulled in and no error so small that a few epochs decide: for choosing a period."""

import numpy as np

from starsieve.features.jit import Floats, Integers, kernel

# Of the half width of the middle 68 %: eclipses are deep, flares and cosmic rays are brighter than any star's maximum.
BRIGHTEST, FAINTEST = 4.0, 6.0
MIDDLE = (0.16, 0.84)
ERROR_FLOOR = 0.3  # of the standard deviation; 0.2 and 0.45 find as many right periods of 8,400 real stars, to 0.3 %


@kernel
def _at_fraction(ordered: Floats, fraction: float) -> float:
    return float(ordered[round(fraction * (ordered.size - 1))])


@kernel
def winsorize(
    mag: Floats, magerr: Floats, band_starts: Integers, winsorized_mag: Floats, winsorized_err: Floats
) -> None:
    """Fill `winsorized_mag` and `winsorized_err` (n,), band by band."""
    for band in range(band_starts.size - 1):
        a, b = band_starts[band], band_starts[band + 1]
        ordered = np.sort(mag[a:b])
        half = 0.5 * (_at_fraction(ordered, MIDDLE[1]) - _at_fraction(ordered, MIDDLE[0]))
        middle = _at_fraction(ordered, 0.5)
        # Where two thirds of the epochs have one magnitude, the others may be all there is to see.
        brightest, faintest = (middle - BRIGHTEST * half, middle + FAINTEST * half) if half > 0 else (-np.inf, np.inf)
        weight = 1 / magerr[a:b] ** 2
        mean = np.sum(weight * mag[a:b]) / np.sum(weight)
        floor = ERROR_FLOOR**2 * np.sum(weight * (mag[a:b] - mean) ** 2) / np.sum(weight)
        for i in range(a, b):
            winsorized_mag[i] = max(brightest, min(faintest, mag[i]))
            winsorized_err[i] = np.sqrt(magerr[i] ** 2 + floor)
