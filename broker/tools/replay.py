"""Packets from files to a topic: single packets, folders of them, and ZTF's nightly archives."""

import gzip
import tarfile
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from starsieve.broker.kafka.messages import MAX_MESSAGE_BYTES
from starsieve.broker.settings import KafkaSettings

Packet = tuple[str, bytes]

PACKET_SUFFIX = ".avro"
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")
_READ_BYTES = 2**20
# No key: ZTF's topics are not partitioned by object either.
_PRODUCER = {
    "enable.idempotence": True,  # a retry neither doubles nor reorders packets
    "compression.type": "zstd",
    "linger.ms": 20,
    "message.max.bytes": MAX_MESSAGE_BYTES,
    "queue.buffering.max.kbytes": 64 * 1024,
}


class ReplayError(Exception):
    """A path without packets, an unreadable archive, or a Kafka that cannot be reached; says what to do."""


@dataclass
class Sent:
    """What became of the packets: how many Kafka has acknowledged, and why it has not the others, by name."""

    delivered: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def find(paths: Iterable[Path]) -> list[Path]:
    """Files with packets: those given, and all .avro, .tar.gz and .tgz files in the folders given, sorted.

    Raises:
        ReplayError: a path does not exist, or a folder has no such file.
    """
    return [file for path in paths for file in _find(path)]


def _find(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ReplayError(f"{path} does not exist; give a packet ({PACKET_SUFFIX}), a folder or an archive (.tar.gz)")
    found = sorted(file for file in path.rglob("*") if file.is_file() and (is_archive(file) or _is_packet(file.name)))
    if not found:
        raise ReplayError(f"{path} has no file that ends with {', '.join((PACKET_SUFFIX, *ARCHIVE_SUFFIXES))}")
    return found


def is_archive(file: Path) -> bool:
    """Whether a file holds many packets."""
    return file.name.endswith(ARCHIVE_SUFFIXES)


def _is_packet(name: str) -> bool:
    return name.endswith(PACKET_SUFFIX)


def packets(files: Iterable[Path]) -> Iterator[Packet]:
    """Name and bytes of every packet; archives are read as a stream and never unpacked to disk.

    Raises:
        ReplayError: a file cannot be read, or an archive is damaged (wrong bits show at its end only: that is where the
            checksum is).
    """
    for file in files:
        try:
            if is_archive(file):
                yield from _archived(file)
            else:
                yield str(file), file.read_bytes()
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            raise ReplayError(f"cannot read {file}: {error or 'it ends too early'}") from error


def _archived(file: Path) -> Iterator[Packet]:
    with gzip.open(file) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None and _is_packet(member.name):
                    yield f"{file}/{member.name}", content.read()
        # To the end, where the checksum is; and tarfile takes a damaged header for the end of the archive.
        while rest := stream.read(_READ_BYTES):
            if rest.strip(b"\0"):
                raise tarfile.ReadError("a header is damaged")


def for_ever(files: list[Path]) -> Iterator[Packet]:
    """The packets of `files`, again and again."""
    while True:
        yield from packets(files)


def send(packets: Iterable[Packet], settings: KafkaSettings, topic: str, rate: float | None = None) -> Sent:
    """Sends packets to a topic and waits until Kafka has acknowledged them; Ctrl-C ends it early.

    Args:
        packets: name (for messages about failures) and bytes of each.
        rate: packets per second; as fast as possible without.
    """
    producer = Producer({**_PRODUCER, **settings.connection})
    sent = Sent()
    start = time.monotonic()
    try:
        for number, (name, packet) in enumerate(packets):
            if rate is not None:
                _poll_until(producer, start + number / rate)
            _produce(producer, topic, name, packet, sent)
    except KeyboardInterrupt:  # the only end of a replay in a loop
        pass
    finally:
        producer.flush()
    return sent


def _produce(producer: Producer, topic: str, name: str, packet: bytes, sent: Sent) -> None:
    while True:
        try:
            producer.produce(topic, packet, on_delivery=partial(_delivered, name, sent))
        except BufferError:  # the queue is full: wait until Kafka has taken some
            producer.poll(0.1)
        except KafkaException as exception:  # refused at once: too large, say
            sent.failed[name] = exception.args[0].str()
            return
        else:
            producer.poll(0)
            return


def _delivered(name: str, sent: Sent, error: KafkaError | None, _message: Message) -> None:
    if error is None:
        sent.delivered += 1
    else:
        sent.failed[name] = error.str()


def _poll_until(producer: Producer, when: float) -> None:
    """Waits, and hears meanwhile what has been delivered."""
    while (remaining := when - time.monotonic()) > 0:
        producer.poll(remaining)
