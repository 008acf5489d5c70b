"""Splits are by star, stratified, and the same for everybody."""

import numpy as np

from starsieve.models.data import splits

LABELS = np.repeat(["RRAB", "EW", "CEP"], [100, 40, 7])
NAMES = np.array([f"star{i}" for i in range(len(LABELS))])


def test_folds_deal_out_every_class_evenly() -> None:
    fold = splits.folds(LABELS, NAMES, 5, seed=1)
    for label in np.unique(LABELS):
        counts = np.bincount(fold[label == LABELS], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_light_curves_of_one_star_share_a_fold() -> None:
    twice = np.concatenate([NAMES, NAMES])
    fold = splits.folds(np.concatenate([LABELS, LABELS]), twice, 5, seed=1)
    np.testing.assert_array_equal(fold[: len(NAMES)], fold[len(NAMES) :])


def test_a_fraction_has_at_least_one_of_every_class() -> None:
    chosen = splits.fraction(LABELS, 0.01, seed=3)
    assert set(LABELS[chosen]) == set(LABELS)
    assert len(chosen) == 3


def test_about_a_fifth_of_the_stars_is_held_out_whatever_their_light_curve() -> None:
    held = [splits.held_out(f"J{i}") for i in range(5000)]
    assert 0.18 < np.mean(held) < 0.22
    assert all(splits.held_out(f"J{i}{splits.VIEW}7") == held[i] for i in range(100))


def test_an_id_is_cut_where_a_view_begins_and_nowhere_else() -> None:
    assert splits.star("ASAS:05:35.1#2") == "ASAS:05:35.1#2"
    assert splits.star(f"ASAS:05:35.1#2{splits.REAL_VIEW}3") == "ASAS:05:35.1#2"
