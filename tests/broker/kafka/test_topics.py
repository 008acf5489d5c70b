"""Patterns of topics: in Python's dialect, never our own output, and what matches nothing is told."""

import pytest

from starsieve.broker.kafka.topics import compiled, contested, includes, select

OWN = ("starsieve_classifications", "starsieve_dead_letters")


def test_names_and_patterns_select_what_is_there() -> None:
    present = {"ztf_20260101_programid1", "ztf_20260102_programid1", "lsst", "other"}
    wanted = [r"^ztf_\d{8}_programid1$", "lsst"]
    assert select(wanted, present, OWN) == (present - {"other"}, [])


def test_what_matches_nothing_is_told() -> None:
    assert select(["^atlas", "absent", "lsst"], {"lsst"}, OWN) == ({"lsst"}, ["^atlas", "absent"])


def test_topics_that_two_surveys_mean_are_told() -> None:
    present = {"alerts_a", "alerts_b", "night", "other"}
    assert contested([["^alerts", "night"], ["^.*_a$", "night"], ["absent"]], present) == ["alerts_a", "night"]
    assert contested([["^alerts", "^.*_a$"]], present) == [], "of one survey"


def test_our_own_topics_are_never_selected() -> None:
    present = {*OWN, "alerts"}
    assert select(["^.*", *OWN], present, OWN) == ({"alerts"}, list(OWN))


def test_a_pattern_is_anchored_where_it_begins_only() -> None:
    assert includes("^ztf", "ztf_20260101")
    assert not includes("ztf", "ztf_20260101")


@pytest.mark.parametrize("pattern", ["^[[:alpha:]]+_.*$", "^ztf_[", "^(a", "^[a--b]"])
def test_what_is_no_pattern_of_python_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|POSIX"):
        compiled(pattern)
