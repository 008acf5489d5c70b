"""Who is trained on and who is kept back: decided by object, before anything is fitted."""

import hashlib

import numpy as np
import numpy.typing as npt

Strings = npt.NDArray[np.str_]
Ints = npt.NDArray[np.int64]

HELD_OUT_SHARE = 0.2
MIN_CLASS_OBJECTS = 10  # rarer classes are dropped and listed
VIEW = "#view-"  # in the object_id of a light curve that was made from a star: <star>#view-<which>
REAL_VIEW = f"{VIEW}real"  # made of parts of its real photometry


def star(object_id: str) -> str:
    """The star that a light curve is of, or was made from."""
    return object_id.partition(VIEW)[0]


def held_out(object_id: str) -> bool:
    """Whether a star is kept out of everything that the shipped ZTF network and its source learn from.

    A function of the id alone, so that anyone can pick stars the network has never seen.
    """
    digest = hashlib.sha256(star(object_id).encode()).digest()
    return int.from_bytes(digest[:8], "big") < HELD_OUT_SHARE * 2**64


def folds(labels: Strings, stars: Strings, count: int, seed: int) -> Ints:
    """Fold 0..count-1 of every object, each class dealt out evenly; light curves of one star share their fold."""
    rng = np.random.default_rng(seed)
    _, first, group = np.unique(stars, return_index=True, return_inverse=True)
    fold = np.empty(len(first), dtype=np.int64)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels[first] == label))
        fold[members] = (np.arange(len(members)) + rng.integers(count)) % count
    return fold[group]


def fraction(labels: Strings, share: float, seed: int) -> Ints:
    """Indices of a stratified random share of the objects, at least one of every class, ascending."""
    rng = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        chosen.append(members[: max(1, round(share * len(members)))])
    return np.sort(np.concatenate(chosen))
