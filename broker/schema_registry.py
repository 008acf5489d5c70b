"""A Confluent schema registry, for frames of schemas that are not known ahead: Rubin's new minor versions."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from starsieve.broker.avro import schema
from starsieve.broker.surveys import AlertError

#: Makes a call, and makes it again for as long as it raises RegistryAway and waiting may help.
Waiting = Callable[[Callable[[], bytes]], bytes]

_TIMEOUT_S = 10.0
_ASK_AGAIN_S = 60.0  # for a schema that the registry did not know
_UNKNOWN = (
    40401,
    40403,
)  # Confluent's codes: https://docs.confluent.io/platform/current/schema-registry/develop/api.html
_MAX_ANSWER_BYTES = 4 * schema.MAX_SCHEMA_BYTES  # a schema in a JSON string, every quote escaped


class RegistryAway(Exception):  # noqa: N818 - as KafkaAway
    """The registry does not answer, or not as a registry: no alert's fault."""


class SchemaRegistry:
    """Asks once for each schema; what is not known is asked for again after a minute."""

    def __init__(self, address: str, waiting: Waiting) -> None:
        self._address, self._credentials = _parts(address.rstrip("/"))
        self._waiting = waiting
        self._known: dict[int, bytes] = {}
        self._refused: dict[int, tuple[float, AlertError]] = {}

    def __call__(self, schema_id: int) -> bytes:
        """The schema with this number as JSON.

        Raises:
            AlertError: `unknown_schema`: the registry does not know it, or it is no schema that a packet can have.
            RegistryAway: waiting has not helped.
        """
        if schema_id in self._known:
            return self._known[schema_id]
        when, error = self._refused.get(schema_id, (-_ASK_AGAIN_S, None))
        if error is not None and time.monotonic() < when + _ASK_AGAIN_S:
            raise error.bare()
        try:
            found = self._waiting(lambda: self._ask(schema_id))
            schema.read(found)
        except AlertError as problem:
            told = AlertError("unknown_schema", f"{schema_id}, of the registry {self._address}: {problem.detail}")
            self._refused[schema_id] = time.monotonic(), told.bare()
            raise told from None
        self._known[schema_id] = found
        return found

    def _ask(self, schema_id: int) -> bytes:
        status, answer = self._get(f"{self._address}/schemas/ids/{schema_id}")
        if status == HTTPStatus.NOT_FOUND and answer.get("error_code") in _UNKNOWN:
            raise AlertError("unknown_schema", "it has none of this number")
        found = answer.get("schema")
        if status != HTTPStatus.OK or not isinstance(found, str):
            raise RegistryAway(f"{self._address} answers {status}, and no schema")
        return found.encode()

    def _get(self, url: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON of an answer."""
        request = urllib.request.Request(url)  # noqa: S310 - the setting allows HTTP only
        if self._credentials:
            request.add_unredirected_header("Authorization", self._credentials)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                return answer.status, _json(_read(answer))
        except urllib.error.HTTPError as error:
            return error.code, _json(_refusal(error))
        except (OSError, HTTPException) as error:  # away, too slow, not trusted, no HTTP
            raise RegistryAway(f"{self._address}: {error}") from error


def _parts(address: str) -> tuple[str, str]:
    """An address without user and password, and these as the header of basic authentication, empty without."""
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    credentials = "Basic " + base64.b64encode(unquote(user).encode()).decode() if at else ""
    return urlunsplit(parts._replace(netloc=host)), credentials


def _read(answer: HTTPResponse | urllib.error.HTTPError) -> bytes:
    """What came in time. Raises TimeoutError where that goes on: the connection's own limit is for each read."""
    found, end = b"", time.monotonic() + _TIMEOUT_S
    while len(found) < _MAX_ANSWER_BYTES and (part := answer.read1(_MAX_ANSWER_BYTES)):
        found += part
        if time.monotonic() > end:
            raise TimeoutError(f"its answer has not ended in {_TIMEOUT_S:.0f} s")
    return found


def _refusal(error: urllib.error.HTTPError) -> bytes:
    """What came with a refusal; nothing where that broke off."""
    try:
        return _read(error)
    except (OSError, HTTPException):
        return b""


def _json(answer: bytes) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
