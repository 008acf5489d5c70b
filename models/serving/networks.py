"""Versions of networks in a folder, beside those of the package, and which of them answers: changed without a stop.

    FOLDER/SURVEY/VERSION/card.json, network.tflite    never changed once it is there
    FOLDER/SURVEY/active.json                          replaced as a whole: {"version": ..., "history": [...]}

FOLDER may be any address that fsspec knows, see `starsieve.models.serving.places`.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from starsieve.models import ModelError, RefusedError
from starsieve.models.serving import registry
from starsieve.models.serving.acceptance import accept
from starsieve.models.serving.card import CARD, Card, Name, Version
from starsieve.models.serving.classifier import NETWORK, Classifier
from starsieve.models.serving.places import place, take

SHIPPED = "shipped"  # instead of a version: the network that comes with the package, whichever that is
ACTIVE = "active.json"
REMEMBERED = 50  # activations

_VERSION = re.compile(r"[0-9a-f]{8}")
_NAME = TypeAdapter(Name)


class Active(BaseModel):
    """Which version answers, and which did before, oldest first."""

    model_config = ConfigDict(frozen=True, strict=True)

    version: Version | Annotated[str, Field(pattern=f"^{SHIPPED}$")]
    history: list[str] = []


@dataclass(frozen=True, slots=True)
class Added:
    """A network as it lies in the folder, and whether it was there before."""

    survey: str
    name: str
    version: str
    already: bool


class Networks:
    """The networks of a package and a folder. Methods raise ModelError; RefusedError where a network is at fault."""

    def __init__(self, address: str) -> None:
        self._place = place(address)
        self.shown = self._place.shown

    def surveys(self) -> list[str]:
        """Surveys that have a network, in the package or in the folder."""
        with self._reached():
            return sorted({*registry.surveys(), *filter(_is_name, self._place.folders())})

    def versions(self, survey: str) -> list[str]:
        """The versions of a survey in the folder."""
        with self._reached():
            return [each for each in self._place.folders(_checked(survey)) if _VERSION.fullmatch(each)]

    def active(self, survey: str) -> Active | None:
        """What was activated last; None if nothing ever was: then the package's own network answers."""
        with self._reached():
            content = self._place.read(f"{_checked(survey)}/{ACTIVE}")
        if content is None:
            return None
        try:
            return Active.model_validate_json(content)
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise RefusedError("damaged", f"{self.shown}/{survey}/{ACTIVE}: {problem}: activate a version") from None

    def load(self, survey: str, version: str | None = None) -> Classifier:
        """The network of a version, or the one that is active, once it has passed every check."""
        version = self._resolved(survey, version) if version else _version_of(self.active(survey))
        if version == SHIPPED:
            if survey not in registry.surveys():
                raise ModelError(f"no network of {survey!r} is active, and none comes with the package")
            return accept(registry.WEIGHTS / survey)
        if not _VERSION.fullmatch(version):
            raise ModelError(f"{version!r} is no version: there are {self._choice(survey)}")
        with self._reached(), self._place.fetched(f"{_checked(survey)}/{version}") as folder:
            try:
                classifier = accept(folder)
            except RefusedError as error:
                there = version in self.versions(survey)
                detail = str(error) if there else f"there is no such version, but {self._choice(survey)}"
                raise RefusedError(error.reason, f"{survey} {version}: {detail}") from error
        if (classifier.survey, classifier.version) != (survey, version):
            found = f"{classifier.survey} {classifier.version}"
            raise RefusedError("damaged", f"{survey} {version}: its card says that it is {found}")
        return classifier

    def add(self, folder: Path) -> Added:
        """Copies a network into the folder, once the copy has passed every check; activates nothing."""
        files = take(folder)
        with tempfile.TemporaryDirectory() as temporary:
            for name, content in files.items():
                (Path(temporary) / name).write_bytes(content)
            new = accept(Path(temporary))
        path = f"{new.survey}/{new.version}"
        with self._reached():
            put = self._place.put(path, files)
            if not put:
                with self._place.fetched(path) as there:
                    same = all(_content(there / name) == files[name] for name in (CARD, NETWORK))
                if not same:
                    raise ModelError(f"{path} is there already, with other content: nothing was changed")
        return Added(new.survey, new.name, new.version, already=not put)

    def activate(self, survey: str, version: str) -> Classifier:
        """Makes a version the one that answers; workers take it up within seconds."""
        version, before = self._resolved(survey, version), self._last(survey)
        network = self._suits(survey, version, before)
        history = [] if before is None else before.history
        left = _version_of(before)
        if left != version and (before is not None or survey in registry.surveys()):
            history = [*history, left][-REMEMBERED:]
        self._write(survey, Active(version=version, history=history))
        return network

    def rollback(self, survey: str) -> Classifier:
        """Makes the version that answered before the one that answers, and forgets that it ever changed."""
        before = self._last(survey)
        if before is None or not before.history:
            raise ModelError(f"no other network of {survey!r} was active before: there is nothing to go back to")
        *history, version = before.history
        network = self._suits(survey, version, before)
        self._write(survey, Active(version=version, history=history))
        return network

    def _choice(self, survey: str) -> str:
        return ", ".join([SHIPPED, *self.versions(survey)])

    def _resolved(self, survey: str, version: str) -> str:
        """SHIPPED for the shipped network's version too, unless a copy is in the folder: that one outlasts upgrades."""
        if survey not in registry.surveys() or version in self.versions(survey):
            return version
        return SHIPPED if version == Card.read(registry.WEIGHTS / survey).version else version

    def _last(self, survey: str) -> Active | None:
        """What was activated last; None where that cannot be read, so that an activation mends it."""
        try:
            return self.active(survey)
        except RefusedError as error:
            if error.reason == "unreachable":
                raise
            return None

    def _suits(self, survey: str, version: str, before: Active | None) -> Classifier:
        """The network of a version. Raises RefusedError where it would answer no alert that the one before answers."""
        network = self.load(survey, version)
        try:
            bands = set(self.load(survey, _version_of(before)).bands)
        except ModelError:  # there is none, or it is damaged: a good reason for another
            return network
        if not bands & set(network.bands):
            raise RefusedError(
                "incompatible",
                f"{survey} {version} was trained on {', '.join(network.bands)}, the one in use on "
                f"{', '.join(sorted(bands))}: no alert would be classified",
            )
        return network

    def _write(self, survey: str, active: Active) -> None:
        with self._reached():
            self._place.replace(f"{survey}/{ACTIVE}", active.model_dump_json(indent=1).encode() + b"\n")

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RefusedError("unreachable", f"cannot reach {self.shown}: {error}") from error


def _checked(survey: str) -> str:
    if not _is_name(survey):
        raise ModelError(f"{survey!r} is no name of a survey: letters, digits, '.', '_' and '-', at most 64")
    return survey


def _is_name(text: str) -> bool:
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True


def _version_of(active: Active | None) -> str:
    return SHIPPED if active is None else active.version


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
