"""The Redis store: each object's photometry, and where its period search left off.

An object has a list of chunks of rows (see `broker/chunks.py`; of what form, `broker/epochs.py`), which is only ever
appended to, and a search state. Workers that see one object at the same time need no lock: appending loses nothing, and
reading sorts and deduplicates. Many chunks are now and then replaced by one that is compressed.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import redis
import structlog

from starsieve.broker import telemetry
from starsieve.broker.chunks import chunk_of, unpacked
from starsieve.broker.epochs import MAGNITUDES, Epochs, Form
from starsieve.broker.redis_client import is_missing_right, is_wrong_type, risks

log = structlog.get_logger()

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

_RIGHTS = "+get +lrange +rpush +expire +set +eval +lindex +ltrim +lpush +bitfield +pfadd +pfcount"
PROBE, PROBE_S = "starsieve-check", 60  # an object that no survey has, and how long it stays


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store has of one object: rows merged (see `Form`), and where its period search left off."""

    epochs: Epochs
    search_state: bytes | None = None
    chunks: Sequence[bytes] = ()  # the rows as they lie in the list
    unreadable: str | None = None  # why none of this is known: the key holds something else


@dataclass(frozen=True, slots=True)
class Change:
    """What an object's processing adds: rows that the store lacks, and the search state if it has moved."""

    object_id: str
    new_epochs: Epochs
    search_state: bytes | None


@dataclass(frozen=True, slots=True)
class Held:
    """What is at a key: the kind of its value, in Redis's words, and how long it stays (-1: for ever)."""

    kind: str
    ttl_s: int


@contextmanager
def needed_rights(survey: str) -> Iterator[None]:
    """Says which rights a worker needs where one of them is missing."""
    try:
        yield
    except redis.ResponseError as error:
        if not is_missing_right(error):
            raise
        rights = f"{_RIGHTS} ~{{{survey}:*"
        raise redis.exceptions.NoPermissionError(f"{error}; needed are {rights}, see docs/operations.md") from error


class LightCurves:
    """Light curves of one survey. Methods raise redis.RedisError when the store cannot be reached or refuses."""

    def __init__(self, client: redis.Redis, survey: str, *, time_to_live_s: int, form: Form = MAGNITUDES) -> None:
        self._redis = client
        self._survey = survey
        self._form = form
        self._time_to_live_s = time_to_live_s

    def check(self) -> None:
        """Tries every command that is needed, on an object that no survey has, and checks that the store keeps data.

        Raises redis.RedisError where one is refused: the worker must not find out with alerts in its hands.
        """
        row = np.zeros(1, self._form.dtype)
        probe = Stored(row, None, [row.tobytes()] * (_MAX_CHUNKS + 1))
        with needed_rights(self._survey):
            self.write([Change(PROBE, row, b"state")], {PROBE: probe}, time_to_live_s=PROBE_S)
            self._raise_first(self._compacted([probe], [PROBE]))
            self.read([PROBE])
        for risk in risks(self._redis):
            log.warning("store_at_risk", risk=risk)

    def read(self, object_ids: Iterable[str]) -> dict[str, Stored]:
        """What is stored of each object, in one round trip."""
        object_ids = list(dict.fromkeys(object_ids))
        pipeline = self._redis.pipeline(transaction=False)
        for object_id in object_ids:
            # The state first, and in `write` last: it never covers epochs that its reader has not seen.
            pipeline.get(self._search_key(object_id))
            pipeline.lrange(self._epochs_key(object_id), 0, -1)
        answers = iter(self._timed("read", pipeline))
        stored = {}
        for object_id, state, chunks in zip(object_ids, answers, answers, strict=True):
            if is_wrong_type(state):
                state = None  # noqa: PLW2901 - the next one replaces whatever is there
            self._raise_first([state, *([] if is_wrong_type(chunks) else [chunks])])
            rows = None if is_wrong_type(chunks) else self._rows_of(chunks)
            nothing = np.empty(0, self._form.dtype)
            if rows is None:
                key = self._epochs_key(object_id)
                stored[object_id] = Stored(nothing, unreadable=f"{key} is no list of our rows: delete it")
            else:
                stored[object_id] = Stored(self._form.merge_into(nothing, [rows])[0], state, chunks)
        return stored

    def write(
        self, changes: Sequence[Change], stored: Mapping[str, Stored], *, time_to_live_s: int | None = None
    ) -> None:
        """Appends what is new, in one round trip; `stored` is what `read` has returned for these objects.

        Where it fails, some may be written: `remaining` tells what to write again. Joining chunks may fail, for it is
        done again next time.
        """
        pipeline = self._redis.pipeline(transaction=False)
        expiry = time_to_live_s or self._time_to_live_s
        for change in changes:
            key = self._epochs_key(change.object_id)
            if change.new_epochs.size:
                pipeline.rpush(key, chunk_of(change.new_epochs))
            pipeline.expire(key, expiry)
            if change.search_state is not None:
                pipeline.set(self._search_key(change.object_id), change.search_state, ex=expiry)
        sent = sum(each.new_epochs.nbytes + len(each.search_state or b"") for each in changes)
        self._raise_first(self._timed("write", pipeline, sent))
        long = [each.object_id for each in changes if len(stored[each.object_id].chunks) > _MAX_CHUNKS]
        failed = [a for a in self._compacted([stored[each] for each in long], long) if isinstance(a, Exception)]
        if failed:
            log.warning("chunks_not_joined", objects=len(failed), error=str(failed[0]))

    def remaining(self, changes: Iterable[Change]) -> list[Change]:
        """The same changes without the rows that a write which failed has appended all the same."""
        changes = list(changes)
        pipeline = self._redis.pipeline(transaction=False)
        for change in changes:
            pipeline.lrange(self._epochs_key(change.object_id), 0, -1)
        answers = pipeline.execute()
        return [
            replace(change, new_epochs=change.new_epochs[:0]) if chunk_of(change.new_epochs) in chunks else change
            for change, chunks in zip(changes, answers, strict=True)
        ]

    def holds(self, object_id: str) -> dict[str, Held]:
        """What is at the object's keys, by key; those that are not there are left out."""
        keys = self._epochs_key(object_id), self._search_key(object_id)
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.type(key)
            pipeline.ttl(key)
        answers = iter(pipeline.execute())
        held = {key: Held(kind.decode(), ttl_s) for key, kind, ttl_s in zip(keys, answers, answers, strict=True)}
        return {key: each for key, each in held.items() if each.kind != "none"}

    def forget(self, object_id: str) -> int:
        """Removes an object; the number of keys that it had."""
        return int(self._redis.delete(self._epochs_key(object_id), self._search_key(object_id)))

    def _compacted(self, stored: Sequence[Stored], object_ids: Sequence[str]) -> list[Any]:
        """The answers to joining each object's chunks."""
        if not object_ids:
            return []
        pipeline = self._redis.pipeline(transaction=False)
        for object_id, old in zip(object_ids, stored, strict=True):
            chunks, merged = old.chunks, chunk_of(old.epochs)
            key = self._epochs_key(object_id)
            pipeline.eval(_COMPACT, 1, key, chunks[0], len(chunks), merged, chunks[-1])
        return pipeline.execute(raise_on_error=False)

    @staticmethod
    def _timed(call: str, pipeline: "redis.client.Pipeline", sent: int = 0) -> list[Any]:
        """The answers of a round trip, errors among them."""
        begin = time.perf_counter()
        answers = pipeline.execute(raise_on_error=False)
        received = sum(len(part) for each in answers if isinstance(each, (bytes, list)) for part in _parts(each))
        telemetry.store_call(call, time.perf_counter() - begin, sent=sent, received=received)
        return answers

    @staticmethod
    def _raise_first(answers: Iterable[Any]) -> None:
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer

    def _rows_of(self, chunks: Sequence[bytes]) -> Epochs | None:
        """The rows of a list; None if somebody else has written what cannot be rows of ours."""
        dtype = self._form.dtype
        try:
            rows = np.frombuffer(b"".join([unpacked(chunk, dtype.itemsize) for chunk in chunks]), dtype)
        except ValueError:
            return None
        return rows if self._form.are_sound(rows) else None

    # The braces make Redis Cluster keep an object's keys on one node.
    def _epochs_key(self, object_id: str) -> str:
        return f"{{{self._survey}:{object_id}}}:epochs"

    def _search_key(self, object_id: str) -> str:
        return f"{{{self._survey}:{object_id}}}:search"


def _parts(answer: bytes | list[bytes]) -> list[bytes]:
    return answer if isinstance(answer, list) else [answer]
