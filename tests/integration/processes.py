"""A process that a test starts, signals and waits for."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class Process:
    """A command, its output in a file, and the signals that tests send it."""

    def __init__(
        self, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = command
        self.environment = environment
        self.log = folder / "output.log"
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start it, for the first time or again."""
        with self.log.open("ab") as log:
            # its own session: Ctrl-C reaches pytest alone, which then ends the process
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None, "launch it first"
        self.process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Its exit status; subprocess.TimeoutExpired where it goes on."""
        assert self.process is not None, "launch it first"
        return self.process.wait(timeout)

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def output(self) -> str:
        """The last of what it said."""
        return self.log.read_text(errors="replace")[-5000:]


def eventually(true: Callable[[], bool], what: str, timeout: float) -> None:
    """Wait until something is true; TimeoutError where it does not become so."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {what}")
        time.sleep(0.05)
