"""Sort small arrays with a payload, in place: numpy's sorts cost more than the features computed from them."""

import numpy as np

from starsieve.features.jit import Floats, kernel

INSERTION_BELOW = 24  # measured on 30-1000 elements: flat between 16 and 32
CROWDED = 24  # keys in one bucket, above which buckets are no good


@kernel
def _insertion(keys: Floats, values: Floats, first: int, last: int) -> None:
    for i in range(first + 1, last + 1):
        key, value, j = keys[i], values[i], i - 1
        while j >= first and (keys[j] > key or (keys[j] == key and values[j] > value)):
            keys[j + 1], values[j + 1] = keys[j], values[j]
            j -= 1
        keys[j + 1], values[j + 1] = key, value


@kernel
def _put_into_buckets(keys: Floats, values: Floats) -> bool:
    """Order both by as many buckets of equal width as there are keys; False, and nothing done, if one is crowded.

    Comparisons that come out either way cost more than anything else in sorting fresh data; this has none.
    """
    n, lowest, highest = keys.size, keys.min(), keys.max()
    scale = (n - 1) / (highest - lowest)
    if not 0 < scale < np.inf:
        return False
    bucket, places = np.empty(n, np.int64), np.zeros(n + 1, np.int64)
    for i in range(n):
        bucket[i] = int((keys[i] - lowest) * scale)
        if not 0 <= bucket[i] < n:
            return False
        places[bucket[i] + 1] += 1
    if places.max() > CROWDED:
        return False
    for i in range(n):
        places[i + 1] += places[i]
    old_keys, old_values = keys.copy(), values.copy()
    for i in range(n):
        place = places[bucket[i]]
        places[bucket[i]] += 1
        keys[place], values[place] = old_keys[i], old_values[i]
    return True


@kernel
def sort_pairs(keys: Floats, values: Floats) -> None:
    """Sort `keys` ascending and `values` along with them, both (n,) float64; equal keys are ordered by value."""
    if keys.size > INSERTION_BELOW and _put_into_buckets(keys, values):
        _insertion(keys, values, 0, keys.size - 1)
        return
    pending = np.empty((64, 2), np.int64)  # the larger part waits, so 64 levels suffice for any length
    depth, first, last = 0, 0, keys.size - 1
    while True:
        while last - first > INSERTION_BELOW:
            a, b, c = keys[first], keys[(first + last) >> 1], keys[last]
            pivot = max(min(a, b), min(max(a, b), c))
            i, j = first, last
            while i <= j:
                while keys[i] < pivot:
                    i += 1
                while keys[j] > pivot:
                    j -= 1
                if i <= j:
                    keys[i], keys[j] = keys[j], keys[i]
                    values[i], values[j] = values[j], values[i]
                    i += 1
                    j -= 1
            if j - first < last - i:
                pending[depth, 0], pending[depth, 1] = i, last
                last = j
            else:
                pending[depth, 0], pending[depth, 1] = first, j
                first = i
            depth += 1
        if depth == 0:
            break
        depth -= 1
        first, last = pending[depth, 0], pending[depth, 1]
    _insertion(keys, values, 0, keys.size - 1)  # runs of at most INSERTION_BELOW are left unsorted, and ties
