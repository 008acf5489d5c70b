"""The Redis store: each object's photometry, and where its period search left off.

An object has a list of chunks of packed rows (see `broker.epochs`), which is only ever appended to, and a search
state. Workers that see one object at the same time need no lock: appending loses nothing, and reading sorts and
deduplicates. 200 rows that came one or two at a time take 3.4 kB as such a list, 5.6 kB as a string grown by APPEND.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import redis

from broker.epochs import EPOCH, Epochs, merge

# Reading more chunks than this costs more than joining them.
_MAX_CHUNKS = 32

# Replaces the chunks that were read by their merged rows, unless another worker has done so since; what was appended in
# the meantime stays behind them.
_COMPACT = """
if redis.call('LINDEX', KEYS[1], 0) == ARGV[1] and redis.call('LINDEX', KEYS[1], ARGV[2] - 1) == ARGV[4] then
    redis.call('LTRIM', KEYS[1], ARGV[2], -1)
    redis.call('LPUSH', KEYS[1], ARGV[3])
end
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store has of one object: rows sorted and unique, and where its period search left off."""

    epochs: Epochs
    search_state: bytes | None = None
    chunks: Sequence[bytes] = ()  # the rows as they lie in the list


@dataclass(frozen=True, slots=True)
class Change:
    """What an object's processing adds: rows that the store lacks, and the search state if it has moved."""

    object_id: str
    new_epochs: Epochs
    search_state: bytes | None


class LightCurves:
    """Light curves of one survey. Methods raise redis.RedisError when the store cannot be reached or refuses."""

    def __init__(self, client: redis.Redis, survey: str, *, time_to_live_s: int) -> None:
        self._redis = client
        self._survey = survey
        self._time_to_live_s = time_to_live_s

    def read(self, object_ids: Iterable[str]) -> dict[str, Stored]:
        """What is stored of each object, in one round trip."""
        object_ids = list(dict.fromkeys(object_ids))
        pipeline = self._redis.pipeline(transaction=False)
        for object_id in object_ids:
            # The state first, and in `write` last: it never covers epochs that its reader has not seen.
            pipeline.get(self._search_key(object_id))
            pipeline.lrange(self._epochs_key(object_id), 0, -1)
        answers = iter(pipeline.execute())
        return {object_id: _stored(next(answers), next(answers)) for object_id in object_ids}

    def write(self, changes: Iterable[Change], stored: Mapping[str, Stored]) -> None:
        """Appends what is new, in one round trip; `stored` is what `read` has returned for these objects."""
        pipeline = self._redis.pipeline(transaction=False)
        for change in changes:
            key = self._epochs_key(change.object_id)
            if change.new_epochs.size:
                pipeline.rpush(key, change.new_epochs.tobytes())
            self._compact(pipeline, key, stored[change.object_id])
            pipeline.expire(key, self._time_to_live_s)
            if change.search_state is not None:
                pipeline.set(self._search_key(change.object_id), change.search_state, ex=self._time_to_live_s)
        pipeline.execute()

    def _compact(self, pipeline: "redis.client.Pipeline", key: str, stored: Stored) -> None:
        if len(stored.chunks) > _MAX_CHUNKS:
            chunks, merged = stored.chunks, stored.epochs.tobytes()
            pipeline.eval(_COMPACT, 1, key, chunks[0], len(chunks), merged, chunks[-1])

    # The braces make Redis Cluster keep an object's keys on one node.
    def _epochs_key(self, object_id: str) -> str:
        return f"{{{self._survey}:{object_id}}}:epochs"

    def _search_key(self, object_id: str) -> str:
        return f"{{{self._survey}:{object_id}}}:search"


def _stored(state: bytes | None, chunks: Sequence[bytes]) -> Stored:
    return Stored(merge(np.frombuffer(chunk, EPOCH) for chunk in chunks), state, chunks)
