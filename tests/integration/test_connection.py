"""Why Kafka cannot be reached is said: what passes by waiting, what does not, and what to change."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import KafkaError, Producer

from starsieve.broker.kafka.connection import Complaints, ConnectionFailed, KafkaAway, KafkaRefuses, connect, served
from starsieve.broker.settings import KafkaSettings, SettingsError
from tests.integration.servers import SecuredKafka, free_port

Options = dict[str, str]

WRONG = "wrong-9Qj4p"
SOON = 10  # seconds: the bound of the design


def plain(_: SecuredKafka) -> Options:
    return {}


def user(kafka: SecuredKafka) -> Options:
    return kafka.options()


def tls(kafka: SecuredKafka) -> Options:
    return {"security.protocol": "SSL", "ssl.ca.location": str(kafka.certificate)}


def user_by_tls(kafka: SecuredKafka) -> Options:
    return kafka.options() | tls(kafka) | {"security.protocol": "SASL_SSL"}


def untrusting(_: SecuredKafka) -> Options:
    return {"security.protocol": "SSL"}


def wrong_password(kafka: SecuredKafka) -> Options:
    return kafka.options(password=WRONG)


def wrong_plain_password(kafka: SecuredKafka) -> Options:
    return kafka.options(password=WRONG, mechanism="PLAIN")


def wrong_mechanism(kafka: SecuredKafka) -> Options:
    return kafka.options(mechanism="SCRAM-SHA-256")


@pytest.mark.kafka
@pytest.mark.parametrize(("port", "options"), [("address", plain), ("sasl_address", user), ("ssl_address", tls)])
def test_who_is_let_in_learns_of_the_cluster(
    secured_kafka: SecuredKafka, port: str, options: Callable[[SecuredKafka], Options]
) -> None:
    settings = KafkaSettings(bootstrap_servers=getattr(secured_kafka, port), options=options(secured_kafka))
    assert list(connect(settings).brokers) == [1]


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("port", "options", "reason"),
    [
        ("sasl_address", wrong_password, "invalid credentials"),
        ("sasl_address", wrong_plain_password, "Invalid username or password"),
        ("sasl_address", wrong_mechanism, "supported mechanisms: PLAIN,SCRAM-SHA-512"),
        ("sasl_address", plain, "security.protocol=SASL_PLAINTEXT?"),
        ("sasl_address", tls, "it does not speak TLS; security.protocol=PLAINTEXT?"),
        ("sasl_address", user_by_tls, "it does not speak TLS; security.protocol=SASL_PLAINTEXT?"),
        ("address", user, "it takes no user and password; security.protocol=PLAINTEXT?"),
        ("address", tls, "it does not speak TLS; security.protocol=PLAINTEXT?"),
        ("ssl_address", plain, "it speaks TLS; security.protocol=SSL?"),
        ("ssl_address", user, "it speaks TLS; security.protocol=SASL_SSL?"),
        ("ssl_address", user_by_tls, "it takes no user and password; security.protocol=SSL?"),
        ("ssl_address", untrusting, "ssl.ca.location"),
    ],
)
def test_what_waiting_does_not_heal_is_a_refusal_with_its_reason(
    secured_kafka: SecuredKafka,
    port: str,
    options: Callable[[SecuredKafka], Options],
    reason: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    address = getattr(secured_kafka, port)
    start = time.monotonic()
    with pytest.raises(KafkaRefuses) as refusal:
        connect(KafkaSettings(bootstrap_servers=address, options=options(secured_kafka)))
    assert time.monotonic() - start < SOON
    assert address in str(refusal.value)
    assert reason in str(refusal.value)
    said = "".join(capfd.readouterr()) + str(refusal.value)
    assert not any(secret in said for secret in (WRONG, *secured_kafka.PASSWORDS.values()))


@pytest.mark.parametrize(
    ("host", "reason"), [("127.0.0.1", "Connection refused"), ("no-such-host.invalid", "Failed to resolve")]
)
def test_a_kafka_that_does_not_run_is_away(host: str, reason: str) -> None:
    address = f"{host}:{free_port()}"
    with pytest.raises(KafkaAway, match=rf"cannot reach Kafka at {address}: .*{reason}"):
        connect(KafkaSettings(bootstrap_servers=address), timeout_s=2)


def test_every_server_has_its_reason() -> None:
    absent = f"127.0.0.1:{free_port()}"
    with pytest.raises(KafkaAway) as away:
        connect(KafkaSettings(bootstrap_servers=f"no-such-host.invalid:9092,{absent}"), timeout_s=4)
    assert "no-such-host.invalid:9092: Failed to resolve" in str(away.value)
    assert f"{absent}: Connect to" in str(away.value)


@pytest.mark.kafka
def test_one_server_that_answers_is_enough(kafka: str) -> None:
    assert connect(KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()},{kafka}")).brokers


def test_a_server_that_says_nothing_is_away() -> None:
    with listening() as address, pytest.raises(KafkaAway, match=rf"{address}: no answer in 1 s"):
        connect(KafkaSettings(bootstrap_servers=address), timeout_s=1)


@pytest.mark.parametrize("options", [{}, {"security.protocol": "SSL"}])
def test_a_proxy_whose_kafka_is_away_refuses_nothing(options: Options) -> None:
    """It closes every connection, as a listener of another protocol does: only the latter is a refusal."""
    with listening(close=True) as address, pytest.raises(KafkaAway, match=r"is security\.protocol right\?"):
        connect(KafkaSettings(bootstrap_servers=address, options=options), timeout_s=4)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"nonsense": "1"}, "nonsense"),
        ({"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}, r"sasl\.username and sasl\.password"),
        ({"security.protocol": "SSL", "ssl.ca.location": "/nowhere.pem"}, r"ssl\.ca\.location"),
    ],
)
def test_options_that_librdkafka_does_not_take_are_wrong_settings(options: Options, named: str) -> None:
    with pytest.raises(SettingsError, match=rf"kafka\.options: .*{named}"):
        connect(KafkaSettings(options=options))


def test_complaints_are_said_once_and_a_refusal_is_believed_when_it_is_repeated() -> None:
    said: list[str] = []
    heard = Complaints(said.append)
    away = KafkaError(KafkaError._TRANSPORT, "host:9092/1: Connection refused (after 0ms in state CONNECT)")
    refused = KafkaError(KafkaError._AUTHENTICATION, "host:9092/1: wrong (after 3ms in state AUTH_REQ)")
    for error in (away, away, KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"), refused):
        heard.hear(error)
        heard.raise_refusal()
    assert said == ["Kafka at host:9092: Connection refused", "Kafka at host:9092: wrong"]
    heard.hear(refused)
    with pytest.raises(ConnectionFailed, match="Kafka refuses at host:9092: wrong"):
        heard.raise_refusal()


def test_ctrl_c_is_never_lost_in_a_poll() -> None:
    client = Producer({"bootstrap.servers": f"127.0.0.1:{free_port()}", **Complaints().callbacks})
    for number in range(20):
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it may come in any poll
            threading.Timer(0.02 * number, os.kill, (os.getpid(), signal.SIGINT)).start()
            for _ in range(20):
                served(client.poll, 0.5)


@contextmanager
def listening(*, close: bool = False) -> Iterator[str]:
    """Address of a server that takes connections and says nothing, or closes them."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        if close:
            threading.Thread(target=hang_up, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
