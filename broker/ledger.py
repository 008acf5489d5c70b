"""Which dead letters of one partition were put back: what the redrive's group commits beside its offset.

An offset alone would not do: letters are chosen by reason and time, and those passed over are not done. Nor are those
of a topic that cannot be written to: it has spans of its own until it has caught up with the others.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Self

ANY = "*"
#: Of a committed offset's metadata; Kafka's own default of `offset.metadata.max.bytes` is 4,096.
MOST_BYTES = 4_000
_OTHERS = ""  # the topics that have no spans of their own
_ITS_OWN = "@"  # before a topic that has


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """Offsets [start, stop) in which each letter of a reason that had come back fewer than `limit` times is done."""

    reason: str  # or ANY
    limit: int
    start: int
    stop: int

    def includes(self, other: "Span") -> bool:
        """Whether the other says nothing that this one does not."""
        reason = self.reason in (ANY, other.reason)
        return reason and self.limit >= other.limit and self.start <= other.start and self.stop >= other.stop

    def __str__(self) -> str:
        return f"{self.reason}:{self.limit}:{self.start}:{self.stop}"


class Ledger:
    """The spans of one partition."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: dict[str, list[Span]] = {_OTHERS: []}
        for span in spans:
            self.add(span)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` gives. Raises ValueError."""
        ledger, topic = cls(), _OTHERS
        for word in text.split():
            if word.startswith(_ITS_OWN):
                topic = word.removeprefix(_ITS_OWN)
                ledger._spans[topic] = []
            else:
                reason, *numbers = word.split(":")
                limit, start, stop = map(int, numbers)
                _add(ledger._spans[topic], Span(reason, limit, start, stop))
        return ledger

    def __str__(self) -> str:
        words = []
        for topic, spans in sorted(self._spans.items()):
            words += [f"{_ITS_OWN}{topic}"] * (topic != _OTHERS) + [str(each) for each in sorted(spans)]
        return " ".join(words)

    def has(self, reason: str, redrives: int, offset: int, topic: str) -> bool:
        """Whether a letter that had come back so many times, of a message of that topic, is done."""
        letter = Span(reason, redrives + 1, offset, offset + 1)
        return any(span.includes(letter) for span in self._spans.get(topic, self._spans[_OTHERS]))

    def hold(self, topic: str) -> bool:
        """Gives a topic whose letters have to stay spans of its own; False where there is no room to note that."""
        if topic not in self._spans:
            self._spans[topic] = list(self._spans[_OTHERS])
            if len(str(self)) > MOST_BYTES // 2:  # the other half is for what is done meanwhile
                del self._spans[topic]
        return topic in self._spans

    def add(self, span: Span, but: Collection[str] = ()) -> None:
        """More is done, but for the topics that are held; spans that touch become one."""
        for topic, spans in self._spans.items():
            if topic not in but:
                _add(spans, span)
        others = self._spans[_OTHERS]
        for topic in [each for each, spans in self._spans.items() if each != _OTHERS and each not in but]:
            if all(any(own.includes(each) for own in self._spans[topic]) for each in others):
                del self._spans[topic]

    def forget_before(self, offset: int) -> None:
        """Kafka has deleted what was before."""
        for topic, spans in self._spans.items():
            self._spans[topic] = [each for each in spans if each.stop > offset]

    def first_left(self, first: int, limit: int) -> int:
        """From where on letters may be left that came back fewer than `limit` times, `first` being the oldest."""
        return min(_first_left(spans, first, limit) for spans in self._spans.values())


def _add(spans: list[Span], span: Span) -> None:
    for each in spans:
        alike = (each.reason, each.limit) == (span.reason, span.limit)
        if alike and each.start <= span.stop and span.start <= each.stop:
            span = replace(span, start=min(each.start, span.start), stop=max(each.stop, span.stop))
    if not any(each.includes(span) for each in spans):
        spans[:] = [each for each in spans if not span.includes(each)] + [span]


def _first_left(spans: Iterable[Span], first: int, limit: int) -> int:
    ends = [each.stop for each in spans if each.includes(Span(ANY, limit, first, first))]
    return max([first, *ends])
