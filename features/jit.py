"""How every kernel of this package is compiled."""

from numba import njit

# Sums may be reordered and fused, so that loops over epochs vectorise. Infinities and NaN keep their meaning.
REORDER = {"reassoc", "contract", "arcp", "nsz"}

kernel = njit(cache=True, nogil=True, error_model="numpy", fastmath=REORDER)
inlined = njit(cache=True, nogil=True, error_model="numpy", fastmath=REORDER, inline="always")
