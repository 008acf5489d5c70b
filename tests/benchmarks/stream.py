"""`starsieve bench stream` on a Kafka and a Valkey of its own: python -m tests.benchmarks.stream --workers 2 ..."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.integration import servers


def main() -> None:
    """Starts both servers, gives the command what it was given, and ends as it ends."""
    with tempfile.TemporaryDirectory() as folder:
        (kafka_folder := Path(folder, "kafka")).mkdir()
        (redis_folder := Path(folder, "redis")).mkdir()
        with servers.Kafka(kafka_folder) as kafka, servers.Redis(redis_folder) as redis:
            command = [sys.executable, "-m", "starsieve.broker.cli", "bench", "stream"]
            addresses = ["--bootstrap-servers", kafka.address, "--redis", redis.address]
            sys.exit(subprocess.run([*command, *addresses, *sys.argv[1:]], check=False).returncode)


if __name__ == "__main__":
    main()
