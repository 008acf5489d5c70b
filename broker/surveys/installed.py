"""Which surveys there are: starsieve's own, and those that installed packages bring as entry points."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

from starsieve.broker.avro.program import Wanted, compiled
from starsieve.broker.avro.projection import Columns
from starsieve.broker.epochs import Form
from starsieve.broker.surveys import Alert, lsst, ztf
from starsieve.features.tools.errors import UsageError

#: Of the entry points: the name is the survey's, the object a module as `Survey` has it.
GROUP = "starsieve.surveys"
_NOTHING = {"type": "record", "name": "nothing", "fields": []}


class Survey(Protocol):
    """What the module of a survey has."""

    #: What is read of a packet.
    WANTED: Wanted
    #: How its photometry is stored.
    FORM: Form

    def alert(self, columns: Columns, min_reliability: float) -> Alert:
        """The alert of that, without detections whose score is lower; raises AlertError."""

    def schema_of(self, schema_id: int) -> bytes | None:
        """The writer's schema of a frame, None where only a registry can know it; raises AlertError."""

    def warm_up(self) -> None:
        """Compiles the kernels, or loads them compiled."""


#: To add one to starsieve itself: its module, and its line here.
OWN: dict[str, Survey] = {"ztf": ztf, "lsst": lsst}


def names() -> list[str]:
    """Of all surveys, starsieve's own first; nothing is loaded."""
    return list(dict.fromkeys([*OWN, *(entry.name for entry in entry_points(group=GROUP))]))


@cache
def survey(name: str) -> Survey:
    """The survey of a name: starsieve's own, else that of an installed package.

    Raises:
        UsageError: there is none, or more than one, or it cannot be used.
    """
    if name in OWN:
        return OWN[name]
    found = {(entry.value, _package(entry)): entry for entry in entry_points(group=GROUP, name=name)}
    if not found:
        raise UsageError(f"survey: {name!r} has no reader of packets; there are {', '.join(names())}")
    if len(found) > 1:
        raise UsageError(f"survey: {name!r} is brought by {_listed(list(found))}: uninstall all but one")
    ((value, package),) = found
    try:
        module = found[value, package].load()
    except Exception as error:  # a stranger's module can raise anything
        raise UsageError(f"survey: {name!r}, {value} of {package}: {type(error).__name__}: {error}") from error
    if lacking := [each for each in ("WANTED", "FORM", "alert", "schema_of", "warm_up") if not hasattr(module, each)]:
        raise UsageError(f"survey: {name!r}, {value} of {package}, has no {', '.join(lacking)}")
    try:
        compiled(_NOTHING, module.WANTED)
    except (AttributeError, TypeError) as error:
        raise UsageError(f"survey: {name!r}, {value} of {package}: WANTED: {error}") from error
    if not isinstance(module.FORM, Form):
        raise UsageError(f"survey: {name!r}, {value} of {package}: FORM is no Form of starsieve.broker.epochs")
    return cast(Survey, module)


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown package"


def _listed(found: Sequence[tuple[str, str]]) -> str:
    return " and ".join(sorted(f"{package} ({value})" for value, package in found))
