"""The command `starsieve`.

Exit codes: 0 done; 1 failed while running; 2 wrong usage or a wrong setting; 130 or 143 stopped by a second signal.
Errors of the kinds in features/tools/errors.py end every command by this rule: `Commands` sees to it.
"""

import io
import sys

import typer

from starsieve.broker.commands import alerts, store, stream, trial
from starsieve.features.tools.cli import bench_app, features_command
from starsieve.features.tools.commands import Commands
from starsieve.models.cli import mount as mount_networks

app = typer.Typer(
    cls=Commands,
    help="A streaming filter for astronomical alert brokers. Exit codes: 0 done, 1 failed, 2 wrong usage.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(stream.run)
app.command()(stream.tail)
app.command()(alerts.replay)
app.command()(store.backfill)
app.command()(stream.redrive)
app.command()(alerts.simulate)
app.command("object")(store.show_object)
app.command()(store.drift)
app.command()(trial.demo)


@app.command()
def version() -> None:
    """Print the version. Example: [bold]starsieve version[/bold]"""
    from importlib.metadata import version as installed  # noqa: PLC0415 - --help needs nothing

    typer.echo(f"starsieve {installed('starsieve')}")


app.command("features")(features_command)
bench_app.command("stream")(trial.bench_stream)
app.add_typer(bench_app, name="bench")
mount_networks(app)


def main() -> None:
    """Entry point of the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a letter that the terminal does not have is no reason to die
        sys.stdout.reconfigure(errors="replace")
    app()


if __name__ == "__main__":
    main()
