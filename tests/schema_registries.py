"""A schema registry for tests: real HTTP, with answers that a test can change."""

import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

UNKNOWN = 404, json.dumps({"error_code": 40403, "message": "Schema not found"}).encode()


class Registry(ThreadingHTTPServer):
    """`answers` by the path that is asked for; `asked` has all paths, `credentials` what came with them.

    With `pause_s` its answers come byte by byte.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.credentials: list[str | None] = []
        self.pause_s = 0.0
        self.address = f"http://127.0.0.1:{self.server_port}"

    def knows(self, schema_id: int, schema: Any) -> None:
        self.answers[f"/schemas/ids/{schema_id}"] = 200, json.dumps({"schema": json.dumps(schema)}).encode()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Registry)
        self.server.asked.append(self.path)
        self.server.credentials.append(self.headers["Authorization"])
        status, body = self.server.answers.get(self.path, UNKNOWN)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not self.server.pause_s:
            self.wfile.write(body)
            return
        with suppress(OSError):  # who asked has gone
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(self.server.pause_s)

    def log_message(self, *_: Any) -> None:
        """Nothing, on standard error."""


@contextmanager
def registry(port: int = 0, certificate: tuple[Path, Path] | None = None) -> Iterator[Registry]:
    """A registry that runs; with certificate and key one that speaks TLS only."""
    with Registry(port) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.address = server.address.replace("http:", "https:")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
