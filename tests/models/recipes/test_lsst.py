"""What the recipe of Rubin's network counts by itself."""

import numpy as np

from starsieve.models.data.tables import Table
from starsieve.models.recipes.lsst import called_periodic
from starsieve.models.serving.scaling import COLUMNS

CLASSES = ("EW", "RRAB", "NONVAR", "SN")  # and Residual, the last column of an answer


def table_of(labels: list[str]) -> Table:
    """One light curve of each label."""
    n = len(labels)
    names, none = np.array([f"star{number}" for number in range(n)]), np.full(n, "")
    rows, same = np.arange(n), np.zeros(n, np.int64)
    return Table(names, np.array(labels), rows, same + 20, np.zeros((n, len(COLUMNS))), same, none, none)


def test_periodic_classes_count_together_and_stars_that_are_periodic_do_not() -> None:
    answers = np.array(
        [
            [0.4, 0.3, 0.2, 0.1, 0.0],  # NONVAR that is called periodic, by two classes together
            [0.2, 0.2, 0.5, 0.1, 0.0],
            [0.0, 0.0, 0.1, 0.1, 0.8],  # Residual is not periodic
            [0.1, 0.1, 0.1, 0.7, 0.0],
            [0.9, 0.1, 0.0, 0.0, 0.0],  # a periodic star
        ]
    )
    table = table_of(["NONVAR", "NONVAR", "SN", "SN", "EW"])
    assert called_periodic(CLASSES, table, answers) == {"NONVAR": 0.5, "SN": 0.0}
