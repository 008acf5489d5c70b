"""The commands about the networks that streams use: those of the package, and those of a folder beside it."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from starsieve.features.tools.errors import EXIT_FAILED, UsageError
from starsieve.models import ModelError

if TYPE_CHECKING:  # --help needs neither NumPy nor LiteRT
    from starsieve.models.serving.card import Card
    from starsieve.models.serving.classifier import Classifier
    from starsieve.models.serving.networks import Networks

Address = Annotated[
    str | None,
    typer.Option(
        "--networks",
        envvar="STARSIEVE_NETWORKS",
        help="Folder of networks beside the shipped ones, or an address that fsspec knows.",
    ),
]
FEW_BANDS = 6  # that a table names
Survey = Annotated[str, typer.Argument(help="One of `starsieve models list`.")]


def mount(app: typer.Typer) -> None:
    """Adds these commands to those about networks."""
    app.command("list")(list_networks)
    for command in (show, verify, add, activate, rollback):
        app.command()(command)


def list_networks(
    networks: Address = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each network, nothing else.")] = False,
) -> None:
    """List the networks at hand. Example: [bold]starsieve models list --networks /srv/networks[/bold]"""
    if as_json:
        for survey, version, origin, is_active in _known(networks):
            told = {"survey": survey, "version": version, "from": origin, "active": is_active}
            typer.echo(json.dumps(told | _numbers(networks, survey, version)))
        return
    names = ("", "survey", "version", "from", "classes", "bands", "judged", "right", "F1", "MCC")
    # In 80 columns: versions are to be copied whole, folders may be long.
    columns = [Column(name, no_wrap=name != "from", overflow="fold") for name in names]
    table = Table(*columns, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for survey, version, origin, is_active in _known(networks):
        try:
            network = _load(networks, survey, version)
        except ModelError as error:
            table.add_row("*" * is_active, survey, version, origin, f"cannot be used: {error}")
            continue
        row = (survey, network.version, origin, str(len(network.classes)), _shown(network.bands))
        table.add_row("*" * is_active, *row, *_judged(network.card))
    table.caption = (
        "*: the one that streams use. Judged on real held-out stars as the stream sees them, on all stars with "
        "labels, or on synthetic light curves alone; F1 is macro-F1."
    )
    Console().print(table)


def _shown(bands: Sequence[str]) -> str:
    if len(bands) > FEW_BANDS:
        return f"{len(bands)} bands"
    return ("" if max(map(len, bands)) == 1 else " ").join(bands)


def _numbers(address: str | None, survey: str, version: str) -> dict[str, object]:
    """What the table says of a network, or why it cannot be used."""
    try:
        network = _load(address, survey, version)
    except ModelError as error:
        return {"error": str(error)}
    found: dict[str, object] = {"version": network.version, "classes": network.classes, "bands": network.bands}
    if judged := _judged(network.card):
        found |= {"judged_on": judged[0]}
        found |= {name: float(value) for name, value in zip(("accuracy", "macro_f1", "mcc"), judged[1:], strict=True)}
    return found


def _judged(card: "Card") -> tuple[str, ...]:
    """What its scores are of, and these."""
    scores, of_all = card.honest, card.of_all
    if scores is None or of_all is None:
        return ()
    if scores is not card.scores:
        judged, right = "stream", scores.accuracy
    else:
        judged, right = "synth" if card.simulated else "labels", of_all.accuracy
    return judged, f"{right:.2f}", f"{scores.macro_f1:.2f}", f"{scores.mcc:.2f}"


def show(
    survey: Survey,
    version: Annotated[str | None, typer.Argument(help="Default: the one that streams use.")] = None,
    networks: Address = None,
) -> None:
    """Print the card of a network. Example: [bold]starsieve models show asas | jq .scores[/bold]"""
    typer.echo(_load(networks, survey, version).card.text())


def verify(networks: Address = None) -> None:
    """Check that every network is the one of its card and answers as where it was made.

    Example: [bold]starsieve models verify --networks s3://surveys/networks[/bold]
    """
    failed = 0
    for survey, version, _, _ in _known(networks):
        try:
            typer.echo(f"{survey} {_load(networks, survey, version).version} ok")
        except ModelError as error:
            failed += 1
            typer.secho(f"{survey} {version}: {error}", err=True, fg=typer.colors.RED)
    if failed:
        raise typer.Exit(EXIT_FAILED)


def add(
    folder: Annotated[Path, typer.Argument(help="Folder that `transfer` wrote.")], networks: Address = None
) -> None:
    """Copy a network to the others, once it has passed every check; `activate` makes streams use it.

    Example: [bold]starsieve models add my-ztf --networks /srv/networks[/bold]
    """
    done = _open(networks).add(folder)
    state = "was there already" if done.already else "added"
    typer.echo(f"{done.name} {done.version} {state}: starsieve models activate {done.survey} {done.version}")


def activate(
    survey: Survey,
    version: Annotated[str, typer.Argument(help="One of `starsieve models list`, or `shipped`.")],
    networks: Address = None,
) -> None:
    """Make streams use a version: running workers do within 10 seconds, between two batches.

    Example: [bold]starsieve models activate ztf 1a2b3c4d --networks /srv/networks[/bold]
    """
    _say_active(_open(networks).activate(survey, version))


def rollback(survey: Survey, networks: Address = None) -> None:
    """Make streams use the version again that they used before.

    Example: [bold]starsieve models rollback ztf --networks /srv/networks[/bold]
    """
    _say_active(_open(networks).rollback(survey))


def _known(address: str | None) -> Iterator[tuple[str, str, str, bool]]:
    """Survey, version, where from, and whether streams use it."""
    from starsieve.models.serving import registry  # noqa: PLC0415
    from starsieve.models.serving.networks import SHIPPED  # noqa: PLC0415

    if address is None:
        yield from ((survey, SHIPPED, "package", True) for survey in registry.surveys())
        return
    networks = _open(address)
    for survey in networks.surveys():
        last = networks.active(survey)
        active = SHIPPED if last is None else last.version
        if survey in registry.surveys():
            yield survey, SHIPPED, "package", active == SHIPPED
        for version in networks.versions(survey):
            yield survey, version, networks.shown, active == version


def _load(address: str | None, survey: str, version: str | None) -> "Classifier":
    from starsieve.models.serving import registry  # noqa: PLC0415
    from starsieve.models.serving.acceptance import accept  # noqa: PLC0415
    from starsieve.models.serving.networks import SHIPPED  # noqa: PLC0415

    if address is not None:
        return _open(address).load(survey, version)
    network = registry.load(survey)
    if version not in {None, SHIPPED, network.version}:
        raise ModelError(f"the package has no {survey} {version}: give --networks or STARSIEVE_NETWORKS")
    return accept(registry.WEIGHTS / survey)


def _open(address: str | None) -> "Networks":
    from starsieve.models.serving.networks import Networks  # noqa: PLC0415

    if address is None:
        raise UsageError("where are the networks kept? Give --networks or STARSIEVE_NETWORKS")
    return Networks(address)


def _say_active(network: "Classifier") -> None:
    typer.echo(f"{network.survey}: {network.name} {network.version} is active")
