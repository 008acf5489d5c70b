"""Every class name has its place; probabilities add up along the branches."""

import pytest

from starsieve.models import ModelError
from starsieve.models.serving import taxonomy


@pytest.mark.parametrize(
    ("label", "class_id"),
    [
        ("RRAB", 2323),
        ("CEP", 2322),
        ("DSCT", 2324),
        ("EW", 2325),
        ("MIRA", 2326),
        ("ROT", 2321),
        ("QSO", 2332),
        ("NONVAR", 1100),
    ],
)
def test_labels_of_surveys_have_elasticc_ids(label: str, class_id: int) -> None:
    assert taxonomy.class_id(label) == class_id


def test_every_id_has_a_name() -> None:
    assert set(taxonomy._LABELS) <= set(taxonomy.ELASTICC)


def test_an_unknown_label_says_what_to_do() -> None:
    with pytest.raises(ModelError, match="rename or drop it"):
        taxonomy.class_id("WOW")


def test_ancestors_run_from_narrow_to_broad() -> None:
    assert taxonomy.ancestors(2323) == (2320, 2300, 2000)
    assert taxonomy.ancestors(2320) == (2300, 2000)
    assert taxonomy.ancestors(200) == ()
    assert taxonomy.ancestors(1100) == (1000,)


def test_probabilities_add_up_along_the_branches() -> None:
    sums = taxonomy.hierarchical_sums([2323, 2323, 2325, 1100], [0.5, 0.2, 0.2, 0.1])
    assert sums[2323] == pytest.approx(0.7)
    assert sums[2320] == sums[2300] == pytest.approx(0.9)
    assert sums[1100] == pytest.approx(0.1)
