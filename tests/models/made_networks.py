"""Networks for tests: the shipped one of ZTF under another name and version, whole or spoilt."""

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from starsieve.models.serving import registry
from starsieve.models.serving.card import CARD
from starsieve.models.serving.classifier import NETWORK
from starsieve.models.training import self_test

Card = dict[str, Any]
DECIDES = ("classes", "class_ids", "bands", "min_epochs", "features", "scaler", "familiarity", "calibration")


def make(folder: Path, *, sharpness: float = 1.0, name: str = "mine") -> str:
    """A network that answers a little otherwise than the shipped one; gives its version."""
    shutil.copytree(registry.WEIGHTS / "ztf", folder)

    def change(card: Card) -> None:
        card["name"] = name
        card["calibration"]["sharpness"] = sharpness

    spoil(folder, change)
    return self_test.record(folder).version


def spoil(folder: Path, change: Callable[[Card], Any]) -> None:
    """Changes a card, whose version and sha256 then fit again: what is wrong is the change alone."""
    card = json.loads((folder / CARD).read_text())
    change(card)
    if "sha256" in card and (folder / NETWORK).is_file():
        card["sha256"] = hashlib.sha256((folder / NETWORK).read_bytes()).hexdigest()
    with suppress(KeyError):  # dropped is what the version depends on
        card["version"] = version_of(card)
    (folder / CARD).write_text(json.dumps(card))


def version_of(card: Card) -> str:
    """The version of a card as it lies in its file, however spoilt: what `Card.right_version` has to agree with."""
    decides = json.dumps({name: card[name] for name in DECIDES}, sort_keys=True)
    return hashlib.sha256((card["sha256"] + decides).encode()).hexdigest()[:8]


def cut(path: Path) -> None:
    """As a disk that was full leaves a file."""
    path.write_bytes(path.read_bytes()[:-1000])
