"""What a network has to be before a stream takes it up: whole, and made for what this version computes."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from starsieve.models import ModelError, RefusedError
from starsieve.models.serving import taxonomy
from starsieve.models.serving.classifier import CARD, NETWORK, Classifier, read_card
from starsieve.models.serving.scaling import COLUMNS
from starsieve.models.serving.taxonomy import RESIDUAL

MIB = 2**20
#: The files of a network and their largest sizes in bytes; the first two have to be there.
LARGEST = {NETWORK: 64 * MIB, CARD: 8 * MIB, "card.md": MIB, "card.png": 8 * MIB}
NEEDED = (NETWORK, CARD)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Scaler(_Part):
    columns: list[str] = Field(min_length=1)
    center: list[float]
    scale: list[float]
    clip: float


class _Calibration(_Part):
    sharpness: float
    shift: list[float]


class _SelfTest(_Part):
    features: list[list[float]] = Field(min_length=1)
    probabilities: list[list[float]] = Field(min_length=1)


class _Card(_Part):
    survey: Name
    name: Name
    version: Version
    sha256: str
    classes: list[str] = Field(min_length=2)
    class_ids: list[int]
    bands: list[str] = Field(min_length=1)
    min_epochs: int = Field(ge=1)
    features: list[str]
    scaler: _Scaler
    familiarity: dict[str, Any]
    calibration: _Calibration
    self_test: _SelfTest


def accept(folder: Path) -> Classifier:
    """The network of a folder, once it has passed every check.

    Raises:
        RefusedError: with the reason why a stream must not use it.
        OSError: the folder cannot be read.
    """
    for name, largest in LARGEST.items():
        _check_size(folder / name, largest, needed=name in NEEDED)
    try:
        _check_card(read_card(folder / CARD))
        classifier = Classifier(folder)
        classifier.self_test()
    except RefusedError:
        raise
    except ModelError as error:
        raise RefusedError("damaged", str(error)) from error
    # Whatever NumPy and LiteRT say of numbers and a network that do not fit each other.
    except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError, MemoryError) as error:
        detail = f"its network and its card do not fit each other: {type(error).__name__}: {error}"
        raise RefusedError("damaged", detail) from error
    return classifier


def _check_size(path: Path, largest: int, *, needed: bool) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        if needed:
            raise RefusedError("damaged", f"there is no {path.name}") from None
        return
    if size > largest:
        raise RefusedError("damaged", f"{path.name} has {size} bytes, more than the {largest} that a network needs")


def _check_card(card: dict[str, Any]) -> None:
    """Raises RefusedError for a card that was made by rules other than this version's."""
    try:
        checked = _Card.model_validate(card)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        hint = ": make the network again with this version" if problem["type"] == "missing" else ""
        raise RefusedError("incompatible", f"{CARD}: {where}: {problem['msg']}{hint}") from None
    if tuple(checked.features) != COLUMNS or tuple(checked.scaler.columns) != COLUMNS[: len(checked.scaler.columns)]:
        raise RefusedError("incompatible", "it was made for other features than this version computes: make it again")
    if checked.classes[-1] != RESIDUAL or len(set(checked.classes)) < len(checked.classes):
        raise RefusedError("incompatible", f"its classes have to be different ones, {RESIDUAL} last: {checked.classes}")
    try:
        ids = [taxonomy.class_id(label) for label in checked.classes]
    except ModelError as error:
        raise RefusedError("incompatible", str(error)) from error
    if ids != checked.class_ids:
        raise RefusedError("incompatible", f"its class_ids are {checked.class_ids}, the taxonomy has {ids}")
