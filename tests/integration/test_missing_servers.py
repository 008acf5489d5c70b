"""A run that could not test against a server says so in its last lines; where the servers are required, it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("required", "status", "outcome"), [("0", 0, "2 skipped"), ("1", 1, "2 errors")])
def test_missing_servers(pytestconfig: pytest.Config, tmp_path: Path, required: str, status: int, outcome: str) -> None:
    bare = {"PATH": str(tmp_path), "HOME": str(tmp_path), "STARSIEVE_REQUIRE_KAFKA": required}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STARSIEVE", "XDG"))}
    tests = ["tests/integration/test_servers.py", "-k", "see_committed or tls_server", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *tests],
        cwd=pytestconfig.rootpath,
        env=kept | bare,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == status, run.stdout
    *_, kafka, tls, closing = run.stdout.splitlines()
    assert kafka.startswith("NOT TESTED, a server is missing: Kafka needs Java")
    assert tls.startswith("NOT TESTED, a server is missing: Redis with TLS")
    assert outcome in closing
