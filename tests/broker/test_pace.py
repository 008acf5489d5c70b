"""The next batch is as large as the last ones allow."""

from starsieve.broker.pace import Pace


def test_fast_batches_are_as_large_as_they_may_be() -> None:
    pace = Pace(500, max_poll_interval_s=300)
    pace.took(500, 1.0)
    assert pace.limit == 500


def test_a_slow_batch_makes_the_next_one_fit() -> None:
    pace = Pace(500, max_poll_interval_s=12)
    pace.took(60, 60.0)  # a second a message
    assert pace.limit == 2


def test_a_batch_that_took_too_long_is_halved_until_it_fits() -> None:
    pace = Pace(500, max_poll_interval_s=12)
    limits = []
    for _ in range(9):
        pace.was_too_slow(pace.limit)
        limits.append(pace.limit)
    assert limits == [250, 125, 62, 31, 15, 7, 3, 1, 1]


def test_after_a_slow_object_batches_grow_again() -> None:
    pace = Pace(500, max_poll_interval_s=12)
    pace.was_too_slow(4)
    for _ in range(8):
        pace.took(pace.limit, 0.001 * pace.limit)
    assert pace.limit == 500
