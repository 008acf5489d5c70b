"""The client of the store: what its address may say, which of its errors pass by themselves, how it may lose data."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from starsieve.features.tools.errors import CommandError

_TIMEOUT_S = 5.0
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
# What an address may add; other options of redis-py change what its answers are made of.
_OPTIONS = (
    "client_name",
    "health_check_interval",
    "max_connections",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_timeout",
)
_AT_LEAST = {"socket_timeout": 0.01, "socket_connect_timeout": 0.01, "max_connections": 1, "health_check_interval": 0}
_TLS_OPTIONS = (*_FILES, "ssl_ca_path", "ssl_cert_reqs", "ssl_check_hostname", "ssl_ciphers", "ssl_min_version",
                "ssl_password")  # fmt: skip
_SOCKET_OPTIONS = ("db", "username", "password")
_PASSING = ("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "READONLY", "TRYAGAIN")
_NEVER = (redis.exceptions.AuthenticationError, redis.exceptions.AuthorizationError)


class StoreError(CommandError):
    """Redis cannot be reached, or answers that waiting will not help: a password, a right or a database is wrong."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Errors of Redis as StoreError, which ends a command in one line."""
    try:
        yield
    except redis.RedisError as error:
        raise StoreError(f"redis: {error}") from error


def check_address(url: str) -> None:
    """Builds a client. Raises ValueError, without secrets, for an address that redis-py would misunderstand."""
    parts = urlsplit(url)
    more = {"redis": (), "rediss": _TLS_OPTIONS, "unix": _SOCKET_OPTIONS}.get(parts.scheme)
    if more is None:
        raise ValueError("starts with none of redis://, rediss:// (TLS), unix://")
    allowed, path = (*_OPTIONS, *more), parts.path.removeprefix("/")
    if parts.scheme != "unix" and path and not path.isdecimal():
        raise ValueError("what follows host and port is no database number")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("its port is no number from 0 to 65535") from None
    options = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    for name, values in options.items():
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, 1)
            hint = f"do you mean {near[0]}?" if near else f"there are {', '.join(sorted(allowed))}"
            raise ValueError(f"its option {name!r} is unknown or not allowed: {hint}")
        if name in _FILES and not Path(values[0]).is_file():
            raise ValueError(f"its option {name}: there is no file {values[0]}")
        if name in _AT_LEAST and not _is_number(values[0], _AT_LEAST[name]):
            raise ValueError(f"its option {name} takes a number, {_AT_LEAST[name]} or more")
    try:
        with connect(url) as client:
            client.connection_pool.make_connection()
    except (TypeError, ValueError, redis.RedisError) as error:
        raise ValueError(f"redis-py cannot use it: {type(error).__name__}") from None


def _is_number(text: str, least: float) -> bool:
    try:
        return least <= float(text) < inf
    except ValueError:
        return False


def connect(url: str) -> redis.Redis:
    """A client that has not connected yet."""
    # Without redis-py's own retries: it would send a whole pipeline again, and append twice what was appended.
    return redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 0))


def may_pass(error: BaseException) -> bool:
    """Whether waiting can help: the server is away, full or read-only, not "wrong password" or "no permission"."""
    if isinstance(error, _NEVER):
        return False
    if isinstance(error, redis.exceptions.ResponseError):
        passing = (redis.exceptions.OutOfMemoryError, redis.exceptions.ReadOnlyError, redis.exceptions.ClusterDownError)
        return isinstance(error, passing) or str(error).startswith(_PASSING)
    return isinstance(error, (redis.ConnectionError, redis.TimeoutError))


def is_wrong_type(answer: Any) -> bool:
    """Whether a key holds another kind of value than starsieve's."""
    return isinstance(answer, redis.exceptions.ResponseError) and str(answer).startswith("WRONGTYPE")


def is_missing_right(error: redis.ResponseError) -> bool:
    """Whether the server's access list forbids a command, also one of a script."""
    return isinstance(error, redis.exceptions.NoPermissionError) or "no permissions" in str(error)


def risks(client: redis.Redis) -> list[str]:
    """How this server may lose light curves, in words; nothing where it may not be asked."""
    try:
        memory, persistence = client.info("memory"), client.info("persistence")
    except redis.exceptions.ResponseError:
        return []
    found = []
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        found.append(f"maxmemory-policy is {policy}: once memory is full, light curves are thrown away; set noeviction")
    if not persistence.get("aof_enabled") and not _saves(client):
        found.append("nothing is kept on disk: a restart loses all light curves; set appendonly yes")
    return found


def _saves(client: redis.Redis) -> bool:
    """Whether snapshots are written; taken for granted where the server does not tell."""
    try:
        return bool(client.config_get("save").get("save", "?"))
    except redis.exceptions.ResponseError:
        return True
