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


def test_a_class_of_ones_own_has_its_own_id_under_its_parent() -> None:
    parents = {"BLAZAR": taxonomy.parent_of("AGN"), "blue wobbler": taxonomy.parent_of("2320")}
    labels = ["BLAZAR", "RRAB", "WOW", "blue wobbler"]
    blazar, rrab, wow, wobbler = taxonomy.class_ids(labels, parents)
    assert rrab == 2323
    assert [taxonomy.place(number) for number in (blazar, wow, wobbler)] == [2332, 100, 2320]
    assert taxonomy.ancestors(blazar) == (2332, 2330, 2300, 2000)
    assert taxonomy.class_ids(["BLAZAR", "EA"], {"BLAZAR": 2332})[0] == blazar < 2**31
    assert all(map(taxonomy.fits, labels, (blazar, rrab, wow, wobbler)))
    assert not taxonomy.fits("BLAZAR", wow)
    assert not taxonomy.fits("BLAZAR", 2332)
    assert not taxonomy.fits("RRAB", taxonomy.own_id("RRAB", 100))
    sums = taxonomy.hierarchical_sums([blazar, 2332], [0.25, 0.5])
    assert (sums[blazar], sums[2332], sums[2300]) == (0.25, 0.75, 0.75)


@pytest.mark.parametrize("text", ["2332", "AGN", "agn", "QSO"])
def test_a_parent_is_named_by_id_name_or_known_label(text: str) -> None:
    assert taxonomy.parent_of(text) == 2332


@pytest.mark.parametrize("text", ["", "2333", "WOW", "Residual", "200", "300"])
def test_no_other_parent_is_accepted(text: str) -> None:
    with pytest.raises(ModelError, match="2332 AGN"):
        taxonomy.parent_of(text)


@pytest.mark.parametrize(
    ("labels", "parents", "message"),
    [
        (["EA"], {"EA": 2332}, "EA is EB in the ELAsTiCC taxonomy"),
        (["EA"], {"WOW": 2332}, "WOW has a parent, but is none of the classes"),
        (["a\nb"], {}, "a class is a name"),
        (["x" * 65], {}, "a class is a name"),
        (["plumless", "buckeroo"], {}, "the same id"),  # as their CRC-32
    ],
)
def test_what_can_be_no_class_says_why(labels: list[str], parents: dict[str, int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        taxonomy.class_ids(labels, parents)


def test_every_ancestor_has_a_name() -> None:
    assert {parent for each in taxonomy.ELASTICC for parent in taxonomy.ancestors(each)} <= set(taxonomy.ELASTICC)


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
