"""The reference of drift that a card gets: the training objects as a stream sees them, and the answers about them."""

import numpy as np
import numpy.typing as npt

from starsieve.models.data.tables import Table
from starsieve.models.serving import drift
from starsieve.models.serving.drift import Reference
from starsieve.models.serving.scaling import COLUMNS, Scaler

Floats = npt.NDArray[np.float64]


def reference_of(
    of: str, table: Table, scaler: Scaler, classes: tuple[str, ...], answers: Floats, weights: Floats | None = None
) -> Reference:
    """The reference of a table's objects that have an answer: answers (n, classes), NaN for the others.

    of: what the objects are; weights (n,): how much each counts.
    """
    columns = len(scaler.columns)
    rows = np.isfinite(table.features[:, :columns]).all(axis=1) & np.isfinite(answers[table.owner, 0])
    chosen, owner = np.unique(table.owner[rows], return_inverse=True)
    return drift.fit(
        of,
        COLUMNS[:columns],
        classes,
        features=table.features[rows, :columns],
        bands=table.band[rows],
        owner=owner,
        answers=answers[chosen],
        weights=None if weights is None else weights[chosen],
    )
