"""All settings, typed: from a TOML file, the environment (STARSIEVE_KAFKA__GROUP=...) and the command line."""

import re
import socket
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import SettingsError as PydanticSettingsError

from starsieve.broker.kafka.topics import compiled, includes, is_pattern
from starsieve.broker.redis_client import check_address
from starsieve.features.tools.errors import UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def _as_text(value: Any) -> Any:
    """As librdkafka spells it: TOML and JSON have numbers and booleans too."""
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, (int, float)) else value


def _is_name(topic: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", topic) or topic in {".", ".."}:
        raise ValueError("Kafka has no such topic: names have at most 249 of the characters a-z, A-Z, 0-9, ., _ and -")
    return topic


def _is_topic(wanted: str) -> str:
    if is_pattern(wanted):
        compiled(wanted)
        return wanted
    return _is_name(wanted)


Text = Annotated[str, Field(min_length=1)]
TopicName = Annotated[Text, AfterValidator(_is_name)]
Topic = Annotated[Text, AfterValidator(_is_topic)]
Secret = Annotated[SecretStr, BeforeValidator(_as_text)]

#: Options of librdkafka that the guarantees stand on, or that have a setting of their own.
RESERVED_OPTIONS = {
    "auto.commit.enable": "offsets are committed together with outcomes",
    "auto.offset.reset": "a topic is read from its beginning",
    "bootstrap.servers": "use the setting kafka.bootstrap_servers",
    "enable.auto.commit": "offsets are committed together with outcomes",
    "enable.auto.offset.store": "offsets are committed together with outcomes",
    "enable.idempotence": "a retry must not double messages",
    "enable.partition.eof": "it is not for a stream that goes on",
    "group.id": "use the setting kafka.group",
    "isolation.level": "what an aborted transaction has written is nobody's alert",
    "metadata.broker.list": "use the setting kafka.bootstrap_servers",
    "partition.assignment.strategy": "workers hand partitions over one by one",
    "transactional.id": "use the setting worker",
}


# Of confluent-kafka: functions and objects; of librdkafka: a cluster that is none.
_NO_TEXT = re.compile(r"_cb$|^(logger|opaque|enabled_events|default[._]topic[._]conf(ig)?)$|^test\.mock\.")
_MAX_POLL_INTERVAL_MS = 300_000  # librdkafka's default
# Settings whose wrong value may be repeated; the others may hold passwords, and so may settings that do not exist.
_SHOWN = {
    *((name,) for name in ("survey", "min_epochs", "min_epochs_together", "output_format", "worker")),
    *((name,) for name in ("min_reliability", "metrics_port", "metrics_address", "log_format", "log_level")),
    *(("kafka", name) for name in ("bootstrap_servers", "batch_size", "group", "output_topic", "dead_letter_topic")),
    ("redis", "time_to_live_days"),
}


class SettingsError(UsageError):
    """A setting is wrong; the message names it, what it got and what it takes."""


class KafkaSettings(BaseModel):
    """Where alerts come from and outcomes go: all topics are on one cluster, because one transaction spans them."""

    model_config = ConfigDict(extra="forbid")

    bootstrap_servers: Text = "localhost:9092"
    #: Names, or patterns of Python's `re` that start with ^.
    topics: list[Topic] = Field([r"^ztf_[0-9]{8}_programid[123]$"], min_length=1)
    group: Text = "starsieve"
    output_topic: TopicName = "starsieve_classifications"
    dead_letter_topic: TopicName = "starsieve_dead_letters"
    batch_size: int = Field(500, ge=1, le=100_000)  # messages a transaction, at most
    options: dict[str, Secret] = {}  # any librdkafka option of clients, e.g. security.protocol, but for a few

    @property
    def connection(self) -> dict[str, str | int | float | bool]:
        """What every librdkafka client of this cluster is given."""
        options = {name: value.get_secret_value() for name, value in self.options.items()}
        return {"bootstrap.servers": self.bootstrap_servers, **options}

    @property
    def max_poll_interval_s(self) -> float:
        """How long a worker may take for a batch until Kafka gives its partitions away."""
        return float(self.connection.get("max.poll.interval.ms", _MAX_POLL_INTERVAL_MS)) / 1000

    @field_validator("options")
    @classmethod
    def _keep_guarantees(cls, options: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name in options:
            if _NO_TEXT.search(name):
                raise ValueError(f"{name} cannot be set: librdkafka has no such option, or none that a text can give")
            if name in RESERVED_OPTIONS:
                raise ValueError(f"{name} cannot be set: {RESERVED_OPTIONS[name]}")
        interval = options.get("max.poll.interval.ms")
        if interval is not None and not interval.get_secret_value().isdecimal():
            raise ValueError("max.poll.interval.ms is a whole number of milliseconds")
        return options

    @property
    def written(self) -> tuple[str, str]:
        """The topics that starsieve writes to."""
        return self.output_topic, self.dead_letter_topic

    @model_validator(mode="after")
    def _never_eat_own_output(self) -> Self:
        _check_written([self])
        return self


def _check_written(kafkas: Sequence[KafkaSettings]) -> None:
    """Of all that one worker reads, nothing may be what it writes; raises ValueError."""
    for kafka in kafkas:
        if kafka.output_topic == kafka.dead_letter_topic:
            raise ValueError(f"dead_letter_topic: {kafka.dead_letter_topic!r} is the output_topic, too")
    for topic in (topic for kafka in kafkas for topic in kafka.written):
        for wanted in (wanted for kafka in kafkas for wanted in kafka.topics):
            if includes(wanted, topic):
                raise ValueError(f"topics: {wanted!r} includes {topic!r}, which starsieve writes to")


class RedisSettings(BaseModel):
    """The store of light curves; rediss:// is TLS."""

    model_config = ConfigDict(extra="forbid")

    url: Secret = SecretStr("redis://localhost:6379/0")
    time_to_live_days: int = Field(400, ge=1, le=36_500)  # after an object's last alert

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: SecretStr) -> SecretStr:
        check_address(url.get_secret_value())
        return url


class SurveySettings(BaseModel):
    """One of several surveys: its topics, and what is other for it than the settings of the same names say."""

    model_config = ConfigDict(extra="forbid")

    topics: list[Topic] = Field(min_length=1)
    output_topic: TopicName | None = None
    output_format: Text | None = None
    min_epochs: int | None = Field(None, ge=7)
    min_epochs_together: int | None = Field(None, ge=0)
    min_reliability: float | None = Field(None, ge=0, le=1)


class Settings(BaseSettings):
    """Everything that a worker can be told."""

    model_config = SettingsConfigDict(env_prefix="STARSIEVE_", env_nested_delimiter="__", extra="forbid")
    toml_file: ClassVar[Path | None] = None

    survey: str = "ztf"  # where there are `surveys`, one of them: else all of them are taken
    surveys: dict[str, SurveySettings] = {}
    min_epochs: int | None = Field(None, ge=7)  # None: as many as the network was trained with
    min_epochs_together: int = Field(0, ge=0)  # of all bands of an object
    min_reliability: float = Field(0.0, ge=0, le=1)  # of a detection's real-bogus score; surveys may ask for more
    output_format: Text = "starsieve"  # one of broker/outputs
    #: Address of a Confluent schema registry, for frames of schemas that are not known ahead.
    schema_registry: Text | None = None
    #: Folder of networks beside those of the package, or an address of fsspec: see `models/serving/networks.py`.
    networks: Text | None = None
    #: Names this worker among those of its group. The same after a restart, it lets Kafka end its predecessor's open
    #: transaction at once.
    worker: Text = Field(default_factory=lambda: f"{socket.gethostname()}-0")
    metrics_port: int = Field(9464, ge=0, le=65_535)  # of /metrics, /livez and /readyz; 0: none
    metrics_address: Text = "0.0.0.0"  # noqa: S104 - Prometheus and probes come from other machines
    log_format: Literal["auto", "console", "json"] = "auto"  # auto: lines for people on a terminal, JSON elsewhere
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()

    @property
    def each(self) -> list[Self]:
        """The settings of each survey that is to be taken, as if it were the only one."""
        return [self._of(name) for name in self._names]

    @property
    def one(self) -> Self:
        """The settings of the survey, for what takes one at a time; raises SettingsError where there are several."""
        if len(self._names) > 1:
            raise SettingsError(f"survey: choose one of {', '.join(self._names)}")
        return self._of(self._names[0])

    @property
    def _names(self) -> list[str]:
        return [self.survey] if not self.surveys or "survey" in self.model_fields_set else list(self.surveys)

    def _of(self, name: str) -> Self:
        if not self.surveys:
            return self
        told = self.surveys[name].model_dump(exclude_none=True)
        kafka: dict[str, Any] = {key: told.pop(key) for key in ("topics", "output_topic") if key in told}
        own = {"survey": name, "surveys": {}, "kafka": self.kafka.model_copy(update=kafka), **told}
        return self.model_copy(update=own)

    @model_validator(mode="after")
    def _tell_surveys_apart(self) -> Self:
        if not self.surveys:
            return self
        if "topics" in self.kafka.model_fields_set:
            raise ValueError("kafka.topics: each of `surveys` has its own topics")
        if self.survey not in self.surveys and "survey" in self.model_fields_set:
            raise ValueError(f"survey: {self.survey!r} is none of `surveys`: {', '.join(self.surveys)}")
        for (one, its), (other, others) in combinations(self.surveys.items(), 2):
            for topic, wanted in product(its.topics, others.topics):
                if topic == wanted or (not is_pattern(topic) and includes(wanted, topic)):
                    raise ValueError(f"surveys: {topic!r} is of {one} and of {other}")
                if not is_pattern(wanted) and includes(topic, wanted):
                    raise ValueError(f"surveys: {wanted!r} is of {one} and of {other}")
        _check_written([self._of(name).kafka for name in self.surveys])
        return self

    @field_validator("schema_registry")
    @classmethod
    def _is_registry(cls, address: str | None) -> str | None:
        parts = urlsplit(address or "")
        if address is not None and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0):
            raise ValueError("is no address that starts with http:// or https:// (TLS)")
        return address

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
        hint = """variables of lists and tables are JSON, e.g. STARSIEVE_KAFKA__TOPICS='["a", "^b"]'"""
        raise SettingsError(f"{error}: {hint}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"--config {toml_file} is not TOML: {error}") from None
    return settings


def _explain(problem: "ErrorDetails") -> str:
    message = problem["msg"].removeprefix("Value error, ")
    of_survey = problem["loc"][:1] == ("surveys",)
    shown = (problem["loc"][2:] if of_survey else problem["loc"]) in _SHOWN
    return f"{message}, got {problem['input']!r}" if shown else message


def _given(overrides: dict[str, Any]) -> dict[str, Any]:
    nested = {name: _given(value) if isinstance(value, dict) else value for name, value in overrides.items()}
    return {name: value for name, value in nested.items() if value not in (None, [], {})}
