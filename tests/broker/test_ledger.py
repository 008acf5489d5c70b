"""What was put back is noted exactly, against a set of all letters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve.broker.ledger import ANY, MOST_BYTES, Ledger, Span

OFFSETS = range(12)
REASONS = ("corrupt", "not_ztf")
SPANS = st.builds(
    lambda reason, limit, start, size: Span(reason, limit, start, start + size),
    st.sampled_from([ANY, *REASONS]),
    st.integers(1, 3),
    st.integers(0, 10),
    st.integers(1, 5),
)


def plainly(spans: list[Span], reason: str, redrives: int, offset: int) -> bool:
    return any(
        each.reason in (ANY, reason) and redrives < each.limit and each.start <= offset < each.stop for each in spans
    )


@given(st.lists(SPANS, max_size=8))
def test_a_letter_is_done_where_a_span_says_so(spans: list[Span]) -> None:
    ledger = Ledger.parse(str(Ledger(spans)))
    letters = [(reason, redrives, offset) for reason in REASONS for redrives in range(4) for offset in OFFSETS]
    assert [ledger.has(*each, "any") for each in letters] == [plainly(spans, *each) for each in letters]


@given(st.lists(SPANS, max_size=8), st.integers(0, 5), st.integers(1, 3))
def test_reading_begins_where_everything_before_is_done(spans: list[Span], first: int, limit: int) -> None:
    begins = Ledger(spans).first_left(first, limit)
    assert all(
        plainly(spans, reason, redrives, offset)
        for reason in REASONS
        for redrives in range(limit)
        for offset in range(first, begins)
    )


@given(st.lists(st.tuples(SPANS, st.sets(st.sampled_from(["gone", "closed"]))), max_size=8))
def test_letters_of_topics_that_are_held_are_left(steps: list[tuple[Span, set[str]]]) -> None:
    ledger = Ledger()
    for span, held in steps:
        for topic in held:
            assert ledger.hold(topic)
        ledger.add(span, but=held)
        ledger = Ledger.parse(str(ledger))
    for topic in ("gone", "closed", "open"):
        spans = [span for span, held in steps if topic not in held]
        letters = [(reason, redrives, offset) for reason in REASONS for redrives in range(4) for offset in OFFSETS]
        assert [ledger.has(*each, topic) for each in letters] == [plainly(spans, *each) for each in letters]


def test_a_topic_that_has_caught_up_has_no_spans_of_its_own_any_more() -> None:
    ledger = Ledger([Span(ANY, 3, 0, 10)])
    ledger.hold("gone")
    ledger.add(Span(ANY, 3, 10, 20), but={"gone"})
    assert str(ledger) == "*:3:0:20 @gone *:3:0:10"
    assert ledger.first_left(0, 3) == 10
    ledger.add(Span(ANY, 3, 10, 20))
    assert str(ledger) == "*:3:0:20"


def test_topics_beyond_the_room_for_them_are_not_held() -> None:
    ledger = Ledger()
    held = [ledger.hold(f"{number:0>200}") for number in range(1000)]
    assert 5 < sum(held) < 1000
    assert len(str(ledger)) <= MOST_BYTES // 2


def test_what_goes_on_stays_one_span() -> None:
    ledger = Ledger()
    for offset in range(1000):
        ledger.add(Span("corrupt", 3, offset, offset + 1))
    assert str(ledger) == "corrupt:3:0:1000"
    ledger.add(Span(ANY, 3, 0, 1000))
    assert str(ledger) == "*:3:0:1000"
    ledger.forget_before(1000)
    assert str(ledger) == ""


@pytest.mark.parametrize("text", ["mine", "a:b:c:d", "a:1:2", "a:1:2:3:4"])
def test_what_others_have_committed_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"unpack|int|values"):
        Ledger.parse(text)
