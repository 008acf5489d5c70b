"""Messages that cannot be answered, as they go to the dead-letter topic."""

from collections.abc import Mapping

import structlog

from starsieve.broker.kafka.messages import OWN_MARK, Incoming, Outgoing
from starsieve.broker.settings import Settings
from starsieve.broker.surveys import AlertError

log = structlog.get_logger()

_MOST_RECORDS_NAMED = 100  # of the bad ones of one message


def dead_letter(message: Incoming, settings: Settings, errors: Mapping[int, AlertError]) -> Outgoing:
    """The message as it came; headers say why: the `reason` of its first bad record, and the numbers of all of them.

    Headers of the same names that it came with are kept as `original_reason` and so on.

    Args:
        errors: what is wrong, by the number of the record in its message; at least one.
    """
    first = errors[min(errors)]
    records = ",".join(map(str, sorted(errors)[:_MOST_RECORDS_NAMED]))
    if len(errors) > _MOST_RECORDS_NAMED:
        records += f",... ({len(errors)})"
    log.warning("dead_letter", reason=first.reason, detail=first.detail, input=message.position, records=records)
    texts = [
        ("reason", first.reason),
        ("detail", first.detail),
        ("topic", message.topic),
        ("partition", message.partition),
        ("offset", message.offset),
        ("record", records),
        ("survey", settings.survey),
    ]
    added = [(name, str(text).encode(errors="backslashreplace")) for name, text in texts]
    ours = {OWN_MARK[0], *(name for name, _ in texts)}
    came = [(f"original_{name}" if name in ours else name, value) for name, value in message.headers]
    return Outgoing(settings.kafka.dead_letter_topic, message.key, message.value, [*came, *added])
