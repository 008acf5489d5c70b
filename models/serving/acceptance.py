"""What a network has to be before a stream takes it up: whole, and made for what this version computes."""

from pathlib import Path

from starsieve.models import ModelError, RefusedError
from starsieve.models.serving.card import CARD, Card
from starsieve.models.serving.classifier import NETWORK, Classifier

MIB = 2**20
#: The files of a network and their largest sizes in bytes; the first two have to be there.
LARGEST = {NETWORK: 64 * MIB, CARD: 8 * MIB, "card.md": MIB, "card.png": 8 * MIB}
NEEDED = (NETWORK, CARD)


def accept(folder: Path) -> Classifier:
    """The network of a folder, once it has passed every check.

    Raises:
        RefusedError: with the reason why a stream must not use it.
        OSError: the folder cannot be read.
    """
    for name, largest in LARGEST.items():
        _check_size(folder / name, largest, needed=name in NEEDED)
    try:
        Card.read(folder).check()
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
