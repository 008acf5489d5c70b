"""Commands of this package; `starsieve.broker.cli` mounts them."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from starsieve.features.tools.options import LIGHT_CURVES, Band, ColumnNames, OutputTable, form_of

bench_app = typer.Typer(help="Measure speed and correctness on this machine.", no_args_is_help=True)


def features_command(
    path: Annotated[Path, typer.Argument(help=LIGHT_CURVES)],
    output: OutputTable,
    column: ColumnNames = None,
    band: Band = None,
) -> None:
    """Compute the features and profile of every light curve, on all cores. Run again to resume.

    Example: starsieve features lightcurves/catalina -o catalina.parquet

    Example: starsieve features stars/ --column mag=Vmag --column magerr=e_Vmag --band V -o features.csv

    Example: starsieve features survey.csv --column object_id=ID -o features.ecsv

    Example: starsieve features survey.fits -o features.parquet
    """
    from starsieve.features.tools.table import write_features  # noqa: PLC0415 - keeps `starsieve --help` instant

    write_features(path, form_of(column, None, band), output, Console(stderr=True))


@bench_app.command("features")
def bench_features(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Measure the period search, a stream's update and the features beside light-curve and nifty-ls.

    Example: starsieve bench features
    """
    from starsieve.features.tools.bench import measure_speed, speed_table  # noqa: PLC0415 - keeps `starsieve --help` instant

    console = Console(stderr=as_json)
    results = measure_speed(console)
    if as_json:
        typer.echo(json.dumps(results))
    else:
        console.print(speed_table(results))


@bench_app.command("periods")
def bench_periods(
    data: Annotated[Path, typer.Option("--data", help="Folder of surveys, or one survey's light curves.")],
    limit: Annotated[int, typer.Option("--limit", min=0, help="Stars per survey, chosen at random; 0: all.")] = 0,
    max_epochs: Annotated[int, typer.Option("--max-epochs", min=0, help="First epochs of each band; 0: all.")] = 0,
    plots: Annotated[Path | None, typer.Option("--plots", help="Folder for one picture per survey.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Compare periods with the published ones, by class and by trust, on real and on simulated stars.

    Example: starsieve bench periods --data lightcurves --limit 2000
    """
    from starsieve.features.tools.bench_periods import compare_periods, period_tables  # noqa: PLC0415 - keeps `--help` instant

    console = Console(stderr=as_json)
    results = compare_periods(data, limit, max_epochs, plots, console)
    if as_json:
        typer.echo(json.dumps(results))
    else:
        for table in period_tables(results):
            console.print(table)
