"""All settings, typed: from a TOML file, the environment (STARSIEVE_KAFKA__GROUP=...) and the command line."""

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import redis
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import SettingsError as PydanticSettingsError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


Text = Annotated[str, Field(min_length=1)]


class SettingsError(Exception):
    """A setting is wrong; the message names it, what it got and what it takes."""


class KafkaSettings(BaseModel):
    """Where alerts come from and outcomes go: all topics are on one cluster, because one transaction spans them."""

    model_config = ConfigDict(extra="forbid")

    bootstrap_servers: Text = "localhost:9092"
    topics: list[Text] = Field([r"^ztf_[0-9]{8}_programid[123]$"], min_length=1)  # a pattern starts with ^
    group: Text = "starsieve"
    output_topic: Text = "starsieve_classifications"
    dead_letter_topic: Text = "starsieve_dead_letters"
    batch_size: int = Field(500, ge=1, le=100_000)  # messages a transaction
    options: dict[str, str] = {}  # any librdkafka option of clients, e.g. security.protocol

    @property
    def connection(self) -> dict[str, str | int | float | bool]:
        """What every librdkafka client of this cluster is given."""
        # 1 s between attempts to reconnect: librdkafka's own 0.1 s floods the log while Kafka is away.
        return {"bootstrap.servers": self.bootstrap_servers, "reconnect.backoff.ms": 1000, **self.options}

    @model_validator(mode="after")
    def _never_eat_own_output(self) -> Self:
        for topic in (self.output_topic, self.dead_letter_topic):
            for wanted in self.topics:
                if _includes(wanted, topic):
                    raise ValueError(f"topics: {wanted!r} includes {topic!r}, which starsieve writes to")
        return self


def _includes(wanted: str, topic: str) -> bool:
    if not wanted.startswith("^"):
        return wanted == topic
    try:
        return re.search(wanted, topic) is not None
    except re.error as error:
        raise ValueError(f"topics: {wanted!r} is no pattern: {error}") from None


class RedisSettings(BaseModel):
    """The store of light curves; rediss:// is TLS."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field("redis://localhost:6379/0", pattern=r"^(rediss?|unix)://")
    time_to_live_days: int = Field(400, ge=1, le=36_500)  # after an object's last alert

    @field_validator("url")
    @classmethod
    def _parses(cls, url: str) -> str:
        redis.connection.parse_url(url)  # type: ignore[no-untyped-call]
        return url


class Settings(BaseSettings):
    """Everything that a worker can be told."""

    model_config = SettingsConfigDict(env_prefix="STARSIEVE_", env_nested_delimiter="__", extra="forbid")
    toml_file: ClassVar[Path | None] = None

    survey: str = "ztf"
    min_epochs: int = Field(20, ge=7)
    output_format: Literal["starsieve", "elasticc"] = "starsieve"
    #: Names this worker among those of its group. The same after a restart, it lets Kafka end its predecessor's open
    #: transaction at once.
    worker: Text = Field(default_factory=lambda: f"{socket.gethostname()}-0")
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line before the environment before the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.toml_file)


def load(toml_file: Path | None, **overrides: Any) -> Settings:
    """The settings of a worker; `overrides` come from the command line, None meaning 'not given'.

    Raises:
        SettingsError: with one line for each wrong setting.
    """
    if toml_file is not None and not toml_file.is_file():
        raise SettingsError(f"--config: there is no file {toml_file}")
    source = type("Settings", (Settings,), {"toml_file": toml_file, "__module__": __name__})
    try:
        settings: Settings = source(**_given(overrides))
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, problem['loc'])) or 'settings'}: {_explain(problem)}" for problem in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from None
    except PydanticSettingsError as error:
        hint = """STARSIEVE_KAFKA__... of lists and tables is JSON, e.g. ["a", "^b"]"""
        raise SettingsError(f"{error}: {hint}") from None
    except ValueError as error:
        raise SettingsError(f"--config {toml_file} is not TOML: {error}") from None
    return settings


def _explain(problem: "ErrorDetails") -> str:
    message = problem["msg"].removeprefix("Value error, ")
    return message if isinstance(problem["input"], dict) else f"{message}, got {problem['input']!r}"


def _given(overrides: dict[str, Any]) -> dict[str, Any]:
    nested = {name: _given(value) if isinstance(value, dict) else value for name, value in overrides.items()}
    return {name: value for name, value in nested.items() if value not in (None, [], {})}
