"""Alerts that are sent to a topic: `replay`, `simulate`."""

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from starsieve.broker.commands.options import Bootstrap, Config, Rate, Simulated, refuse, settings_of
from starsieve.features.tools.commands import check_file, check_folder, tell
from starsieve.features.tools.errors import UsageError
from starsieve.features.tools.options import Band, ColumnNames, Labels, form_of


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
    settings = settings_of(config, kafka={"bootstrap_servers": bootstrap_servers}).kafka
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
    sending.send(chain([first], packets), total, settings, topic, rate, tell, unread)


def simulate(
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    topic: Annotated[str | None, typer.Option("--topic", "-t", help="Topic to send to; created if absent.")] = None,
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
        refuse("it needs --light-curves", told)
    else:
        refuse("real stars are observed when they were, with --light-curves", {"--nights": nights})
    if output is not None:
        kafkas = {"--rate": rate, "--bootstrap-servers": bootstrap_servers, "--config": config}
        refuse("nothing is sent to Kafka with --output", kafkas)
    settings = settings_of(config, kafka={"bootstrap_servers": bootstrap_servers}).kafka
    from starsieve.broker import simulate as simulating  # noqa: PLC0415
    from starsieve.broker.tools import sending  # noqa: PLC0415

    _check_places(output, truth)
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
        sending.send(packets, total, settings, topic, rate, tell)
    elif output is not None:
        with sending.progress() as progress:
            simulating.write_packets(progress.track(packets, total=total, description="alerts"), output)


def _check_places(packets: Path | None, truth: Path | None) -> None:
    """Makes sure, before the work, of where its results go."""
    if packets is not None:
        check_folder(packets)
        if packets.is_dir() and any(packets.iterdir()):
            raise UsageError(f"--output: {packets} has files already, which would be taken for alerts of these stars")
    if truth is not None:
        check_file(truth)
