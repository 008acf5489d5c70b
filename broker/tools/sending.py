"""How commands send packets to a topic while somebody watches."""

from collections.abc import Callable, Iterable

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from starsieve.broker.kafka.clients import create_topics
from starsieve.broker.kafka.connection import CONNECT_S, connect, reason_of
from starsieve.broker.settings import KafkaSettings
from starsieve.broker.tools import replay
from starsieve.features.tools.errors import CommandError


def reach(kafka: KafkaSettings, topic: str) -> None:
    """Makes sure of Kafka, and of a topic in it. Raises KafkaAway, KafkaRefuses, and CommandError without a topic."""
    connect(kafka, CONNECT_S)
    for error in create_topics(kafka, topic).values():
        where = f"the topic {topic} at {kafka.bootstrap_servers}"
        raise CommandError(f"{where} is absent, or hidden from this user, and cannot be created: {reason_of(error)}")


def send(
    packets: Iterable[replay.Packet],
    total: int | None,
    kafka: KafkaSettings,
    topic: str,
    rate: float | None,
    say: Callable[[str], None],
    unread: replay.Failures | None = None,
) -> None:
    """Sends packets behind a progress bar; raises CommandError if not all were read, or Kafka did not take them."""
    with progress() as shown:
        sent = replay.send(shown.track(packets, total=total, description=topic), kafka, topic, rate, say)
    typer.echo(f"{sent.delivered} messages sent to {topic}", err=True)
    problems = []
    if sent.refusal:
        right = f" (may this user write to {topic}?)" if "authorization" in sent.refusal else ""
        problems.append(f"stopped: {sent.refusal}{right}")
    if sent.failed.count:
        problems.append(f"{sent.failed.count} alerts were not taken by Kafka, for example\n{sent.failed}")
    if unread is not None and unread.count:
        problems.append(f"{unread.count} packets or files could not be read, for example\n{unread}")
    if problems:
        raise CommandError("\n".join(problems))


def progress() -> Progress:
    """A bar on stderr, so that results can be piped."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))
