"""The store on a real server: nothing is lost, whoever writes at the same time."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import redis

from starsieve.broker.epochs import EPOCH, Epochs, flags, merge, merge_into
from starsieve.broker.store import Change, LightCurves

DAY_S = 86400


def epochs(*mjd: float, band: str = "g") -> Epochs:
    return np.array([(time, 17.0, 0.05, flags(band)) for time in mjd], EPOCH)


def store(url: str) -> LightCurves:
    return LightCurves(redis.Redis.from_url(url), "ztf", time_to_live_s=400 * DAY_S)


def append(light_curves: LightCurves, object_id: str, new: Epochs, state: bytes | None = None) -> None:
    stored = light_curves.read([object_id])
    change = Change(object_id, merge_into(stored[object_id].epochs, [new])[1], state)
    light_curves.write([change], stored)


def test_an_unknown_object_is_empty(redis_url: str) -> None:
    stored = store(redis_url).read(["nobody"])["nobody"]
    assert (stored.epochs.size, stored.search_state, list(stored.chunks)) == (0, None, [])


def test_what_was_written_is_read(redis_url: str) -> None:
    light_curves = store(redis_url)
    append(light_curves, "a", epochs(59001.0, 59000.0), b"state")
    append(light_curves, "a", epochs(59002.0, 59000.0, band="r"))
    append(light_curves, "b", epochs(59009.0))
    found = light_curves.read(["a", "b", "a"])
    assert (
        found["a"].epochs.tobytes() == merge([epochs(59000.0, 59001.0), epochs(59000.0, 59002.0, band="r")]).tobytes()
    )
    assert (found["a"].search_state, found["b"].search_state) == (b"state", None)
    assert found["b"].epochs["mjd"].tolist() == [59009.0]


def test_long_lists_are_compacted_and_nothing_is_lost(redis_url: str) -> None:
    light_curves = store(redis_url)
    for day in range(100):
        append(light_curves, "a", epochs(59000.0 + day))
    assert light_curves.read(["a"])["a"].epochs["mjd"].tolist() == [59000.0 + day for day in range(100)]
    assert len(light_curves.read(["a"])["a"].chunks) < 40


def test_workers_that_see_one_object_at_once_lose_nothing(redis_url: str) -> None:
    def write(worker: int) -> None:
        light_curves = store(redis_url)
        for step in range(60):
            append(light_curves, "a", epochs(59000.0 + worker + 8 * step, 59000.0 + step))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert store(redis_url).read(["a"])["a"].epochs["mjd"].tolist() == [59000.0 + day for day in range(480)]


def test_a_compaction_that_comes_late_spares_what_others_wrote(redis_url: str) -> None:
    slow, fast = store(redis_url), store(redis_url)
    days = [59000.0 + day for day in range(33)]
    for day in days:
        append(fast, "a", epochs(day))
    seen_by_slow = slow.read(["a"])
    append(fast, "a", epochs(59100.0))  # compacts
    append(fast, "a", epochs(59101.0))
    slow.write([Change("a", epochs(59102.0), None)], seen_by_slow)
    assert slow.read(["a"])["a"].epochs["mjd"].tolist() == [
        *(59000.0 + d for d in range(33)),
        59100.0,
        59101.0,
        59102.0,
    ]


def test_everything_expires(redis_url: str) -> None:
    append(store(redis_url), "a", epochs(59000.0), b"state")
    client = redis.Redis.from_url(redis_url)
    keys = client.keys()
    assert len(keys) == 2
    for key in keys:
        assert 399 * DAY_S < client.ttl(key) <= 400 * DAY_S


def test_the_keys_of_an_object_share_a_hash_slot(redis_url: str) -> None:
    append(store(redis_url), "a", epochs(59000.0), b"state")
    assert len({key[: key.index(b"}")] for key in redis.Redis.from_url(redis_url).scan_iter()}) == 1


def test_tls(rediss: str) -> None:
    light_curves = store(rediss)
    append(light_curves, "a", epochs(59000.0))
    assert light_curves.read(["a"])["a"].epochs.size == 1
