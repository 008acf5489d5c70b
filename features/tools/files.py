"""Which files of a folder hold light curves, which their objects, and which of them have to be converted."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from starsieve.features.tools.columns import MEANINGS, Columns, Form, UnreadableFolderError
from starsieve.features.tools.commands import tell
from starsieve.features.tools.formats import KNOWN, kind_of, opened, stem_of
from starsieve.features.tools.parquet import parts_of


@dataclass(frozen=True)
class Files:
    """Which files of a folder are what."""

    path: Path
    points: list[Path]
    objects: Path | None
    labels: Path | None
    each_a_star: bool  # a folder of files, which need not name their object

    @classmethod
    def at(cls, path: Path, form: Form) -> "Files":
        """Those of a path. Raises UnreadableFolderError where nothing there can be read."""
        labels = form.labels
        if labels is not None and not labels.exists():
            raise UnreadableFolderError(f"there is no {labels}")
        if path.is_file() and kind_of(path) is None:
            raise UnreadableFolderError(f"{path} is no table that can be read: {KNOWN}")
        if path.is_file() or (kind_of(path) == "parquet" and path.is_dir()):
            return cls(path, parts_of(path), None, labels, each_a_star=False)
        if not path.is_dir():
            raise UnreadableFolderError(f"there is no {path}")
        objects, points = _table_in(path, "objects"), _table_in(path, "points")
        if points is not None:
            return cls(points, parts_of(points), objects, labels, each_a_star=False)
        apart = {one.resolve() for one in (objects, labels) if one is not None}
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and kind_of(file)]
        shown = [file for file in files if not any(name[0] in "._" for name in file.relative_to(path).parts)]
        points_files = [file for file in shown if not apart & {file.resolve(), *file.resolve().parents}]
        if {file.suffix for file in points_files} - {".txt"}:  # then these are about the others
            points_files = [file for file in points_files if file.suffix != ".txt"]
        if not points_files:
            raise UnreadableFolderError(
                f"{path} holds no light curves: they are files of one kind of {KNOWN}, or points.parquet and the "
                "like, with objects.parquet beside it or without"
            )
        kinds = {kind_of(file): file for file in points_files}
        if len(kinds) > 1:
            some = " and ".join(str(file) for file in kinds.values())
            raise UnreadableFolderError(f"{path} holds files of several kinds, such as {some}: keep one")
        return cls(path, points_files, objects, labels, each_a_star=True)

    def check_names(self, form: Form) -> None:
        """Raises UnreadableFolderError where a name that was told is in no table, or labels have no label."""
        tables = [parts_of(file) for file in (self.objects, self.labels) if file is not None]
        present = dict(_header(files) for files in ([self.points] if form.names else []) + tables)
        if self.labels is not None:
            Columns(("object_id", "label"), form=form).places(*_header(parts_of(self.labels)))
        for ours, theirs in form.names.items():
            if theirs.casefold() not in {name.casefold() for names in present.values() for name in names}:
                has = "; ".join(f"{file} has {', '.join(names)}" for file, names in present.items())
                raise UnreadableFolderError(f"there is no column {theirs} ({MEANINGS[ours]}): {has}")

    def has_to_be_converted(self, form: Form) -> bool:
        """Whether the points are no Parquet, or in files named after their star, which it then says."""
        other = kind_of(self.points[0]) not in {"parquet", None}  # a part may have any name
        if not self.each_a_star or _names_its_objects(self.points, form):
            return other
        twice = [name for name, count in Counter(map(stem_of, self.points)).items() if count > 1]
        if twice:
            raise UnreadableFolderError(
                f"{self.path} has several files {twice[0]}: a file without a column object_id is named after its star"
            )
        tell(f"no column object_id: each of {len(self.points):,} files is one star, named as the file is")
        return True


def survey_of(path: Path) -> str:
    """What a survey is called whose light curves are in this folder or file."""
    path = path.resolve()
    return path.name if path.is_dir() else stem_of(path)


def _names_its_objects(files: list[Path], form: Form) -> bool:
    return Columns(("object_id",), form=form).place(files[0], "object_id", _header(files)[1]) is not None


def _header(files: list[Path]) -> tuple[Path, list[str]]:
    """The first of these files with a column, and its columns."""
    for file in files:
        with opened(file) as table:
            if table.names:
                return file, table.names
    return files[0], []


def _table_in(folder: Path, name: str) -> Path | None:
    found = [one for one in sorted(folder.glob(f"{name}.*")) if kind_of(one) and stem_of(one) == name]
    if len(found) > 1:
        raise UnreadableFolderError(f"{folder} has {found[0].name} and {found[1].name}: keep one")
    return found[0] if found else None
