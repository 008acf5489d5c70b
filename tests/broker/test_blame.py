"""An alert is blamed for an unexpected error only where the process is known to work and other alerts pass."""

import pytest

from starsieve.broker.blame import MOST_ALIKE, Blame, WorkerError


def failure(text: str = "broken") -> Exception:
    with pytest.raises(ValueError, match=text) as failed:
        float(text)
    return failed.value


def other_failure() -> Exception:
    with pytest.raises(KeyError) as failed:
        _ = {}["other"]
    return failed.value


def test_one_alert_that_fails_after_others_have_passed_is_to_blame() -> None:
    blame = Blame()
    blame.passes()
    blame.fails("ZTF1", failure())
    blame.end_of_batch(failure())


def test_nothing_has_passed_yet() -> None:
    blame = Blame()
    blame.fails("ZTF1", failure())
    with pytest.raises(WorkerError, match=r"no alert has passed yet.*broken"):
        blame.end_of_batch(failure())


def test_an_alert_that_passes_later_in_the_batch_proves_the_process() -> None:
    blame = Blame()
    blame.fails("ZTF1", failure())
    blame.passes()
    blame.end_of_batch(failure())


def test_different_alerts_that_fail_alike_one_after_the_other_are_not() -> None:
    blame = Blame()
    blame.passes()
    for number in range(MOST_ALIKE - 1):
        blame.fails(f"ZTF{number}", failure(f"text {number}"))
    with pytest.raises(WorkerError, match=f"{MOST_ALIKE} alerts"):
        blame.fails("ZTF-last", failure())


def test_one_object_may_fail_as_often_as_it_likes() -> None:
    blame = Blame()
    blame.passes()
    for _ in range(10 * MOST_ALIKE):
        blame.fails("ZTF1", failure())


def test_failures_of_different_kinds_or_with_passes_between_are_alerts_own() -> None:
    blame = Blame()
    blame.passes()
    for number in range(MOST_ALIKE - 1):
        blame.fails(f"ZTF{number}", failure())
        blame.fails(f"ZTF{number}", other_failure())
    blame.passes()
    blame.fails("ZTF-last", failure())
