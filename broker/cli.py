"""The command `starsieve`: what each command takes, and nothing of what it does.

Exit codes: 0 done; 1 failed while running; 2 wrong usage or a wrong setting; 130 or 143 stopped by a second signal.
Errors of the kinds in features/tools/errors.py end every command by this rule: `Commands` sees to it.
"""

import io
import os
import sys
import time
from collections.abc import Mapping
from itertools import chain
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from starsieve.features.tools.cli import bench_app, features_command
from starsieve.features.tools.commands import Commands, check_file, check_folder
from starsieve.features.tools.errors import CommandError, UsageError
from starsieve.features.tools.options import Band, ColumnNames, Labels, form_of
from starsieve.models.cli import mount as mount_networks

if TYPE_CHECKING:  # commands import what they need: --help needs nothing
    from starsieve.broker.settings import Settings

app = typer.Typer(
    cls=Commands,
    help="A streaming filter for astronomical alert brokers. Exit codes: 0 done, 1 failed, 2 wrong usage.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Config = Annotated[Path | None, typer.Option(help="TOML file with settings; the environment and options override it.")]
Bootstrap = Annotated[str | None, typer.Option("--bootstrap-servers", "-b", help="Kafka, as host:port,host:port.")]
Survey = Annotated[
    str | None,
    typer.Option(help="The survey that sends the alerts: ztf, lsst, or one that an installed package brings."),
]
Simulated = Annotated[Literal["ztf", "lsst"], typer.Option(help="Whose alerts.")]
OutputTopic = Annotated[str | None, typer.Option(help="Topic of the classifications.")]
SimulateTopic = Annotated[str | None, typer.Option("--topic", "-t", help="Topic to send to; created if absent.")]
Rate = Annotated[float | None, typer.Option(min=0.001, help="Alerts per second; as fast as possible without.")]


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
    settings = _settings(
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


@app.command()
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

    Example: [bold]starsieve tail -b localhost:9092 --json --from-beginning --idle 5 | jq .objectId[/bold]

    Example: [bold]starsieve tail --since 2026-01-19 --class RRAB --latest --idle 5 -o rrab.csv[/bold]
    """
    if json and output is not None:
        raise UsageError("choose one of --json and --output")
    if from_beginning and since is not None:
        raise UsageError("choose one of --from-beginning and --since")
    settings = _settings(config, kafka={"bootstrap_servers": bootstrap_servers, "output_topic": output_topic})
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
        since="beginning" if from_beginning else "now" if since is None else moment("--since", since),
        wanted=wanted,
        count=count,
        idle_s=idle,
        say=_say,
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
        _say(text)


@app.command()
def replay(
    paths: Annotated[
        list[Path], typer.Argument(help="Packets (.avro), archives (.tar, .zip), compressed or not; folders.")
    ],
    topic: Annotated[str, typer.Option("--topic", "-t", help="Topic to send to; created if absent.")],
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    rate: Rate = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start again at the end, until Ctrl-C.")] = False,
) -> None:
    """Send alert packets from files to a topic, bytes unchanged, without a key, as ZTF sends them.

    Example: [bold]starsieve replay ztf_public_20260101.tar.gz -t ztf_20260101_programid1 --rate 200[/bold]
    """
    settings = _settings(config, kafka={"bootstrap_servers": bootstrap_servers}).kafka
    from starsieve.broker.tools import archives, sending  # noqa: PLC0415
    from starsieve.broker.tools import replay as replaying  # noqa: PLC0415

    unread = replaying.Failures()
    files = archives.find(paths)
    packets = archives.for_ever(files, unread.add) if loop else archives.packets(files, unread.add)
    if (first := next(packets, None)) is None:
        raise UsageError(f"no packets, nothing was sent\n{unread}")
    sending.reach(settings, topic)
    endless_or_unknown = loop or any(map(archives.is_archive, files))
    total = None if endless_or_unknown else len(files)
    sending.send(chain([first], packets), total, settings, topic, rate, _say, unread)


@app.command()
def backfill(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Packets and archives of them, as for `replay`; light curves; folders of either."),
    ],
    config: Config = None,
    redis: Annotated[str | None, typer.Option(help="Redis, as for `run`.")] = None,
    survey: Annotated[str | None, typer.Option(help="The survey that sends the alerts.")] = None,
    column: ColumnNames = None,
    band: Band = None,
    objects: Annotated[
        Path | None, typer.Option(help="Table of the stream's objects: light curves are matched by position.")
    ] = None,
    radius: Annotated[
        float | None,
        typer.Option(min=0.01, max=60, help="Arcseconds that an object of --objects may be away; 1.5 without."),
    ] = None,
    classify: Annotated[bool, typer.Option("--classify", help="Answer each alert, when all are stored.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Table of the answers: .csv, .parquet or .ecsv.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="As many as there are cores without.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the counts, last, as one JSON object.")] = False,
) -> None:
    """Fill the store from nightly archives, packets and archived light curves; safe beside a stream, and to run again.

    Example: [bold]starsieve backfill nights/ --redis redis://localhost:6379/0 --classify -o outcomes.parquet[/bold]

    Example: [bold]starsieve backfill ztf_dr24/ --objects objects.csv --radius 1.5[/bold]

    The table of objects: [bold]starsieve tail --from-beginning --latest --idle 5 -o objects.csv[/bold]
    """
    if output is not None and not classify:
        raise UsageError("--output needs --classify: without, nothing is answered")
    if objects is None:
        _refuse("light curves are matched by position with --objects", {"--radius": radius})
    settings = _settings(config, survey=survey, redis={"url": redis}).one
    from starsieve.broker.telemetry import configure_logs  # noqa: PLC0415
    from starsieve.broker.tools import backfill as filling_up  # noqa: PLC0415
    from starsieve.broker.tools import outcome_table  # noqa: PLC0415
    from starsieve.broker.tools.positions import RADIUS_ARCSEC, Positions  # noqa: PLC0415

    configure_logs(settings.log_format, "error")
    if output is not None:
        outcome_table.check(output)
    positions = None if objects is None else Positions.read(objects, radius or RADIUS_ARCSEC)
    sources = filling_up.Sources.at(paths, settings.survey, form_of(column, None, band), positions)
    n_processes = processes or filling_up.default_processes()
    summary = filling_up.run(settings, sources, classify=classify, output=output, processes=n_processes)
    filling_up.report(summary, as_json=json)


@app.command()
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
    settings = _settings(
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
    )
    if list_ or save is not None:
        redrive_command.show(settings.kafka, selection, as_table=list_, save=save)
    else:
        redrive_command.put_back(settings.kafka, selection)


@app.command()
def simulate(
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    topic: SimulateTopic = None,
    survey: Simulated = "ztf",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write packets to, not a topic.")
    ] = None,
    light_curves: Annotated[
        Path | None, typer.Option(help="Real stars with positions: a folder or file, as `starsieve features` takes.")
    ] = None,
    column: ColumnNames = None,
    labels: Labels = None,
    band: Band = None,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Of the real stars, only those that the shipped network never saw.")
    ] = False,
    objects: Annotated[int, typer.Option(min=1, help="How many stars.")] = 300,
    nights: Annotated[
        int | None, typer.Option(min=1, help="How long invented stars issue alerts; 60 without.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same alerts.")] = 1,
    truth: Annotated[Path | None, typer.Option(help="File for the true classes, as JSON lines.")] = None,
    rate: Rate = None,
) -> None:
    """Simulate alerts of invented stars, or of real ones, to a topic or a folder.

    Of ZTF (schema 4.02, containers), or of Rubin (schema 11.1, frames of 130 kB and more, with histories of a year).

    Example: [bold]starsieve simulate --objects 100 --seed 7 -t ztf_20260101_programid1 --truth truth.jsonl[/bold]

    Example: [bold]starsieve simulate --light-curves catalina --held-out -o packets --truth truth.jsonl[/bold]

    Example: [bold]starsieve simulate --survey lsst --objects 100 --nights 20 -t lsst-alerts-v11[/bold]
    """
    if (topic is None) == (output is None):
        raise UsageError("simulate needs either --topic or --output")
    if light_curves is None:
        told = {"--held-out": held_out or None, "--column": column, "--labels": labels, "--band": band}
        _refuse("it needs --light-curves", told)
    else:
        _refuse("real stars are observed when they were, with --light-curves", {"--nights": nights})
    if output is not None:
        kafkas = {"--rate": rate, "--bootstrap-servers": bootstrap_servers, "--config": config}
        _refuse("nothing is sent to Kafka with --output", kafkas)
    settings = _settings(config, kafka={"bootstrap_servers": bootstrap_servers}).kafka
    from starsieve.broker import simulate as simulating  # noqa: PLC0415
    from starsieve.broker.tools import sending  # noqa: PLC0415

    _check_places(output, truth)
    if output is not None and output.is_dir() and any(output.iterdir()):
        raise UsageError(f"--output: {output} has files already, which would be taken for alerts of these stars")
    form = form_of(column, labels, band)
    if topic is not None:
        sending.reach(settings, topic)
    if light_curves is None:
        stars = simulating.invented(survey, objects, 60 if nights is None else nights, seed)
    else:
        stars = simulating.real(survey, light_curves, objects, seed, held_out=held_out, form=form)
    if truth is not None:
        simulating.write_truth(stars, truth)
    total = simulating.count_alerts(stars)
    packets = ((str(alert.alert_id), alert.packet) for alert in simulating.alerts(stars))
    if topic is not None:
        sending.send(packets, total, settings, topic, rate, _say)
    elif output is not None:
        with sending.progress() as progress:
            simulating.write_packets(progress.track(packets, total=total, description="alerts"), output)


@app.command("object")
def show_object(
    object_id: Annotated[str, typer.Argument(help="As the survey's alerts name it.", metavar="ID")],
    config: Config = None,
    redis: Annotated[str | None, typer.Option(help="Redis, as for `run`.")] = None,
    survey: Survey = None,
    plot: Annotated[Path | None, typer.Option(help="Picture to write: light curve, folded, periodogram, ....")] = None,
    json: Annotated[bool, typer.Option("--json", help="Everything, epochs included, as one JSON object.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="The epochs alone, as a table.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Remove the object from the store.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --forget.")] = False,
) -> None:
    """Show what is stored of one object, and what the network makes of it now.

    Example: [bold]starsieve object ZTF18abcdefg --redis redis://localhost:6379/0 --plot star.png[/bold]
    """
    if json + csv + forget > 1 or (forget and plot is not None) or (yes and not forget):
        raise UsageError(
            "choose one of --json, --csv and --forget; --plot goes with the first two, --yes with --forget"
        )
    settings = _settings(config, survey=survey, redis={"url": redis}).one
    from starsieve.broker.tools import object_command  # noqa: PLC0415

    if forget:
        object_command.forget(settings, object_id, sure=yes)
    else:
        object_command.show(settings, object_id, "json" if json else "csv" if csv else "text", plot)


@app.command()
def drift(
    config: Config = None,
    redis: Annotated[str | None, typer.Option(help="Redis, as for `run`.")] = None,
    survey: Survey = None,
    plot: Annotated[Path | None, typer.Option(help="Picture to write: the worst distributions.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Everything, counts included, as one JSON object.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Compare with the last day from now on.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Compare with the network's card again.")] = False,
) -> None:
    """Compare what the network was shown and answered in the last day with the reference on its card.

    Example: [bold]starsieve drift --survey ztf --redis redis://localhost:6379/0 --plot drift.png[/bold]
    """
    if json + accept + reset > 1 or ((accept or reset) and plot is not None):
        raise UsageError("choose one of --json, --accept and --reset; --plot goes with the first")
    settings = _settings(config, survey=survey, redis={"url": redis}).one
    from starsieve.broker.tools import drift_command  # noqa: PLC0415

    if accept:
        drift_command.accept(settings, time.time())
    elif reset:
        drift_command.reset(settings)
    else:
        drift_command.show(settings, time.time(), as_json=json, plot=plot)


@app.command()
def demo(
    survey: Simulated = "ztf",
    objects: Annotated[int, typer.Option(min=1, help="How many stars.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same stars.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print the summary, last, as one JSON object.")] = False,
) -> None:
    """Watch simulated alerts being classified, with a Kafka in this process and a Valkey beside it.

    The exit code is 0 only if as many outcomes came out as alerts went in.

    Example: [bold]starsieve demo --objects 100 --json[/bold]
    """
    from starsieve.broker.telemetry import configure_logs  # noqa: PLC0415
    from starsieve.broker.tools import demo as demonstration  # noqa: PLC0415

    configure_logs("auto", "error")
    console = Console(stderr=json)
    summary = demonstration.run(survey, objects, seed, console)
    console.print(summary.as_table())
    if json:
        typer.echo(summary.as_json())
    if not summary.complete:
        raise CommandError("not every alert has an outcome")


@app.command()
def version() -> None:
    """Print the version. Example: [bold]starsieve version[/bold]"""
    from importlib.metadata import version as installed  # noqa: PLC0415

    typer.echo(f"starsieve {installed('starsieve')}")


@bench_app.command("stream")
def bench_stream(
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    redis: Annotated[
        str | None, typer.Option(help="Redis, as for `run`: an empty database, which is emptied again.")
    ] = None,
    survey: Annotated[
        Literal["ztf", "lsst"] | None,
        typer.Option(help="Whose alerts: lsst with the pattern rubin, else ztf.", show_default=False),
    ] = None,
    pattern: Annotated[
        Literal["flood", "steady", "rubin"],
        typer.Option(help="All at once, so many a second, or 10,000 every 39 s as Rubin sends them."),
    ] = "flood",
    workers: Annotated[int, typer.Option(min=1, help="Processes of one group.")] = 1,
    alerts: Annotated[
        int | None,
        typer.Option(min=1, help="20,000 (flood), 3,000 (steady), 100,000 (rubin) without.", show_default=False),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.001, help="Alerts a second, of the steady pattern.")] = 50.0,
    objects: Annotated[int, typer.Option(min=1, help="How many stars the store has.")] = 5000,
    epochs: Annotated[
        int | None, typer.Option(min=0, help="Of each of ZTF's, in g and r together; 713 without.", show_default=False)
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="Within so many days; 1,000 without.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same alerts.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Measure workers on real servers: rate, latency, processor time, memory, with the light curves of a mature survey.

    Rubin's objects have a year of visits behind them, which is what its packets repeat.

    Example: [bold]starsieve bench stream -b localhost:9092 --redis redis://localhost:6379/9 --workers 2[/bold]

    Example: [bold]starsieve bench stream -b localhost:9092 --pattern rubin --objects 10000 --workers 2[/bold]
    """
    survey = survey or ("lsst" if pattern == "rubin" else "ztf")
    if survey == "lsst":
        _refuse("Rubin's objects have a year of visits behind them", {"--epochs": epochs, "--days": days})
    settings = _settings(
        config, survey=survey, kafka={"bootstrap_servers": bootstrap_servers}, redis={"url": redis}
    ).one
    from starsieve.broker.bench import stream as measuring  # noqa: PLC0415
    from starsieve.broker.telemetry import configure_logs  # noqa: PLC0415

    configure_logs("auto", "error")
    console = Console(stderr=json)
    alerts = alerts or measuring.ALERTS[pattern]
    epochs, days = 713 if epochs is None else epochs, days or 1000
    plan = measuring.Plan(pattern, workers, alerts, objects, epochs, days, rate, seed)
    found = measuring.measure(settings, plan, console)
    if json:
        typer.echo(dumps(found))
    else:
        console.print(measuring.as_table(found))


app.command("features")(features_command)
app.add_typer(bench_app, name="bench")
mount_networks(app)


def main() -> None:
    """Entry point of the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a letter that the terminal does not have is no reason to die
        sys.stdout.reconfigure(errors="replace")
    app()


def _settings(config: Path | None, **overrides: Any) -> "Settings":
    from starsieve.broker.settings import load  # noqa: PLC0415

    return load(config, **overrides)


def _refuse(why: str, options: Mapping[str, object]) -> None:
    """Raises UsageError where one of these options is given, which would do nothing."""
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"{name} does not apply: {why}")


def _check_places(folder: Path | None, file: Path | None) -> None:
    """Makes sure, before the work, of where its results go."""
    if folder is not None:
        check_folder(folder)
    if file is not None:
        check_file(file)


def _say(text: str) -> None:
    typer.secho(text, err=True, fg=typer.colors.YELLOW)


if __name__ == "__main__":
    main()
