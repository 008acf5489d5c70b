"""Cutouts: 63 x 63 pixel images of a star as gzipped FITS, about 13 kB each as ZTF's are."""

import gzip

import numpy as np
from numpy.typing import NDArray

SIZE, PSF_SIGMA_PIXELS = 63, 1.0
PIXEL_NOISE = 8.0
_FITS_BLOCK = 2880
_OFFSETS = np.arange(SIZE) - SIZE // 2
_PROFILE = np.exp(-0.5 * (_OFFSETS / PSF_SIGMA_PIXELS) ** 2)
_STAR = np.outer(_PROFILE, _PROFILE) / np.outer(_PROFILE, _PROFILE).sum()
_CARDS = [
    "SIMPLE  =                    T",
    "BITPIX  =                  -32",
    "NAXIS   =                    2",
    f"NAXIS1  = {SIZE:20d}",
    f"NAXIS2  = {SIZE:20d}",
    "BUNIT   = 'DN      '",
    "END",
]
_HEADER = "".join(card.ljust(80) for card in _CARDS).ljust(_FITS_BLOCK).encode()


def stamp(flux: float, rng: np.random.Generator) -> bytes:
    """The image of a star of `flux` (DN; negative in a difference image where the star is fainter), with noise."""
    noise = rng.standard_normal((SIZE, SIZE), np.float32) * PIXEL_NOISE
    return _fits(noise + np.float32(flux) * _STAR)


def _fits(image: NDArray[np.floating]) -> bytes:
    pixels = image.astype(">f4").tobytes()
    padding = b"\0" * (-len(pixels) % _FITS_BLOCK)
    return gzip.compress(_HEADER + pixels + padding, compresslevel=1, mtime=0)
