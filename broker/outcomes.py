"""Outcomes as a subscriber reads them, of every output format, and which of them are wanted; no I/O."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self, TypeVar

from starsieve.broker.avro.container import MAGIC
from starsieve.broker.avro.reader import Record
from starsieve.broker.kafka.messages import Incoming
from starsieve.broker.outputs import DECODERS, single_object
from starsieve.broker.outputs.message import CLASSIFIED, NOT_CLASSIFIED
from starsieve.broker.surveys import AlertError
from starsieve.models.serving.taxonomy import ELASTICC, spelling

T = TypeVar("T")

_WHOLE = {"starsieve", "single-object", "json"}  # they say all themselves
_SHOWN = {"objectId", "status", "reason", "classifications", "bands"}
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROUNDED = 5e-5  # of the probability in the headers
_MOST_PROBABLE = 1.001  # sums of single precision
_SHORTENED = 1e-7  # of the period there, relative


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one alert."""

    object_id: str
    alert_id: int | None
    survey: str | None
    #: Of the exposure.
    time: datetime | None
    status: str  # CLASSIFIED or NOT_CLASSIFIED
    #: The most probable class, and how probable it is; None where there is none.
    class_name: str | None
    probability: float | None
    #: Why there is no class.
    reason: str | None
    #: Of every class; with ELAsTiCC's format, its own classes.
    probabilities: dict[str, float]
    #: In days, and how far to trust it; None where none was found.
    period: float | None
    period_trust: str | None
    ra: float | None
    dec: float | None
    #: In all bands.
    epochs: int
    classifier: str | None
    classifier_version: str | None
    #: Where it was read: topic:partition:offset.
    position: str
    #: All that the message says, by the names of the schema; times in milliseconds since 1970.
    record: Record

    @classmethod
    def read(cls, message: Incoming) -> Self:
        """A message of any output format. Raises AlertError for what is not starsieve's."""
        told = told_by(message)
        try:
            return cls._of(_record(message, told), told, message.position)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise AlertError("other_avro", "it has not what an outcome has") from None

    @classmethod
    def _of(cls, record: Record, told: Mapping[str, str], position: str) -> Self:
        if not record.keys() >= _SHOWN or record["status"] not in (CLASSIFIED, NOT_CLASSIFIED):
            raise KeyError
        classified = record["status"] == CLASSIFIED
        best, probability = _best(record, told) if classified else (None, None)
        probabilities = {str(each["className"]): float(each["probability"]) for each in record["classifications"]}
        if any(not 0 <= each <= _MOST_PROBABLE for each in probabilities.values()):
            raise ValueError
        days, trust = _period(record)
        return cls(
            object_id=_typed(record["objectId"], str) or "",
            alert_id=_typed(record.get("alertId"), int),
            survey=_typed(record.get("survey"), str),
            time=_time(_typed(record.get("alertTimestamp"), int)),
            status=record["status"],
            class_name=_typed(best, str),
            probability=_typed(probability, float),
            reason=_typed(record["reason"], str),
            probabilities=probabilities,
            period=days,
            period_trust=trust,
            ra=_typed(record.get("ra"), float),
            dec=_typed(record.get("dec"), float),
            epochs=_epochs(record),
            classifier=_typed(record.get("classifierName"), str),
            classifier_version=_typed(record.get("classifierVersion"), str),
            position=position,
            record=record,
        )


def _typed(value: object, kind: type[T]) -> T | None:
    """A value that is of a type, or none; raises TypeError: anybody may write Avro with our names."""
    if value is not None and not isinstance(value, kind):
        raise TypeError
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError
    return value


def top_class(record: Record) -> tuple[str, float]:
    """The most probable class of a classified message, and its probability."""
    best = max(record["classifications"], key=lambda each: each["probability"])
    return best["className"], best["probability"]


def _best(record: Record, told: Mapping[str, str]) -> tuple[str, float]:
    """The network's class and its probability: a convention with classes of its own has sums of them."""
    if told.get("format", "starsieve") not in _WHOLE and {"class", "probability"} <= told.keys():
        return told["class"], float(told["probability"])
    return top_class(record)


def told_by(message: Incoming) -> dict[str, str]:
    """What the headers say; nothing, if they are not starsieve's."""
    if not message.is_own:
        return {}
    return {name: value.decode(errors="replace") for name, value in message.headers if isinstance(value, bytes)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which outcomes a subscriber wants: those that meet all conditions given.

    Args:
        objects: of one of these objects.
        classes: classified, as one of these.
        min_probability: classified, with at least this probability.
        min_period, max_period: with a period between these [days].

    Raises:
        TypeError: one name is given where several are meant; its letters would be taken for names.
        ValueError: no outcome could meet them all.
    """

    objects: Collection[str] = ()
    classes: Collection[str] = ()
    min_probability: float | None = None
    min_period: float | None = None
    max_period: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.objects, str) or isinstance(self.classes, str):
            raise TypeError('objects and classes are collections of names: {"RRAB"}')
        if self.min_probability is not None and not 0 <= self.min_probability <= 1:
            raise ValueError(f"min_probability is between 0 and 1, not {self.min_probability:g}")
        lowest, highest = self.min_period or 0.0, self.max_period
        if not lowest >= 0 or (highest is not None and not highest >= lowest):
            raise ValueError(f"no period is from min_period = {lowest:g} up to max_period = {highest} days")

    def doubts(self) -> list[str]:
        """What may be mistyped, in sentences: a network of one's own may have a class that differs in capitals."""
        meant = {name: spelling(name) for name in self.classes}
        return [f"class {name}: is {known} meant? Capitals matter" for name, known in meant.items() if known != name]

    def includes(self, outcome: Outcome) -> bool:
        """Whether the outcome is wanted."""
        return self._meets(outcome.object_id, outcome.class_name, outcome.probability, outcome.period)

    def may_include(self, message: Incoming) -> bool:
        """False where key and headers are enough to know that it is not wanted, so that it need not be decoded."""
        told = told_by(message)
        if "format" not in told:  # headers of older versions do not say all
            return True
        try:
            probability = float(told["probability"]) if "probability" in told else None
            period = float(told["period"]) if "period" in told else None
        except ValueError:
            return True
        object_id = (message.key or b"").decode(errors="replace")
        return self._meets(object_id, told.get("class"), probability, period, _ROUNDED, _SHORTENED)

    def _meets(
        self,
        object_id: str,
        class_name: str | None,
        probability: float | None,
        period: float | None,
        rounded: float = 0,
        shortened: float = 0,
    ) -> bool:
        if self.objects and object_id not in self.objects:
            return False
        if self.classes and class_name not in self.classes:
            return False
        if self.min_probability is not None and (probability is None or probability + rounded < self.min_probability):
            return False
        if self.min_period is None and self.max_period is None:
            return True
        if period is None:
            return False
        least, most = self.min_period or 0.0, float("inf") if self.max_period is None else self.max_period
        return period * (1 + shortened) >= least and period * (1 - shortened) <= most


def _record(message: Incoming, told: Mapping[str, str]) -> Record:
    """The message decoded; by its first bytes, where no header tells the format."""
    name = told.get("format", "")
    if name not in DECODERS:
        marks = {MAGIC: "starsieve", single_object.MARK: "single-object", b"{": "json"}
        name = next((each for mark, each in marks.items() if message.value.startswith(mark)), "starsieve")
    record = DECODERS[name](message.value)
    return record if name in _WHOLE else _completed(record, message, told)


def _completed(record: Record, message: Incoming, told: Mapping[str, str]) -> Record:
    """A record of another convention with what only key and headers say, by the names of our own."""
    classes = [
        each if "className" in each else {"className": ELASTICC.get(each["classId"], str(each["classId"])), **each}
        for each in record["classifications"]
    ]
    period = None
    if "period" in told:
        period = {"days": float(told["period"]), "trust": told.get("period_trust", ""), "aliases": []}
    return {
        "alertId": record.get("diaSourceId"),
        **record,
        "objectId": (message.key or b"").decode(errors="replace"),
        "survey": told.get("survey"),
        "status": told.get("status", NOT_CLASSIFIED),
        "reason": told.get("reason"),
        "classifications": classes if told.get("status") == CLASSIFIED else [],
        "period": period,
        "bands": [],
        "alertTimestamp": None,
    }


def _period(record: Record) -> tuple[float | None, str | None]:
    """Days and trust; messages of version 1 have no more than the period of each band."""
    if (period := record.get("period")) is not None:
        " ".join(period["aliases"])  # they are texts
        return _typed(period["days"], float), _typed(period["trust"], str)
    return next((days for band in record["bands"] if (days := _typed(band["period"], float)) is not None), None), None


def _epochs(record: Record) -> int:
    """Of all bands, each of which has a name and a number of epochs."""
    bands = {_typed(band["band"], str): _typed(band["epochs"], int) or 0 for band in record["bands"]}
    return sum(bands.values())


def _time(unix_ms: int | None) -> datetime | None:
    """None too for what is no time of our calendar."""
    try:
        return None if unix_ms is None else _UNIX_EPOCH + timedelta(milliseconds=unix_ms)
    except OverflowError:
        return None
