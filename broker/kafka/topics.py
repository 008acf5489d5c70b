"""Which topics to read: names, and patterns that starsieve itself compares with the names that Kafka has.

librdkafka would match patterns too, but as POSIX does and in silence: `\\d` means the letter d there, and a pattern
that matches nothing looks like a quiet night.
"""

import re
import warnings
from collections.abc import Collection, Iterable


def is_pattern(wanted: str) -> bool:
    """Whether a topic of the settings is a pattern."""
    return wanted.startswith("^")


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as Python understands it. Raises ValueError, saying what is wrong with it."""
    if "[[:" in pattern:
        raise ValueError(f"{pattern!r} is of POSIX: write [a-zA-Z] for [[:alpha:]], [0-9] or \\d for [[:digit:]]")
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)  # "possible nested set": it will not mean what it says
        try:
            return re.compile(pattern)
        except (re.error, FutureWarning) as error:
            raise ValueError(f"{pattern!r} is no pattern: {error}") from None


def includes(wanted: str, topic: str) -> bool:
    """Whether a name or pattern means this topic. Raises ValueError for what is no pattern."""
    return compiled(wanted).search(topic) is not None if is_pattern(wanted) else wanted == topic


def contested(wanted: Iterable[Iterable[str]], present: Collection[str]) -> list[str]:
    """The topics of those `present` that more than one of the lists means, in order."""
    lists = [list(each) for each in wanted]
    return sorted(topic for topic in present if sum(any(includes(each, topic) for each in of) for of in lists) > 1)


def select(wanted: Iterable[str], present: Collection[str], own: Collection[str]) -> tuple[set[str], list[str]]:
    """The topics to read of those `present`, never one of our `own`; and what of the wanted matches none."""
    selected, unmatched = set(), []
    for each in wanted:
        matching = {topic for topic in present if includes(each, topic)} - set(own)
        selected |= matching
        if not matching:
            unmatched.append(each)
    return selected, unmatched
