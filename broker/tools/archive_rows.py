"""Measurements of an archive as rows of the store."""

import numpy as np
from numpy.typing import NDArray

from starsieve.broker.epochs import ARCHIVE, EPOCH, Epochs, flags, on_grid
from starsieve.features.photometry import CALIBRATION_ERROR, is_measured

Floats = NDArray[np.float64]

_REFERENCE = 0b1111  # stands for the archive's own zero point, among the hashes of reference images


def rows_of(band: str, mjd: Floats, mag: Floats, magerr: Floats) -> Epochs:
    """The usable ones of measurements in one band, (n,): barycentric mid-exposures (TDB), total magnitudes."""
    usable = is_measured(mag, magerr) & np.isfinite(mjd)
    rows = np.empty(int(np.count_nonzero(usable)), EPOCH)
    rows["mjd"], rows["mag"] = on_grid(mjd[usable]), mag[usable]
    rows["magerr"] = np.hypot(magerr[usable], CALIBRATION_ERROR)  # as packets' have it: or their weights would differ
    rows["flags"] = flags(band, reference=_REFERENCE) | ARCHIVE
    return rows
