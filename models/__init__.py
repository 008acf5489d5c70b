"""Networks from light-curve features to class probabilities: training, transfer, evaluation, serving."""

from typing import Literal

from starsieve.features.tools.errors import EXIT_FAILED, UsageError

Reason = Literal["unreachable", "damaged", "incompatible"]


class ModelError(UsageError):
    """A network, a set of labels or a folder of light curves cannot be used; the message says what to do."""


class RefusedError(ModelError):
    """A network cannot be taken up: its files cannot be reached, are not those of its card, or are for other uses."""

    exit_code = EXIT_FAILED

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
