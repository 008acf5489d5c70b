"""The stream itself, and what reads its topics: `run`, `tail`, `redrive`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from starsieve.broker.commands.options import Bootstrap, Config, OutputTopic, Redis, Survey, settings_of
from starsieve.features.tools.commands import tell
from starsieve.features.tools.errors import CommandError, UsageError


def run(
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", "-t", help="Topic to subscribe to, or a pattern that starts with ^.")
    ] = None,
    output_topic: OutputTopic = None,
    group: Annotated[str | None, typer.Option(help="Consumer group; workers of one group share the alerts.")] = None,
    redis: Redis = None,
    survey: Survey = None,
    output_format: Annotated[
        str | None, typer.Option(help="starsieve, single-object, json, elasticc, fastdb or lasair.")
    ] = None,
    worker: Annotated[
        str | None, typer.Option(help="This worker's name in its group: unique, and the same after a restart.")
    ] = None,
) -> None:
    """Classify alerts: one worker of a consumer group, until SIGTERM or SIGINT; a second signal stops at once.

    Example: [bold]starsieve run -b localhost:9092 -t '^ztf_[0-9]{8}_programid1$' --redis redis://localhost:6379/0[/bold]
    """
    settings = settings_of(
        config,
        survey=survey,
        output_format=output_format,
        worker=worker,
        kafka={"bootstrap_servers": bootstrap_servers, "topics": topic, "output_topic": output_topic, "group": group},
        redis={"url": redis},
    )
    from starsieve.broker import worker as stream  # noqa: PLC0415 - Numba and LiteRT are not for --help
    from starsieve.broker.signals import stop_on_signals  # noqa: PLC0415
    from starsieve.broker.telemetry import configure_logs  # noqa: PLC0415

    configure_logs(settings.log_format, settings.log_level)
    stream.run(settings, stop_on_signals())


def tail(
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    output_topic: OutputTopic = None,
    json: Annotated[bool, typer.Option("--json", help="A line of JSON for each message.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Table to write at the end: .csv, .parquet or .ecsv.")
    ] = None,
    latest: Annotated[bool, typer.Option("--latest", help="Of each object only the newest: a row an object.")] = False,
    from_beginning: Annotated[bool, typer.Option(help="Everything that the topic holds.")] = False,
    since: Annotated[str | None, typer.Option(help="What was published from this date or time on (UTC).")] = None,
    object_: Annotated[list[str] | None, typer.Option("--object", help="Of this object; may be repeated.")] = None,
    class_: Annotated[list[str] | None, typer.Option("--class", help="Of this class; may be repeated.")] = None,
    min_probability: Annotated[float | None, typer.Option(min=0, max=1, help="Classes at least so probable.")] = None,
    min_period: Annotated[float | None, typer.Option(min=0, help="Periods from so many days on.")] = None,
    max_period: Annotated[float | None, typer.Option(min=0, help="Periods up to so many days.")] = None,
    count: Annotated[int | None, typer.Option("-n", "--count", min=1, help="Stop after so many messages.")] = None,
    idle: Annotated[
        float | None, typer.Option(min=0, help="Stop at the end, when nothing has come for so many seconds.")
    ] = None,
) -> None:
    """Watch the classified topic, all of it or what meets every condition, until Ctrl-C; waits for the topic.

    Where the settings have several surveys, the topics of all of them.

    Example: [bold]starsieve tail -b localhost:9092 --json --from-beginning --idle 5 | jq .objectId[/bold]

    Example: [bold]starsieve tail --since 2026-01-19 --class RRAB --latest --idle 5 -o rrab.csv[/bold]
    """
    if json and output is not None:
        raise UsageError("choose one of --json and --output")
    if from_beginning and since is not None:
        raise UsageError("choose one of --from-beginning and --since")
    settings = settings_of(config, kafka={"bootstrap_servers": bootstrap_servers, "output_topic": output_topic})
    from starsieve.broker import client  # noqa: PLC0415
    from starsieve.broker.signals import stop_on_signals  # noqa: PLC0415
    from starsieve.broker.tools import outcome_table  # noqa: PLC0415
    from starsieve.broker.tools import tail as tailing  # noqa: PLC0415
    from starsieve.broker.tools.times import moment  # noqa: PLC0415

    if output is not None:
        outcome_table.check(output)
    try:
        wanted = client.Wanted(object_ or (), class_ or (), min_probability, min_period, max_period)
    except ValueError as error:
        raise UsageError(str(error)) from None
    subscriber = client.Subscriber(
        settings.kafka,
        topics=[output_topic]
        if output_topic
        else list(dict.fromkeys(each.kafka.output_topic for each in settings.each)),
        since="beginning" if from_beginning else "now" if since is None else moment("--since", since),
        wanted=wanted,
        count=count,
        idle_s=idle,
        say=tell,
        stop=stop_on_signals() if latest or output else None,  # else Ctrl-C ends it, wherever it is
    )
    try:
        with subscriber:
            tailing.follow(subscriber, as_lines=json, table=output, latest=latest)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # whoever reads has had enough: | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if subscriber.foreign:
        total = subscriber.foreign + subscriber.ours
        text = f"{subscriber.foreign} of {total} messages were left out, for they are not starsieve's"
        if not subscriber.ours:
            raise CommandError(text)
        tell(text)


def redrive(
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    dead_letter_topic: Annotated[str | None, typer.Option(help="Topic of the dead letters.")] = None,
    group: Annotated[str | None, typer.Option(help="The workers' consumer group, as for `run`.")] = None,
    reason: Annotated[list[str] | None, typer.Option(help="Only letters of this reason; may be repeated.")] = None,
    since: Annotated[str | None, typer.Option(help="Only letters from this date or time on (ISO 8601, UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Only letters before this date or time.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Give up what was put back so many times.")] = 3,
    list_: Annotated[bool, typer.Option("--list", help="Put nothing back: print a table by reason.")] = False,
    save: Annotated[
        Path | None, typer.Option(help="Put nothing back: write the packets into this folder.", metavar="DIR")
    ] = None,
) -> None:
    """Put dead letters back on the topics that they came from, each once, for workers to answer them.

    Example: [bold]starsieve redrive -b localhost:9092 --list[/bold], then
    [bold]starsieve redrive -b localhost:9092 --reason unreadable_store --since 2026-01-19[/bold]
    """
    settings = settings_of(
        config,
        kafka={"bootstrap_servers": bootstrap_servers, "dead_letter_topic": dead_letter_topic, "group": group},
    )
    from starsieve.broker.telemetry import configure_logs  # noqa: PLC0415
    from starsieve.broker.tools import redrive_command  # noqa: PLC0415
    from starsieve.broker.tools.redrive import Selection  # noqa: PLC0415
    from starsieve.broker.tools.times import moment  # noqa: PLC0415

    configure_logs(settings.log_format, "critical")  # what the publisher says of workers is not for a redrive
    selection = Selection(
        frozenset(reason or ()),
        moment("--since", since) if since else None,
        moment("--until", until) if until else None,
        limit,
        frozenset(topic for each in settings.each for topic in each.kafka.written),
    )
    if list_ or save is not None:
        redrive_command.show(settings.kafka, selection, as_table=list_, save=save)
    else:
        redrive_command.put_back(settings.kafka, selection)
