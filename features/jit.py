"""How every kernel of this package is compiled."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from starsieve.features.kernel_cache import PACKAGES, KernelCache

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
# Times, weights and signal, band by band; where the bands start; the bands' shares in chi2. See `search.best_blocks`.
Data = tuple[Floats, Floats, Floats, Integers, Floats]

# Sums may be reordered and fused, so that loops over epochs vectorise. Infinities and NaN keep their meaning.
REORDER = {"reassoc", "contract", "arcp", "nsz"}


Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[Function], Function]:
    """Numba's `njit`, its results kept in our own cache."""

    def decorate(function: Function) -> Function:
        dispatcher: Any = njit(**options)(function)
        of_ours = function.__module__.startswith(PACKAGES)  # for others, nobody knows what belongs to them
        if of_ours and dispatcher is not function:  # as it is under NUMBA_DISABLE_JIT
            dispatcher._cache = KernelCache(function)  # as `cache=True` does with Numba's
        return cast(Function, dispatcher)

    return decorate


kernel = compiled(nogil=True, error_model="numpy", fastmath=REORDER)
inlined = compiled(nogil=True, error_model="numpy", fastmath=REORDER, inline="always")
plain = compiled()
# To the bit what the same lines of Python give.
exact = compiled(nogil=True, error_model="numpy")
