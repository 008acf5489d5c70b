"""How every kernel of this package is compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
# Times, weights and signal, band by band; where the bands start; the bands' shares in chi2. See `search.best_blocks`.
Data = tuple[Floats, Floats, Floats, Integers, Floats]

# Sums may be reordered and fused, so that loops over epochs vectorise. Infinities and NaN keep their meaning.
REORDER = {"reassoc", "contract", "arcp", "nsz"}

kernel = njit(cache=True, nogil=True, error_model="numpy", fastmath=REORDER)
inlined = njit(cache=True, nogil=True, error_model="numpy", fastmath=REORDER, inline="always")
