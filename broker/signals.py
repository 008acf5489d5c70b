"""How a worker is told to stop."""

import os
import signal
import socket
import threading

EXIT_BY_SIGNAL = 128  # plus the signal's number, as shells have it


def stop_on_signals() -> threading.Event:
    """Set by the first SIGTERM or SIGINT; the second ends the process at once.

    A thread reads the signals: Python's own handlers wait until the main thread is back from librdkafka, which may take
    as long as Kafka is away.
    """
    stop = threading.Event()
    received, sent = socket.socketpair()
    sent.setblocking(False)  # noqa: FBT003 - its signature
    signal.set_wakeup_fd(sent.fileno())
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda _number, _frame: None)

    def read_signals() -> None:
        with sent, received:
            received.recv(1)
            stop.set()
            os._exit(EXIT_BY_SIGNAL + received.recv(1)[0])

    threading.Thread(target=read_signals, daemon=True).start()
    return stop
