"""Commands of this package; `starsieve.broker.cli` mounts them."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

bench_app = typer.Typer(help="Measure speed and correctness on this machine.", no_args_is_help=True)


def features_command(
    folder: Annotated[Path, typer.Argument(metavar="PATH", help="Folder with objects.parquet and points.parquet.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Parquet file to write.")],
) -> None:
    """Compute the features and profile of every light curve in a folder, on all cores. Run again to resume.

    Example: starsieve features lightcurves/catalina -o catalina.parquet
    """
    from starsieve.features.tools.table import write_features  # noqa: PLC0415 - keeps `starsieve --help` instant

    write_features(folder, out, Console(stderr=True))


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
    data: Annotated[Path, typer.Option("--data", help="Folder of surveys, or one survey's folder.")],
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
