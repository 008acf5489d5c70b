"""The card of a network: what its answers depend on, and what a reader wants to know; card.json is read here alone."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from starsieve.models import ModelError, RefusedError
from starsieve.models.serving import taxonomy
from starsieve.models.serving.calibration import Calibration
from starsieve.models.serving.familiarity import Familiarity
from starsieve.models.serving.scaling import COLUMNS, Scaler
from starsieve.models.serving.taxonomy import RESIDUAL

CARD = "card.json"
# What an answer depends on beside the network.
DECIDES = ("classes", "class_ids", "bands", "min_epochs", "features", "scaler", "familiarity", "calibration")

_NAME, _VERSION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", r"[0-9a-f]{8}"
Name = Annotated[str, Field(pattern=f"^{_NAME}$")]
Version = Annotated[str, Field(pattern=f"^{_VERSION}$")]


class _Note(BaseModel):
    """What nobody's answer depends on; what another version noted beside it is kept."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")


class _Numbers(BaseModel):
    """What answers are computed with."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)


class ScalerNumbers(_Numbers):
    """A `scaling.Scaler`; `minimum` is there where it has the published transform, null for a feature without one."""

    columns: tuple[str, ...] = Field(min_length=1)
    center: list[float]
    scale: list[float]
    minimum: list[float | None] | None = None
    clip: float

    @classmethod
    def of(cls, scaler: Scaler) -> Self:
        """The numbers of a scaler."""
        numbers: dict[str, Any] = {"center": scaler.center.tolist(), "scale": scaler.scale.tolist()}
        if scaler.minimum is not None:
            numbers["minimum"] = [None if np.isnan(value) else value for value in scaler.minimum.tolist()]
        return cls(columns=scaler.columns, clip=scaler.clip, **numbers)

    def made(self) -> Scaler:
        """The scaler of these numbers."""
        center, scale = np.array(self.center), np.array(self.scale)
        if self.minimum is None:
            return Scaler(self.columns, center, scale, self.clip)
        minimum = np.array([np.nan if value is None else value for value in self.minimum])
        return Scaler(self.columns, center, scale, self.clip, minimum)


class FamiliarityNumbers(_Numbers):
    """A `familiarity.Familiarity`."""

    center: list[float]
    precision: list[list[float]]
    limit: float

    @classmethod
    def of(cls, familiarity: Familiarity) -> Self:
        """The numbers of a familiarity."""
        center, precision = familiarity.center.tolist(), familiarity.precision.tolist()
        return cls(center=center, precision=precision, limit=familiarity.limit)

    def made(self) -> Familiarity:
        """The familiarity of these numbers."""
        return Familiarity(np.array(self.center), np.array(self.precision), self.limit)


class CalibrationNumbers(_Numbers):
    """A `calibration.Calibration`."""

    sharpness: float
    shift: list[float]

    @classmethod
    def of(cls, calibration: Calibration) -> Self:
        """The numbers of a calibration."""
        return cls(sharpness=calibration.sharpness, shift=calibration.shift.tolist())

    def made(self) -> Calibration:
        """The calibration of these numbers."""
        return Calibration(self.sharpness, np.array(self.shift))


class SelfTest(_Numbers):
    """Rows of features, and the answers that the network gave where it was made."""

    features: list[list[float]] = Field(min_length=1)
    probabilities: list[list[float]] = Field(min_length=1)


class Training(_Note):
    """What a network was trained on."""

    source: str
    light_curves: str
    objects: dict[str, int]
    rows: int
    seed: int


class ClassScores(_Note):
    """Of one class, which n objects have."""

    precision: float
    recall: float
    f1: float
    n: int


class Bin(_Note):
    """One point of a reliability curve, of n objects."""

    confidence: float
    accuracy: float
    n: int


class Above(_Note):
    """Of the n objects with at least this probability for a class: see `judging.evaluation.above`."""

    probability: float
    n: int
    precision: float | None
    recall: float


class Scores(_Note):
    """What `judging.judge` found, and of which objects; see there."""

    of: str
    n: int
    mcc: float
    macro_f1: float
    accuracy: float
    per_class: dict[str, ClassScores]
    confusion: list[list[int]]
    ece: float | None
    reliability: list[Bin] | None
    above: dict[str, list[Above]] = {}  # by class


@dataclass(frozen=True)
class OfAll:
    """The answers about all labelled objects, whether the network has their classes or not."""

    right: int
    n: int

    @property
    def accuracy(self) -> float:
        """Share that is right."""
        return self.right / max(self.n, 1)


class Sizes(_Note):
    """The architecture of a network that others start from."""

    hidden: tuple[int, ...]
    members: int
    dropout: float
    input_epsilon: float
    norm_logits: bool


class Card(_Note):
    """All that is known of a network beside its weights."""

    survey: str
    name: str
    version: str
    sha256: str  # of the network
    classes: tuple[str, ...] = Field(min_length=2)
    class_ids: tuple[int, ...]
    bands: tuple[str, ...] = Field(min_length=1)
    min_epochs: int = Field(ge=1)  # of a band, below which the network was never shown one
    features: tuple[str, ...]
    scaler: ScalerNumbers
    familiarity: FamiliarityNumbers
    calibration: CalibrationNumbers

    training: Training | None = None
    dropped_classes: dict[str, int] = {}  # objects of classes that have too few
    not_classified: dict[str, int] = {}  # labelled objects of its classes that could not be learned from, by the reason
    repeated: list[str] = []  # objects with the light curve of another
    origin: str | None = None
    simulated: str | None = None
    class_mix: dict[str, float] | None = None
    scores: Scores | None = None
    scores_in_stream: Scores | None = None
    macro_f1_by_epochs: dict[int, float] = {}
    scores_by_months: dict[int, Scores] = {}  # since the survey has begun
    macro_f1_with_science_flux: dict[int, float] = {}  # after so many months, of Rubin's own totals
    called_periodic: dict[str, float] = {}  # by the class: shares of objects that are not
    real_sources_called_periodic: dict[str, Any] | None = None  # see recipes.ztf_checks.called_periodic
    unfamiliar: dict[str, float] = {}  # AUROC of Residual
    known_packets: dict[str, Any] | None = None  # see broker.tools.known
    architecture: Sizes | None = None
    self_test: SelfTest | None = None
    drift: dict[str, Any] | None = None  # see serving.drift.Reference

    @property
    def honest(self) -> Scores | None:
        """The least flattering scores: those in the stream on real photometry, where it was judged there."""
        return self.scores_in_stream or self.scores

    @property
    def of_all(self) -> "OfAll | None":
        """How many labelled objects of its survey are answered rightly, also counting those that it cannot answer."""
        if self.scores is None:
            return None
        right = sum(row[number] for number, row in enumerate(self.scores.confusion))
        unanswered = sum(self.dropped_classes.values()) + sum(self.not_classified.values())
        return OfAll(right, self.scores.n + unanswered)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The card of a network's folder.

        Raises:
            ModelError: it cannot be read, or lacks something that an answer depends on.
            RefusedError: something on it is not what this version writes there.
        """
        path = folder / CARD
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ModelError(f"no readable network card at {path}: {error}") from error
        except ValidationError as error:
            raise _refusal(path, error) from None

    def write(self, folder: Path) -> None:
        """Writes it to a network's folder."""
        (folder / CARD).write_text(self.text() + "\n")

    def text(self) -> str:
        """As it is written and shown: JSON, without what nobody has noted."""
        return json.dumps(self.model_dump(exclude_unset=True), indent=1)

    def with_version(self) -> Self:
        """The same card with the version that it should have."""
        return self.model_copy(update={"version": self.right_version()})

    def right_version(self) -> str:
        """Changes with everything that an answer depends on: the network, and the numbers on its card that are used."""
        decides = json.dumps(self.model_dump(include=set(DECIDES), exclude_unset=True), sort_keys=True)
        return hashlib.sha256((self.sha256 + decides).encode()).hexdigest()[:8]

    def check(self) -> None:
        """Raises RefusedError for a card that was made by rules other than this version's."""
        for what, text, pattern in (
            ("survey", self.survey, _NAME),
            ("name", self.name, _NAME),
            ("version", self.version, _VERSION),
        ):
            if not re.fullmatch(pattern, text):
                raise _incompatible(f"{CARD}: {what}: {text!r} should match {pattern}")
        if self.self_test is None:
            raise _incompatible(f"{CARD}: self_test is missing: make the network again with this version")
        if self.features != COLUMNS or self.scaler.columns != COLUMNS[: len(self.scaler.columns)]:
            raise _incompatible("it was made for other features than this version computes: make it again")
        if self.classes[-1] != RESIDUAL or len(set(self.classes)) < len(self.classes):
            found = ", ".join(self.classes)
            raise _incompatible(f"its classes have to be different ones, {RESIDUAL} last: {found}")
        if len(self.classes) != len(self.class_ids):
            raise _incompatible(f"it has {len(self.classes)} classes and {len(self.class_ids)} class_ids")
        try:
            pairs = zip(self.classes, self.class_ids, strict=True)
            strange = [name for name, class_id in pairs if not taxonomy.fits(name, class_id)]
        except ModelError as error:
            raise _incompatible(str(error)) from error
        if strange:
            raise _incompatible(f"its class_ids are not those of the taxonomy for {', '.join(strange)}")


def _incompatible(detail: str) -> RefusedError:
    return RefusedError("incompatible", detail)


def _refusal(path: Path, error: ValidationError) -> ModelError:
    problems = error.errors()
    if problems[0]["type"] == "json_invalid":
        return ModelError(f"no readable network card at {path}: {problems[0]['msg']}")
    if not problems[0]["loc"]:
        return ModelError(f"{path} is not a network card: {problems[0]['msg']}")
    missing = sorted(str(one["loc"][0]) for one in problems if one["type"] == "missing" and len(one["loc"]) == 1)
    if missing:
        return ModelError(f"{path} is not a network card: it lacks {', '.join(missing)}")
    where = ".".join(map(str, problems[0]["loc"]))
    hint = ": make the network again with this version" if problems[0]["type"] == "missing" else ""
    return _incompatible(f"{CARD}: {where}: {problems[0]['msg']}{hint}")
