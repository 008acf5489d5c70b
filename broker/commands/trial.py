"""The stream on trial: `demo`, `bench stream`."""

from json import dumps
from typing import Annotated, Literal

import typer
from rich.console import Console

from starsieve.broker.commands.options import Bootstrap, Config, Simulated, refuse, settings_of
from starsieve.features.tools.errors import CommandError


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
        refuse("Rubin's objects have a year of visits behind them", {"--epochs": epochs, "--days": days})
    settings = settings_of(
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
