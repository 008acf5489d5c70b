"""Messages that cannot be answered, as they go to the dead-letter topic, and as they are put back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import structlog

from starsieve.broker.kafka.messages import OWN_MARK, Header, Incoming, Outgoing
from starsieve.broker.settings import Settings
from starsieve.broker.surveys import AlertError

log = structlog.get_logger()

#: Why a letter has no packet: it was larger than the dead-letter topic takes.
TOO_LARGE = "too_large"
_ADDED = ("reason", "detail", "topic", "partition", "offset", "record", "records", "survey")
_CAME_WITH = "original_"
# Also the names that ours are kept under, so that taking the prefix off gives back what came.
_LIKE_OURS = re.compile(f"(?:{_CAME_WITH})*(?:{'|'.join((OWN_MARK[0], *_ADDED))})")
_MOST_HEADERS = 100_000 - len(_ADDED) - 1  # that it came with: librdkafka reads no message with more in all
# First in the headers of a message that was put back: how many times, and which records are to be answered, if not all.
_REDRIVES, _RECORDS = "starsieve_redrives", "starsieve_records"
_TOPIC = re.compile(r"(?!__)[a-zA-Z0-9._-]{1,249}")  # none of Kafka's own, which begin with two underscores
_COUNT = re.compile(r"[0-9]{1,19}")  # an offset has 63 bits
_NUMBERS = re.compile(r"[0-9]{1,4}(,[0-9]{1,4})*")  # a container has 1,000 records at most
_REASON = re.compile(r"[a-z_0-9]+")


def dead_letter(
    message: Incoming, settings: Settings, errors: Mapping[int, AlertError], *, records: int = 1
) -> Outgoing:
    """The message as it came; headers say why: the `reason` of its first bad record, and the numbers of all of them.

    Headers of the same names that it came with are kept as `original_reason` and so on.

    Args:
        errors: what is wrong, by the number of the record in its message; at least one.
        records: how many the message has; 1 where they cannot be told apart.
    """
    first = errors[min(errors)]
    bad = ",".join(map(str, sorted(errors)))
    log.warning("dead_letter", reason=first.reason, detail=first.detail, input=message.position, records=bad)
    values = (
        first.reason,
        first.detail,
        message.topic,
        message.partition,
        message.offset,
        bad,
        records,
        settings.survey,
    )
    texts = zip(_ADDED, values, strict=True)
    added = [(name, str(text).encode(errors="backslashreplace")) for name, text in texts]
    came = [
        (f"{_CAME_WITH}{name}" if _LIKE_OURS.fullmatch(name) else name, value)
        for name, value in message.headers[:_MOST_HEADERS]
    ]
    return Outgoing(settings.kafka.dead_letter_topic, message.key, message.value, [*came, *added])


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter as it was read."""

    letter: Incoming
    reason: str
    #: Where the message was read.
    topic: str
    partition: int
    offset: int
    #: How many times it was put back before it came here.
    redrives: int
    #: What it was sent with, as far as that is known.
    headers: list[Header]
    #: Numbers of the records that are still to be answered, as text; None: all.
    records: str | None

    @classmethod
    def read(cls, letter: Incoming) -> Self | None:
        """None for what starsieve has not written, or before letters said of how many records they are."""
        told = dict(letter.headers[-len(_ADDED) :])
        if not letter.is_own or tuple(told) != _ADDED:
            return None
        text = {
            name: (value if isinstance(value, bytes) else b"").decode(errors="replace") for name, value in told.items()
        }
        numbers = text["partition"], text["offset"], text["records"]
        if not (
            all(map(_COUNT.fullmatch, numbers))
            and _TOPIC.fullmatch(text["topic"])
            and _NUMBERS.fullmatch(text["record"])
            and _REASON.fullmatch(text["reason"])
        ):
            return None
        came = [
            (name.removeprefix(_CAME_WITH) if _LIKE_OURS.fullmatch(name) else name, value)
            for name, value in letter.headers[1 : -len(_ADDED)]
        ]
        redrives, before, headers = _redriven(came)
        answered = int(text["records"]) - len(text["record"].split(","))
        records = text["record"] if answered > 0 else before  # nothing of it was: as before
        partition, offset = int(text["partition"]), int(text["offset"])
        return cls(letter, text["reason"], text["topic"], partition, offset, redrives, headers, records)

    @property
    def has_packet(self) -> bool:
        """Whether it holds the message, and is not only the notice of one."""
        return self.reason != TOO_LARGE

    def put_back(self) -> Outgoing:
        """The message as it came, to its topic; headers say how many times now, and which records are still bad.

        It has no mark of ours: a worker would not take it.
        """
        ours: list[Header] = [(_REDRIVES, str(self.redrives + 1).encode())]
        if self.records is not None:
            ours.append((_RECORDS, self.records.encode()))
        return Outgoing(self.topic, self.letter.key, self.letter.value, [*ours, *self.headers], own=False)


def records_to_answer(headers: list[Header]) -> set[int] | None:
    """Of a message that was put back because some of its records were bad: their numbers. None: all."""
    _, records, _ = _redriven(headers)
    return None if records is None else set(map(int, records.split(",")))


def _redriven(headers: list[Header]) -> tuple[int, str | None, list[Header]]:
    """Of a message: how many times it was put back, which records are to be answered, and its other headers.

    A stranger's headers of these names stand elsewhere, or say nothing that we would: they are left where they are.
    """
    times = _value(headers[:1], _REDRIVES)
    if not _COUNT.fullmatch(times):
        return 0, None, headers
    records = _value(headers[1:2], _RECORDS)
    if not _NUMBERS.fullmatch(records):
        return int(times), None, headers[1:]
    return int(times), records, headers[2:]


def _value(header: list[Header], name: str) -> str:
    """Of a header of that name; the empty text if it has another."""
    for found, value in header:
        if found == name and isinstance(value, bytes):
            return value[:8192].decode(errors="replace")
    return ""
