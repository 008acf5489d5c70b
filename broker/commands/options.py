"""Options that several commands take, and what they make of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from starsieve.features.tools.errors import UsageError

if TYPE_CHECKING:  # commands import what they need: --help needs nothing
    from starsieve.broker.settings import Settings

Config = Annotated[Path | None, typer.Option(help="TOML file with settings; the environment and options override it.")]
Bootstrap = Annotated[str | None, typer.Option("--bootstrap-servers", "-b", help="Kafka, as host:port,host:port.")]
Redis = Annotated[str | None, typer.Option(help="Redis, as redis://host:port/db, or rediss:// for TLS.")]
Survey = Annotated[
    str | None,
    typer.Option(help="The survey that sends the alerts: ztf, lsst, or one that an installed package brings."),
]
Simulated = Annotated[Literal["ztf", "lsst"], typer.Option(help="Whose alerts.")]
OutputTopic = Annotated[str | None, typer.Option(help="Topic of the classifications.")]
Rate = Annotated[float | None, typer.Option(min=0.001, help="Alerts per second; as fast as possible without.")]


def settings_of(config: Path | None, **overrides: Any) -> "Settings":
    """The settings of a file and the environment, with what options say over them. Raises SettingsError."""
    from starsieve.broker.settings import load  # noqa: PLC0415

    return load(config, **overrides)


def refuse(why: str, options: Mapping[str, object]) -> None:
    """Raises UsageError where one of these options is given, which would do nothing."""
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"{name} does not apply: {why}")
