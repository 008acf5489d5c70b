"""Which object of the stream a position is: the nearest one within a radius."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from starsieve.features.tools import formats
from starsieve.features.tools.columns import Columns
from starsieve.features.tools.errors import UsageError

Floats = NDArray[np.float64]

RADIUS_ARCSEC = 1.5  # of ZTF, whose alerts of one object lie within it
_WANTED = Columns(("object_id",), ("ra", "dec"))


class Positions:
    """The stream's objects by position."""

    def __init__(self, object_ids: list[str], ra: Floats, dec: Floats, radius_arcsec: float) -> None:
        """Positions in degrees (ICRS), shape (n,)."""
        order = np.argsort(dec, kind="stable")
        self._names = [object_ids[i] for i in order.tolist()]
        self._dec, self._places = dec[order], _unit_vectors(ra[order], dec[order])
        self._radius = np.radians(radius_arcsec / 3600)

    @classmethod
    def read(cls, path: Path, radius_arcsec: float) -> "Positions":
        """Of a table with object_id, ra and dec, as `starsieve tail -o` writes it; of an object's rows the last counts.

        Raises UnreadableFolderError, and UsageError where no row has a position.
        """
        found: dict[str, tuple[float, float]] = {}
        with formats.opened(path) as table:
            places = _WANTED.places(path, table.names)
            for batch in table.batches(places, _WANTED.numbers):
                columns = (batch[name].to_pylist() for name in ("object_id", "ra", "dec"))
                rows = zip(*columns, strict=True)
                found |= {name: (ra, dec) for name, ra, dec in rows if name and None not in {ra, dec}}
        ra, dec = np.array([*found.values()], np.float64).reshape(-1, 2).T
        there = (ra >= 0) & (ra <= 360) & (np.abs(dec) <= 90)  # noqa: PLR2004 - not where it is NaN
        if not there.any():
            raise UsageError(f"{path} has no object with a position (ra, dec, in degrees)")
        names = [name for name, known in zip(found, there.tolist(), strict=True) if known]
        return cls(names, ra[there], dec[there], radius_arcsec)

    def nearest(self, ra: float, dec: float) -> str | None:
        """The object nearest to a position (degrees), None where there is none within the radius, or no position."""
        if not np.isfinite(ra + dec):
            return None
        first, last = np.searchsorted(self._dec, [dec - np.degrees(self._radius), dec + np.degrees(self._radius)])
        if first == last:
            return None
        # The chord, for its cosine is blind to small angles.
        chords = np.linalg.norm(self._places[first:last] - _unit_vectors(np.array([ra]), np.array([dec])), axis=1)
        best = int(np.argmin(chords))
        return self._names[first + best] if 2 * np.arcsin(min(chords[best] / 2, 1)) <= self._radius else None


def _unit_vectors(ra: Floats, dec: Floats) -> Floats:
    ra, dec = np.radians(ra), np.radians(dec)
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
