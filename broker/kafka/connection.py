"""Why Kafka cannot be reached: calls just time out, librdkafka tells the reason only to who serves its callbacks."""

import re
import socket
import ssl
import time
from collections.abc import Callable, Container, Mapping
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata

from starsieve.broker.settings import KafkaSettings, SettingsError
from starsieve.features.tools.errors import CommandError

#: How long a command waits for Kafka: with all else, an absent one is told of within 10 s.
CONNECT_S = 5

T = TypeVar("T")
Client = TypeVar("Client", AdminClient, Consumer, Producer)

_REFUSALS = {
    KafkaError._AUTHENTICATION,
    KafkaError._SSL,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.ILLEGAL_SASL_STATE,
    KafkaError.SECURITY_DISABLED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.INVALID_TRANSACTION_TIMEOUT,
}
# A Kafka that goes down in the middle of a handshake looks as if it refused, but only once; the others are its answers.
_PERHAPS_BROKEN_OFF = {KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._TRANSPORT}
_REPEATED_WITHIN_S = 30
_PROBE_S = 2
# "sasl_ssl://host:9093/bootstrap: SSL handshake failed: ... (after 3ms in state SSL_HANDSHAKE, 2 identical ...)"
_TOLD = re.compile(
    r"(?:.*\]: )?(?:\w+://)?(?P<server>\S+)/\w+: (?P<reason>.*?)(?: \(after \d+ms in state (?P<state>\w+)[^)]*\))?",
    re.DOTALL,
)
_API_VERSIONS = bytes.fromhex("0000000a 0012 0000 00000001 ffff")  # length, key, version, correlation, no client id


class ConnectionFailed(CommandError):  # noqa: N818 - it is read as a sentence: Kafka is away, Kafka refuses
    """Kafka cannot be reached; the message says where and why."""


class KafkaAway(ConnectionFailed):
    """It may be reached later: it does not run, its name is not resolved, it does not answer."""


class KafkaRefuses(ConnectionFailed):
    """Waiting will not help: a password, a right, a certificate or the protocol is wrong."""


def connect(settings: KafkaSettings, timeout_s: float = 10) -> ClusterMetadata:
    """The cluster's brokers and those topics that the user may see.

    Raises:
        KafkaAway: nobody has answered until `timeout_s`.
        KafkaRefuses: as soon as it is certain, mostly within two seconds.
        SettingsError: librdkafka does not take an option.
    """
    heard = _FirstComplaints(settings)
    admin = client(AdminClient, {**settings.connection, **heard.callbacks})
    deadline = time.monotonic() + timeout_s
    patience = 0.25
    while (left := deadline - time.monotonic()) > 0:
        patience *= 2  # at first to hear soon, then to give a slow cluster its time
        try:
            return admin.list_topics(timeout=min(patience, left))
        except KafkaException:  # says no more than "transport failure" or "timed out"
            admin.poll(0)
        heard.raise_refusal()
    raise KafkaAway(
        f"cannot reach Kafka at {str(heard) or f'{settings.bootstrap_servers}: no answer in {timeout_s:g} s'}"
    )


def client(kind: Callable[..., Client], config: Mapping[str, Any], **more: Any) -> Client:
    """A client of librdkafka, which has not connected yet. Raises SettingsError: it does not take an option."""
    try:
        return kind(config, **more)
    except (KafkaException, TypeError, ValueError) as error:
        raise SettingsError(f"kafka.options: {reason_of(error)}") from None


def refuses(error: KafkaError) -> bool:
    """Whether an error does not pass by waiting."""
    return error.code() in _REFUSALS


def reason_of(error: BaseException) -> str:
    """An error as one reads it; confluent-kafka's own text of its exceptions is that of an object."""
    return error.args[0].str() if isinstance(error, KafkaException) else str(error)


def served(poll: Callable[[float], T], timeout_s: float) -> T:
    """What a client's `poll` gives; Ctrl-C is always KeyboardInterrupt, and a fatal error KafkaException.

    confluent-kafka 2.16 loses a KeyboardInterrupt that hits a callback, and calls further callbacks with either raised:
    SystemError then.
    """
    try:
        return poll(timeout_s)
    except SystemError as error:
        raise (error.__cause__ or KeyboardInterrupt()) from None


class Complaints:
    """What a client tells beside its calls of the connections that it cannot make; served while its `poll` is called.

    Args:
        say: is told each kind of complaint about each server once.
        ignored: codes of errors that do not matter to this client.
    """

    def __init__(self, say: Callable[[str], None] | None = None, ignored: Container[int] = ()) -> None:
        self._say = say
        self._ignored = ignored
        self._said: set[tuple[str, int]] = set()
        self._last_refusal = -float("inf")
        #: Why waiting will not help, where that is certain.
        self.refusal = ""

    @property
    def callbacks(self) -> dict[str, Any]:
        """What to add to the client's configuration."""
        return {"error_cb": self.hear, "logger": self}

    def hear(self, error: KafkaError) -> None:
        """An error of the client."""
        if (
            error.code() != KafkaError._ALL_BROKERS_DOWN and error.code() not in self._ignored
        ):  # the former has no reason
            server, reason, _ = _told(error.str())
            self._note(server, reason, error.code(), refused=refuses(error) or error.fatal())

    def fail(self, error: KafkaException) -> None:
        """A fatal error, which `poll` raises in place of telling it."""
        self.refusal = f"Kafka's client gave up: {reason_of(error)}"

    def log(self, _level: int, text: str, *arguments: object) -> None:
        """A log line of the client: what goes wrong comes as an error too."""

    def raise_refusal(self) -> None:
        """Raises KafkaRefuses where that is certain."""
        if self.refusal:
            raise KafkaRefuses(self.refusal)

    def _note(self, server: str, reason: str, code: int, *, refused: bool) -> None:
        where = f" at {server}" if server else ""
        if self._say is not None and (server, code) not in self._said:
            self._said.add((server, code))
            self._say(f"Kafka{where}: {reason}")
        if refused:
            now = time.monotonic()
            if code not in _PERHAPS_BROKEN_OFF or now - self._last_refusal < _REPEATED_WITHIN_S:
                self.refusal = f"Kafka refuses{where}: {reason}"
            self._last_refusal = now


class _FirstComplaints(Complaints):
    """Those of a client that has not reached Kafka yet: connections that Kafka closes without a word are explained."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__()
        protocol = str(settings.connection.get("security.protocol", "plaintext")).lower()
        self._tls, self._sasl = protocol.endswith("ssl"), protocol.startswith("sasl")
        self._reasons: dict[str, str] = {}
        self._probed: set[str] = set()

    def __str__(self) -> str:
        """The last reason of each server."""
        return "; ".join(f"{server}: {reason}" for server, reason in self._reasons.items())

    def hear(self, error: KafkaError) -> None:
        server, reason, state = _told(error.str())
        if state == "SSL_HANDSHAKE" and error.code() == KafkaError._TRANSPORT:
            self._closed(server, reason)
        else:
            super().hear(error)

    def log(self, _level: int, text: str, *arguments: object) -> None:
        """That Kafka closes a connection comes as a log line only."""
        server, reason, state = _told(text % arguments if arguments else text)
        if not reason.startswith("Disconnected"):
            return
        if state == "APIVERSION_QUERY":
            self._closed(server, reason)
        elif state == "UP" and not self._sasl:  # the protocol is right, but the first request was not answered
            reason = f"it closes the connection of who has no user and password; {self._protocol(sasl=True)}?"
            self._note(server, reason, KafkaError._TRANSPORT, refused=True)

    def _closed(self, server: str, reason: str) -> None:
        """Because of the protocol; or because Kafka goes down, or a proxy has none: so it is tried out, once."""
        if self._tls and self._is_new(server) and _answers_plainly(server):
            self.refusal = f"Kafka refuses at {server}: it does not speak TLS; {self._protocol(tls=False)}?"
        elif not self._tls and self._is_new(server) and _answers_tls(server):
            self.refusal = f"Kafka refuses at {server}: it speaks TLS; {self._protocol(tls=True)}?"
        self._note(server, f"{reason}; is security.protocol right?", KafkaError._TRANSPORT, refused=False)

    def _is_new(self, server: str) -> bool:
        new = server not in self._probed
        self._probed.add(server)
        return new

    def _note(self, server: str, reason: str, code: int, *, refused: bool) -> None:
        if "Request not valid in current SASL state" in reason:
            reason = f"{reason.split(':', maxsplit=1)[0]}: it takes no user and password; {self._protocol(sasl=False)}?"
        self._reasons[server] = reason
        super()._note(server, reason, code, refused=refused)

    def _protocol(self, *, tls: bool | None = None, sasl: bool | None = None) -> str:
        prefix = "SASL_" if (self._sasl if sasl is None else sasl) else ""
        return f"security.protocol={prefix}{'SSL' if (self._tls if tls is None else tls) else 'PLAINTEXT'}"


def _told(text: str) -> tuple[str, str, str]:
    """Server, reason and state of the connection out of one of librdkafka's sentences."""
    if (match := _TOLD.fullmatch(text.strip())) is None:
        return "", text, ""
    return match["server"], match["reason"], match["state"] or ""


def _answers_tls(server: str) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent
    try:
        with _socket(server) as plain, context.wrap_socket(plain):
            return True
    except OSError:
        return False


def _answers_plainly(server: str) -> bool:
    """Whether it answers Kafka's first request without TLS, in which there are no credentials."""
    try:
        with _socket(server) as plain:
            plain.sendall(_API_VERSIONS)
            return plain.recv(8)[4:] == _API_VERSIONS[8:12]
    except OSError:
        return False


def _socket(server: str) -> socket.socket:
    host, port = server.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=_PROBE_S)
