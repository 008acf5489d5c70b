"""What was read and what is to be published, as plain values."""

from dataclasses import dataclass
from operator import methodcaller

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

Header = tuple[str, str | bytes | None]
Headers = list[Header]

MAX_MESSAGE_BYTES = 16 * 1024 * 1024  # containers of dozens of packets have been seen at 2.5 MB
#: Stands first in the headers of all that starsieve publishes, so that it never reads its own output.
OWN_MARK = ("producer", b"starsieve")
_HEADER_BYTES = 200
# From C, where the answer is checked: Python's own calls, once they are specialised, take a list that comes with an
# error for a good one, and the error is raised somewhere later.
_headers_of = methodcaller("headers")
_EARLIEST_MS, _LATEST_MS = 946_684_800_000, 4_102_444_800_000  # 2000 and 2100; a producer may write any number


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that was read."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None  # None where it has none that can be true
    key: bytes | None
    value: bytes
    headers: Headers
    headers_error: str | None = None  # why the headers, then empty, could not be read

    @property
    def n_bytes(self) -> int:
        """What it takes in memory, about: a header of no byte takes some, too."""
        return len(self.value) + sum(_HEADER_BYTES + len(name) + len(value or b"") for name, value in self.headers)

    @property
    def position(self) -> str:
        """Where it was read: topic:partition:offset."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def is_own(self) -> bool:
        """Whether starsieve has published it: a stranger's header of that name stands elsewhere."""
        return self.headers[:1] == [OWN_MARK]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    own: bool = True  # carries OWN_MARK, so that no worker takes it for an alert


def incoming(message: Message) -> Incoming:
    """A message without error, with all that it certainly has."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None  # noqa: PT018, S101 - it has no error
    kind, timestamp_ms = message.timestamp()
    is_time = kind != TIMESTAMP_NOT_AVAILABLE and _EARLIEST_MS < timestamp_ms < _LATEST_MS
    headers, headers_error = _headers(message)
    return Incoming(
        topic,
        partition,
        offset,
        timestamp_ms if is_time else None,
        message.key(),
        message.value() or b"",
        headers,
        headers_error,
    )


def _headers(message: Message) -> tuple[Headers, str | None]:
    """The headers; none, and why, where their names are no text: clients in C or Go may write any bytes.

    To be asked for once only: after a failure confluent-kafka answers with a list that it has not filled.
    """
    try:
        headers = _headers_of(message)
    except SystemError as error:
        return [], str(error.__cause__ or error)
    return (headers if isinstance(headers, list) else []), None
