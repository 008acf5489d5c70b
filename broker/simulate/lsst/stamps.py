"""Cutouts as Rubin's: FITS of a 30 x 30 pixel image (nJy), its errors and the point spread function, 35 to 40 kB."""

import numpy as np
from numpy.typing import NDArray

SIZE, PSF_SIZE, TEMPLATE_PSF_SIZE = 30, 41, 51
PIXEL_ARCSEC = 0.2
_FITS_BLOCK = 2880
_SIGMAS_PER_FWHM = 1 / np.sqrt(8 * np.log(2))
_FIRST = ("SIMPLE  =                    T", "EXTEND  =                    T", "BUNIT   = 'nJy     '")

Floats = NDArray[np.floating]


def stamp(flux: float, seeing: float, noise: float, psf_size: int, rng: np.random.Generator) -> bytes:
    """The image of a star of `flux` (nJy) with noise of a pixel; seeing: full width at half maximum (arcsec)."""
    psf = _profile(psf_size, seeing)
    image = flux * _profile(SIZE, seeing) + noise * rng.standard_normal((SIZE, SIZE))
    errors = np.full((SIZE, SIZE), noise, ">f4")
    return b"".join(
        [
            _hdu(image.astype(">f4"), *_FIRST),
            _hdu(errors, "XTENSION= 'IMAGE   '", "EXTNAME = 'UNCERT  '"),
            _hdu(psf.astype(">f8"), "XTENSION= 'IMAGE   '", "EXTNAME = 'PSFIMAGE'"),
        ]
    )


def _profile(size: int, seeing: float) -> Floats:
    """A Gaussian of total flux 1 in its middle, shape (size, size)."""
    offsets = np.arange(size) - size // 2
    along = np.exp(-0.5 * (offsets * PIXEL_ARCSEC / (seeing * _SIGMAS_PER_FWHM)) ** 2)
    profile = np.outer(along, along)
    return np.asarray(profile / profile.sum())


def _hdu(image: Floats, first: str, *more: str) -> bytes:
    rows, columns = image.shape
    axes = [f"BITPIX  = {-8 * image.itemsize:20d}", f"NAXIS   = {2:20d}"]
    axes += [f"NAXIS1  = {columns:20d}", f"NAXIS2  = {rows:20d}"]
    if first.startswith("XTENSION"):
        axes += [f"PCOUNT  = {0:20d}", f"GCOUNT  = {1:20d}"]
    cards = "".join(card.ljust(80) for card in [first, *axes, *more, "END"])
    return _padded(cards.encode(), b" ") + _padded(image.tobytes(), b"\0")


def _padded(content: bytes, filling: bytes) -> bytes:
    return content + filling * (-len(content) % _FITS_BLOCK)
