"""Dead letters, read and put back."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starsieve.broker.dead_letters import DeadLetter, dead_letter, records_to_answer
from starsieve.broker.kafka.messages import OWN_MARK, Header, Incoming, Outgoing
from starsieve.broker.settings import Settings
from starsieve.broker.surveys import AlertError

SETTINGS = Settings()
ABSURD = AlertError("absurd_value", "ra 1e9")
MESSAGE = Incoming("alerts", 3, 141, None, b"key", b"packet", [])
NAMES = st.sampled_from(
    ["reason", "records", "producer", "original_topic", "original_original_topic", "mine", "original_"]
)
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=3)), max_size=4)


def arrived(sent: Outgoing, offset: int = 0) -> Incoming:
    """As Kafka gives it to who reads it."""
    headers = [OWN_MARK, *sent.headers] if sent.own else sent.headers
    return Incoming(sent.topic, 0, offset, None, sent.key, sent.value, headers)


def read(sent: Outgoing) -> DeadLetter:
    letter = DeadLetter.read(arrived(sent))
    assert letter is not None
    return letter


@given(HEADERS)
def test_a_message_is_put_back_as_it_came_however_often(headers: list[Header]) -> None:
    message = replace(MESSAGE, headers=headers)
    for times in range(3):
        letter = read(dead_letter(message, SETTINGS, {0: ABSURD}))
        assert (letter.redrives, letter.records, letter.reason) == (times, None, "absurd_value")
        again = letter.put_back()
        assert (again.topic, again.key, again.value, again.own) == ("alerts", b"key", b"packet", False)
        assert again.headers == [("starsieve_redrives", str(times + 1).encode()), *headers]
        message = arrived(again)
        assert not message.is_own


@pytest.mark.parametrize(
    "headers",
    [
        [("starsieve_redrives", b"9" * 5000)],
        [("original_" * 400_000 + "reason", b""), ("original_" * 400_000, b"")],
        [("a", b"")] * 100_000,
    ],
    ids=["a number of 5,000 digits", "a name of 4 MB", "100,000 headers"],
)
def test_headers_of_any_size_come_into_a_letter_soon(headers: list[Header]) -> None:
    begin = time.process_time()
    letter = read(dead_letter(replace(MESSAGE, headers=headers), SETTINGS, {0: ABSURD}))
    assert time.process_time() - begin < 0.5
    assert (letter.reason, letter.redrives) == ("absurd_value", 0)
    kept = letter.put_back().headers[1:]
    assert kept == headers[: len(kept)]
    assert len(letter.letter.headers) <= 100_000, "librdkafka reads no more of a message"


def test_of_a_message_with_good_records_only_the_bad_ones_are_answered_again() -> None:
    again = read(dead_letter(MESSAGE, SETTINGS, {3: ABSURD, 1: ABSURD}, records=4)).put_back()
    assert records_to_answer(again.headers) == {1, 3}
    third = read(dead_letter(arrived(again), SETTINGS, {3: ABSURD}, records=4)).put_back()
    assert records_to_answer(third.headers) == {3}
    broken = AlertError("corrupt", "now all of it")
    fourth = read(dead_letter(arrived(third), SETTINGS, {0: broken})).put_back()
    assert records_to_answer(fourth.headers) == {3}, "the others have their answers still"


def test_a_message_none_of_whose_records_was_good_is_answered_whole() -> None:
    again = read(dead_letter(MESSAGE, SETTINGS, {0: ABSURD, 1: ABSURD}, records=2)).put_back()
    assert records_to_answer(again.headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        [("starsieve_records", b"1")],
        [("starsieve_redrives", b"1"), ("starsieve_records", b"one")],
        [("starsieve_redrives", b"-1"), ("starsieve_records", b"1")],
        [("mine", b""), ("starsieve_redrives", b"1"), ("starsieve_records", b"1")],
        [("starsieve_redrives", None), ("starsieve_records", None)],
        [("starsieve_redrives", b"9" * 5000), ("starsieve_records", b"1")],
    ],
)
def test_other_headers_of_that_name_hide_no_record(headers: list[Header]) -> None:
    assert records_to_answer(headers) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("topic", b"../etc"),
        ("topic", b""),
        ("record", b"0,...,9"),
        ("offset", b"x"),
        ("reason", b"a b"),
        ("records", None),
    ],
)
def test_a_letter_that_is_not_what_we_write_is_none(name: str, value: bytes | None) -> None:
    letter = arrived(dead_letter(MESSAGE, SETTINGS, {0: ABSURD}))
    forged: list[Header] = [(each, value if each == name else old) for each, old in letter.headers]
    assert DeadLetter.read(replace(letter, headers=forged)) is None
    assert DeadLetter.read(replace(letter, headers=letter.headers[1:])) is None
    assert DeadLetter.read(replace(letter, headers=letter.headers[:-2])) is None


def test_a_letter_that_names_a_topic_of_kafkas_own_is_none_of_ours() -> None:
    """One of them would end every redrive: nobody may write there."""
    forged = dead_letter(replace(MESSAGE, topic="__consumer_offsets"), SETTINGS, {0: ABSURD})
    assert DeadLetter.read(arrived(forged)) is None
