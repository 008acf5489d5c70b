"""What is in the store: `backfill`, `object`, `drift`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from starsieve.broker.commands.options import Config, Redis, Survey, refuse, settings_of
from starsieve.features.tools.errors import UsageError
from starsieve.features.tools.options import Band, ColumnNames, form_of


def backfill(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Packets and archives of them, as for `replay`; light curves; folders of either."),
    ],
    config: Config = None,
    redis: Redis = None,
    survey: Survey = None,
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
        refuse("light curves are matched by position with --objects", {"--radius": radius})
    settings = settings_of(config, survey=survey, redis={"url": redis}).one
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


def show_object(
    object_id: Annotated[str, typer.Argument(help="As the survey's alerts name it.", metavar="ID")],
    config: Config = None,
    redis: Redis = None,
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
    settings = settings_of(config, survey=survey, redis={"url": redis}).one
    from starsieve.broker.tools import object_command  # noqa: PLC0415

    if forget:
        object_command.forget(settings, object_id, sure=yes)
    else:
        object_command.show(settings, object_id, "json" if json else "csv" if csv else "text", plot)


def drift(
    config: Config = None,
    redis: Redis = None,
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
    settings = settings_of(config, survey=survey, redis={"url": redis}).one
    from starsieve.broker.tools import drift_command  # noqa: PLC0415

    if accept:
        drift_command.accept(settings, time.time())
    elif reset:
        drift_command.reset(settings)
    else:
        drift_command.show(settings, time.time(), as_json=json, plot=plot)
