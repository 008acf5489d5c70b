"""Networks from light-curve features to class probabilities: training, transfer, evaluation, serving."""

from starsieve.features.tools.errors import UsageError


class ModelError(UsageError):
    """A network, a set of labels or a folder of light curves cannot be used; the message says what to do."""
