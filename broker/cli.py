"""The command `starsieve`: what each command takes, and nothing of what it does.

Exit codes: 0 done; 1 failed while running; 2 wrong usage or a wrong setting.
"""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import structlog
import typer
from rich.console import Console

from broker.settings import Settings, SettingsError, load

app = typer.Typer(
    help="A streaming filter for astronomical alert brokers. Exit codes: 0 done, 1 failed, 2 wrong usage.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Config = Annotated[Path | None, typer.Option(help="TOML file with settings; the environment and options override it.")]
Bootstrap = Annotated[str | None, typer.Option("--bootstrap-servers", "-b", help="Kafka, as host:port,host:port.")]
OutputTopic = Annotated[str | None, typer.Option(help="Topic of the classifications.")]

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2


@app.command()
def run(
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", "-t", help="Topic to subscribe to, or a pattern that starts with ^.")
    ] = None,
    output_topic: OutputTopic = None,
    group: Annotated[str | None, typer.Option(help="Consumer group; workers of one group share the alerts.")] = None,
    redis: Annotated[str | None, typer.Option(help="Redis, as redis://host:port/db, or rediss:// for TLS.")] = None,
    survey: Annotated[str | None, typer.Option(help="The survey that sends the alerts.")] = None,
    output_format: Annotated[str | None, typer.Option(help="starsieve or elasticc.")] = None,
    worker: Annotated[
        str | None, typer.Option(help="This worker's name in its group: unique, and the same after a restart.")
    ] = None,
) -> None:
    """Classify alerts: one worker of a consumer group, until SIGTERM or SIGINT; a second signal stops at once.

    Example: [bold]starsieve run -b localhost:9092 -t '^ztf_[0-9]{8}_programid1$' --redis redis://localhost:6379/0[/bold]
    """
    settings = _settings(
        config,
        survey=survey,
        output_format=output_format,
        worker=worker,
        kafka={"bootstrap_servers": bootstrap_servers, "topics": topic, "output_topic": output_topic, "group": group},
        redis={"url": redis},
    )
    from broker import worker as stream  # noqa: PLC0415 - Numba and LiteRT are not for --help

    _log_to_stderr()
    stream.run(settings, _stop_on_signals())


@app.command()
def tail(
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    output_topic: OutputTopic = None,
    json: Annotated[bool, typer.Option("--json", help="A line of JSON for each message.")] = False,
    from_beginning: Annotated[bool, typer.Option(help="Everything that the topic holds.")] = False,
    count: Annotated[int | None, typer.Option("-n", "--count", min=1, help="Stop after so many messages.")] = None,
    idle: Annotated[float | None, typer.Option(min=0, help="Stop when nothing has come for so many seconds.")] = None,
) -> None:
    """Watch the classified topic.

    Example: [bold]starsieve tail -b localhost:9092 --json --from-beginning --idle 5 | jq .objectId[/bold]
    """
    settings = _settings(config, kafka={"bootstrap_servers": bootstrap_servers, "output_topic": output_topic})
    from broker import tail as tailing  # noqa: PLC0415

    messages = tailing.outcomes(settings.kafka, from_beginning=from_beginning, count=count, idle_s=idle)
    try:
        if json:
            for message in messages:
                typer.echo(tailing.as_json(message))
        else:
            tailing.show(messages, Console())
    except tailing.TailError as error:
        _fail(str(error), EXIT_FAILED)
    except KeyboardInterrupt:
        pass


@app.command()
def version() -> None:
    """Print the version. Example: [bold]starsieve version[/bold]"""
    from importlib.metadata import version as installed  # noqa: PLC0415

    typer.echo(f"starsieve {installed('starsieve')}")


def main() -> None:
    """Entry point of the command."""
    app()


def _settings(config: Path | None, **overrides: Any) -> Settings:
    try:
        return load(config, **overrides)
    except SettingsError as error:
        _fail(str(error), EXIT_WRONG_USAGE)


def _fail(message: str, code: int) -> NoReturn:
    typer.secho(message, err=True, fg=typer.colors.RED)
    raise typer.Exit(code)


def _stop_on_signals() -> threading.Event:
    """Set by the first SIGTERM or SIGINT; the second has its default effect, the end of the process."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, on_signal)
    return stop


def _log_to_stderr() -> None:
    """Lines for people on a terminal, JSON elsewhere."""
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


if __name__ == "__main__":
    main()
