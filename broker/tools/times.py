"""Times as they are typed."""

from datetime import UTC, datetime

from starsieve.features.tools.errors import UsageError


def moment(option: str, text: str) -> datetime:
    """A date or time of ISO 8601; UTC where it does not say. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option}: {text!r} is no time: write 2026-01-19 or 2026-01-19T09:30, in UTC") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
