"""What retention has taken before it was read is told apart from the gaps that transactions leave."""

from starsieve.broker.kafka.positions import Positions

HERE = ("alerts", 0)


def at(offset: int) -> Positions:
    positions = Positions()
    positions.set(HERE, offset)
    return positions


def test_consecutive_messages_lose_nothing() -> None:
    positions = at(5)
    assert not positions.jumps(HERE, 5)
    assert [positions.lost(HERE, offset, 0) for offset in (5, 6, 7)] == [0, 0, 0]


def test_the_marker_of_a_transaction_is_no_jump() -> None:
    assert not at(5).jumps(HERE, 6)
    assert at(5).jumps(HERE, 7)


def test_what_lies_before_the_first_kept_is_lost() -> None:
    positions = at(5)
    assert positions.lost(HERE, 100, first_kept=90) == 85
    assert positions.lost(HERE, 101, first_kept=90) == 0


def test_gaps_behind_the_first_kept_are_aborted_messages_not_lost_ones() -> None:
    assert at(5).lost(HERE, 100, first_kept=0) == 0


def test_a_group_that_begins_has_lost_nothing() -> None:
    positions = at(-1001)  # nothing committed
    assert not positions.jumps(HERE, 1000)
    assert positions.lost(HERE, 1000, first_kept=1000) == 0


def test_an_assigned_partition_is_not_known_until_its_position_is_set() -> None:
    positions = at(5)
    positions.forget(HERE)
    assert not positions.knows(HERE)
    assert positions.lost(HERE, 1000, first_kept=1000) == 0
