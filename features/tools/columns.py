"""What a table of light curves holds, and how a file may call it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starsieve.features.tools.errors import UsageError

MEANINGS = {
    "object_id": "the object's name",
    "band": "name of the filter",
    "mjd": "time, days, or jd, hjd, bjd",
    "mag": "magnitude",
    "magerr": "its standard error, mag",
    "label": "class",
    "period": "published period, days",
    "ra": "right ascension, degrees",
    "dec": "declination, degrees",
}
ALSO = {"mjd": ("hmjd", "bmjd", "jd", "hjd", "bjd")}  # names that are as good
UNNAMED = "unnamed"  # the band of light curves whose files have no column for it


class UnreadableFolderError(UsageError):
    """A file or folder does not hold light curves in a form that can be read; the message says what is missing."""


@dataclass(frozen=True)
class Form:
    """What the files of a survey leave to be said: how they call our columns, where labels are, which band it is."""

    names: Mapping[str, str] = field(default_factory=dict)  # of our columns, in the files
    labels: Path | None = None  # a table with object_id and label
    band: str | None = None  # of all points, where no column says it


AS_NAMED = Form()


@dataclass(frozen=True)
class Columns:
    """What is wanted of a table: text (numbers are written out, so that no digit is lost) and numbers.

    `optional` text and `optional_numbers` are missing in every row where there is no such column, but for a band.
    """

    text: Sequence[str]
    numbers: Sequence[str] = ()
    optional: Sequence[str] = ()
    optional_numbers: Sequence[str] = ()
    form: Form = AS_NAMED

    @property
    def texts(self) -> tuple[str, ...]:
        """All columns of text."""
        return (*self.text, *self.optional)

    @property
    def all_numbers(self) -> tuple[str, ...]:
        """All columns of numbers."""
        return (*self.numbers, *self.optional_numbers)

    def places(self, where: Path, present: Sequence[str]) -> dict[str, str]:
        """The names that `where`, with these columns, has for those wanted; optional ones that are absent are left out.

        Raises UnreadableFolderError where one is missing, or could be either of two.
        """
        found = {
            name: place for name in (*self.texts, *self.all_numbers) if (place := self.place(where, name, present))
        }
        if not present:
            raise UnreadableFolderError(f"{where} is empty: it has neither a line with the names of columns nor rows")
        missing = [name for name in (*self.text, *self.numbers) if name not in found]
        if missing:
            meant = ", ".join(self._meant(name) for name in missing)
            raise UnreadableFolderError(
                f"{where} has no column {meant}; it has {', '.join(present)}; "
                f"other names are told by --column {missing[0]}=NAME"
            )
        if "band" in found and self.form.band is not None:
            raise UnreadableFolderError(f"{where} has a column {found['band']} for the band: leave out --band")
        return found

    def place(self, where: Path, name: str, present: Sequence[str]) -> str | None:
        """What `where` calls one: as was told, by our name or one as good, in any letters; None: it has none."""
        for candidate in (self.form.names.get(name, name), name, *ALSO.get(name, ())):
            for same in (str.__str__, str.casefold):
                matches = [column for column in present if same(column) == same(candidate)]
                if len(matches) > 1:
                    raise UnreadableFolderError(f"{where} has two columns {matches[0]}: rename one")
                if matches:
                    return matches[0]
        return None

    def _meant(self, name: str) -> str:
        called = self.form.names.get(name, name)
        return f"{called} ({MEANINGS[name]})" if name in MEANINGS else called
