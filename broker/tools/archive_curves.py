"""Light curves of archives as alerts of the stream's objects: by name, or by position."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from starsieve.broker.epochs import BANDS, MAGNITUDES, Epochs, merge
from starsieve.broker.surveys import Alert, AlertError, installed
from starsieve.broker.tools import data_release
from starsieve.broker.tools.archive_rows import rows_of
from starsieve.broker.tools.archives import holds_packets
from starsieve.broker.tools.positions import Positions
from starsieve.features.photometry import MJD0
from starsieve.features.tools.columns import Form, UnreadableFolderError
from starsieve.features.tools.errors import UsageError
from starsieve.features.tools.folder import opened
from starsieve.features.tools.formats import kind_of
from starsieve.features.tools.lightcurves import LightCurves

Refuse = Callable[[str, AlertError], None]

_CHUNK = 1000  # objects
_MAX_OBJECT_ID = 64  # characters, as of packets
_UNIX_EPOCH_JD, _DAY_MS = 2440587.5, 86_400_000
#: How archives call the survey's bands.
_BANDS = {band: band for band in BANDS} | data_release.FILTERS | {f"ZTF_{band}": band for band in "gri"}


def are_at(path: Path) -> bool:
    """Whether a path holds light curves, and not packets: by names alone."""
    if path.is_dir():
        return not holds_packets(path)
    return kind_of(path) is not None


@dataclass(frozen=True, slots=True)
class Curves:
    """Light curves at a path, of a survey; `form` says what the files leave open, `positions` whose they are."""

    path: Path
    survey: str
    form: Form
    positions: Positions | None

    def check(self) -> None:
        """Raises UsageError for a survey of fluxes, and for a data release without objects to match its sources to."""
        if installed.survey(self.survey).FORM is not MAGNITUDES:
            raise UsageError(f"{self.path}: of {self.survey} fluxes are stored, which only packets have")
        if self._files_of_release() and self.positions is None:
            raise UsageError(
                f"{self.path} is of a data release, whose sources have names of their own: --objects TABLE (object_id, "
                "ra, dec), which `starsieve tail --from-beginning --latest --idle 5 -o TABLE` writes"
            )

    def read(self, refuse: Refuse) -> Iterator[tuple[str, Alert]]:
        """Name and alert of each object; `refuse` is told of light curves that are no object's."""
        files = self._files_of_release()
        if not files:
            yield from self._read_folder(refuse)
        for file in files:
            yield from self._read_release(file, refuse)

    def _files_of_release(self) -> list[Path]:
        """All tables at the path, if the first one is of a data release."""
        found = [self.path] if self.path.is_file() else sorted(self.path.rglob("*"))
        files = [file for file in found if kind_of(file) and file.name[0] not in "._"]
        try:
            return files if files and data_release.is_one(files[0]) else []
        except UnreadableFolderError:  # the reader of light curves says why
            return []

    def _read_release(self, file: Path, refuse: Refuse) -> Iterator[tuple[str, Alert]]:
        assert self.positions is not None  # noqa: S101 - `check`
        found: dict[str, list[data_release.Source]] = {}
        for source in data_release.read(file):
            object_id = self.positions.nearest(source.ra, source.dec)
            if object_id is None:
                refuse(f"{file}: {source.name}", _nothing_near(source.ra, source.dec))
            else:
                found.setdefault(object_id, []).append(source)
        for object_id, sources in found.items():
            rows = [source.rows for source in sources]
            yield from self._alert(f"{file}: {object_id}", object_id, sources[0].ra, sources[0].dec, rows, refuse)

    def _read_folder(self, refuse: Refuse) -> Iterator[tuple[str, Alert]]:
        numbers = ("ra", "dec")
        folder = opened(self.path, self.form, *([numbers] if self.positions else [(), numbers]))
        catalogue = folder.objects
        placed = zip(*(catalogue.numbers[name].tolist() for name in numbers), strict=True)
        places = dict(zip(catalogue.object_id.tolist(), placed, strict=True))
        for curves in folder.chunks(_CHUNK):
            yield from self._of(curves, places, refuse)

    def _of(
        self, curves: LightCurves, places: dict[str, tuple[float, float]], refuse: Refuse
    ) -> Iterator[tuple[str, Alert]]:
        for name, (first, last) in zip(curves.object_id.tolist(), pairwise(curves.objects.tolist()), strict=True):
            where, (ra, dec) = f"{self.path}: {name}", places[name]
            object_id = name if self.positions is None else self.positions.nearest(ra, dec)
            if object_id is None:
                refuse(where, _nothing_near(ra, dec))
                continue
            rows = []
            for i in range(first, last):
                points, called = slice(*curves.offsets[i : i + 2].tolist()), str(curves.bands[curves.band[i]])
                if called not in _BANDS:
                    refuse(where, AlertError("unknown_band", f"{called!r} is none of {', '.join(_BANDS)}"))
                    continue
                rows.append(rows_of(_BANDS[called], curves.mjd[points], curves.mag[points], curves.magerr[points]))
            yield from self._alert(where, object_id, ra, dec, rows, refuse)

    def _alert(
        self, where: str, object_id: str, ra: float, dec: float, rows: list[Epochs], refuse: Refuse
    ) -> Iterator[tuple[str, Alert]]:
        epochs = merge(rows)
        if not (0 < len(object_id) <= _MAX_OBJECT_ID and object_id.isascii() and object_id.isprintable()):
            refuse(where, AlertError("absurd_value", f"object_id = {object_id!a}"))
        elif not epochs.size:
            refuse(where, AlertError("no_usable_epochs", "it has none in a known band, with magnitude and error"))
        else:
            time_ms = round((float(epochs["mjd"].max()) + MJD0 - _UNIX_EPOCH_JD) * _DAY_MS)
            yield where, Alert(self.survey, 0, object_id, time_ms, np.inf, ra, dec, epochs)


def _nothing_near(ra: float, dec: float) -> AlertError:
    return AlertError("no_object_near", f"none of --objects is within --radius of {ra:.6f} {dec:+.6f}")
