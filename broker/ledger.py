"""Which dead letters of one partition were put back: what the redrive's group commits beside its offset.

An offset alone would not do: letters are chosen by reason and time, and those passed over are not done.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

ANY = "*"
#: Of a committed offset's metadata; Kafka's own default of `offset.metadata.max.bytes` is 4,096.
MOST_BYTES = 4_000


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


class Ledger:
    """The spans of one partition."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for span in spans:
            self.add(span)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` gives. Raises ValueError."""
        spans = []
        for word in text.split():
            reason, *numbers = word.split(":")
            limit, start, stop = map(int, numbers)
            spans.append(Span(reason, limit, start, stop))
        return cls(spans)

    def __str__(self) -> str:
        return " ".join(f"{each.reason}:{each.limit}:{each.start}:{each.stop}" for each in sorted(self._spans))

    def has(self, reason: str, redrives: int, offset: int) -> bool:
        """Whether a letter that had come back so many times is done."""
        letter = Span(reason, redrives + 1, offset, offset + 1)
        return any(span.includes(letter) for span in self._spans)

    def add(self, span: Span) -> None:
        """More is done; spans that touch become one."""
        for each in self._spans:
            alike = (each.reason, each.limit) == (span.reason, span.limit)
            if alike and each.start <= span.stop and span.start <= each.stop:
                span = replace(span, start=min(each.start, span.start), stop=max(each.stop, span.stop))
        if not any(each.includes(span) for each in self._spans):
            self._spans = [each for each in self._spans if not span.includes(each)] + [span]

    def forget_before(self, offset: int) -> None:
        """Kafka has deleted what was before."""
        self._spans = [each for each in self._spans if each.stop > offset]

    def first_left(self, first: int, limit: int) -> int:
        """From where on letters may be left that came back fewer than `limit` times, `first` being the oldest."""
        ends = [each.stop for each in self._spans if each.includes(Span(ANY, limit, first, first))]
        return max([first, *ends])
