"""The commands about networks: what each takes, and nothing of what it does."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from starsieve.features.tools.commands import need, tell
from starsieve.features.tools.errors import UsageError
from starsieve.features.tools.options import LIGHT_CURVES, Band, ColumnNames, Labels, OutputTable, form_of
from starsieve.features.tools.outputs import check_apart, check_table
from starsieve.models import registry_cli

ERRORS_ONLY = "3"  # of what TensorFlow has to say

models_app = typer.Typer(help="The networks: those of the package, and others.", no_args_is_help=True)
registry_cli.mount(models_app)
experiment_app = typer.Typer(help="The experiments behind docs/results.md.", no_args_is_help=True)


class Catalogue(StrEnum):
    """What a source network can be synthesised from."""

    ogle3 = "ogle3"


Data = Annotated[Path, typer.Option("--data", help=f"Labelled light curves. {LIGHT_CURVES}")]
Everything = Annotated[
    Path,
    typer.Option("--data", envvar="STARSIEVE_DATA", help="Folder with lightcurves/, catalogs/, alerts/, upsilont/."),
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same network, up to rounding.")]
Cache = Annotated[
    Path | None,
    typer.Option(help="Keeps features between runs; default: STARSIEVE_CACHE, else the user's cache folder."),
]
Threads = Annotated[int, typer.Option(min=1, help="Threads for features and, in the experiment, trainings.")]
Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder to write the network and its card to.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, last.")]


def mount(app: typer.Typer) -> None:
    """Adds these commands to the main one."""
    app.add_typer(models_app, name="models")
    app.add_typer(experiment_app, name="experiment")
    for command in (train, transfer, evaluate, classify):
        app.command()(command)


def train(
    output: Folder,
    data: Everything = Path("data"),
    source: Annotated[Catalogue, typer.Option(help="Catalogue of the stars to synthesise.")] = Catalogue.ogle3,
    objects: Annotated[int, typer.Option(min=10, help="Synthetic light curves of a typical class.")] = 1000,
    seed: Seed = 0,
    cache: Cache = None,
    threads: Threads = 1,
) -> None:
    """Train the source network on light curves synthesised from the OGLE-III catalogue, and on real Cepheids.

    Example: [bold]starsieve train --source ogle3 --data data -o my-source[/bold]
    """
    with _working(cache, threads) as work:
        from starsieve.models.recipes import sources  # noqa: PLC0415

        sources.train(source.value, data, output, objects=objects, seed=seed, work=work)


def transfer(
    data: Data,
    output: Folder,
    source: Annotated[
        str, typer.Option(help="Where to start: ogle3, upsilont, none (from scratch), or a folder that `train` wrote.")
    ],
    published: Annotated[
        Path | None, typer.Option(help="Folder of the published network; default: upsilont/ beside lightcurves/.")
    ] = None,
    fraction: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the labels, at least one a class.")] = 1.0,
    survey: Annotated[str | None, typer.Option(help="Name of the survey; default: the folder's.")] = None,
    parent: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS=PARENT",
            help="Where a class belongs that the ELAsTiCC taxonomy does not have, such as BLAZAR=AGN or "
            "BLAZAR=2332; under 100 Meta/Other without. Once for each.",
        ),
    ] = None,
    column: ColumnNames = None,
    labels: Labels = None,
    band: Band = None,
    seed: Seed = 0,
    cache: Cache = None,
    threads: Threads = 1,
) -> None:
    """Transfer a network to the labelled light curves of a survey.

    Example: [bold]starsieve transfer --source ogle3 --data lightcurves/asas --fraction 0.1 -o my-asas[/bold]

    Example: [bold]starsieve transfer --source ogle3 --data stars/ --labels classes.csv --parent BLAZAR=AGN -o my[/bold]
    """
    with _working(cache, threads) as work:
        from starsieve.features.tools.files import survey_of  # noqa: PLC0415
        from starsieve.models.recipes import transfer  # noqa: PLC0415

        card = transfer.transfer(
            data,
            output,
            source=source,
            published=published or data.resolve().parent.parent / "upsilont",
            fraction=fraction,
            name=survey or survey_of(data),
            form=form_of(column, labels, band),
            parents=_parents(parent),
            seed=seed,
            work=work,
        )
    if card.scores is not None and card.of_all is not None:
        absent = card.dropped_classes
        _show_scores(
            card.scores.model_dump() | {"left_out": absent, "not_classified": card.not_classified}, card.of_all
        )
    typer.echo(f"{card.name} {card.version} is in {output}; dropped classes: {card.dropped_classes or 'none'}")


def evaluate(
    data: Data,
    survey: Annotated[str | None, typer.Option(help="One of `starsieve models list`.")] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a network of your own.")] = None,
    max_epochs: Annotated[int | None, typer.Option(min=1, help="Cut every light curve to its first epochs.")] = None,
    column: ColumnNames = None,
    labels: Labels = None,
    band: Band = None,
    as_json: Json = False,
    cache: Cache = None,
    threads: Threads = 1,
) -> None:
    """Judge a network by labelled light curves; by those it was trained on, it looks better than it is.

    Example: [bold]starsieve evaluate --model my-asas --data lightcurves/new-asas --max-epochs 50 --json[/bold]

    Example: [bold]starsieve evaluate --survey asas --data stars/ --labels classes.csv --column label=Type[/bold]
    """
    from starsieve.features.tools.folder import read_light_curves  # noqa: PLC0415
    from starsieve.models.judging import judging  # noqa: PLC0415

    classifier = _classifier(survey, model)
    curves = read_light_curves(data, form_of(column, labels, band))
    _warn_of_bands(curves.bands_seen, classifier)
    table = _features(curves.first(max_epochs) if max_epochs else curves, cache, threads, classifier.min_epochs)
    scores = judging.judge(classifier.classes, table, judging.answers(classifier, table))
    of_all = judging.of_all(scores)
    scores["of_all"] = {"n": of_all.n, "right": of_all.right, "accuracy": of_all.accuracy}
    scores["trained_on"] = _tell_of_training(classifier.card)
    _show_scores(scores, of_all, f" in {data}")
    if as_json:
        typer.echo(json.dumps(scores))


def classify(
    path: Annotated[Path, typer.Argument(help=LIGHT_CURVES)],
    output: OutputTable,
    survey: Annotated[str | None, typer.Option(help="One of `starsieve models list`.")] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a network of your own.")] = None,
    column: ColumnNames = None,
    band: Band = None,
    cache: Cache = None,
    threads: Threads = 1,
) -> None:
    """Classify light curves: a row for each object, with class, period and reason, and a column for each class.

    Example: [bold]starsieve classify lightcurves/asas --survey asas -o classes.parquet[/bold]

    Example: [bold]starsieve classify stars/ --column magerr=e_Vmag --band V --survey asas -o classes.csv[/bold]

    Example: [bold]starsieve classify survey.csv --column object_id=ID --survey ztf -o classes.ecsv[/bold]

    Example: [bold]starsieve classify survey.fits --model my-network -o classes.parquet[/bold]
    """
    classifier = _classifier(survey, model)
    check_apart(output, path)
    check_table(output)
    from starsieve.features.tools.folder import opened  # noqa: PLC0415
    from starsieve.models.data import tables  # noqa: PLC0415
    from starsieve.models.judging import catalogue  # noqa: PLC0415

    folder = opened(path, form_of(column, None, band), optional=catalogue.POSITION)
    _warn_of_bands(folder.bands.tolist(), classifier)
    where = cache or tables.default_cache()
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("objects", total=len(folder.objects))
        counts = catalogue.write(
            classifier, folder, output, cache=where, threads=threads, on_objects=lambda n: progress.advance(bar, n)
        )
    typer.echo(catalogue.summary(counts), err=True)


@models_app.command()
def build(
    data: Everything = Path("data"),
    survey: Annotated[list[str] | None, typer.Option(help="Only these.")] = None,
    cache: Cache = None,
    threads: Threads = 2,
) -> None:
    """Rebuild the networks that come with the package. Example: [bold]starsieve models build --data data[/bold]"""
    with _working(cache, threads) as work:
        from starsieve.models.recipes import shipped  # noqa: PLC0415

        shipped.everything(data, survey, work)


@experiment_app.command("transfer")
def experiment_transfer(
    data: Everything = Path("data"),
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the table and the plot.")] = Path("docs"),
    cache: Cache = None,
    threads: Threads = 2,
) -> None:
    """Sources against fractions of the labels, with forests beside them: table and learning curves.

    Example: [bold]starsieve experiment transfer --data data -o docs[/bold]
    """
    with _working(cache, threads) as work:
        from starsieve.models.experiment import transfer as experiment  # noqa: PLC0415

        experiment.run(data, output, work)


@experiment_app.command("zero-shot")
def experiment_zero_shot(
    data: Everything = Path("data"),
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the table.")] = Path("docs"),
    model: Annotated[Path | None, typer.Option(help="Folder of a source of your own; default: ogle3.")] = None,
    stars: Annotated[int | None, typer.Option(min=1, help="At most so many of each survey; default: all.")] = None,
    cache: Cache = None,
    threads: Threads = 2,
) -> None:
    """Our source and the published network on real light curves of every band, without any transfer.

    Example: [bold]starsieve experiment zero-shot --data data -o docs[/bold]
    """
    with _working(cache, threads) as work:
        from starsieve.models.experiment import zero_shot  # noqa: PLC0415

        zero_shot.run(data, output, model, stars, work)


def _features(curves: Any, cache: Path | None, threads: int, min_epochs: int) -> Any:
    from starsieve.models.data import tables  # noqa: PLC0415

    with Console(stderr=True).status("Computing features"):
        return tables.extract(curves, cache=cache or tables.default_cache(), threads=threads, min_epochs=min_epochs)


def _warn_of_bands(bands: list[str], classifier: Any) -> None:
    """The stream classifies none but the network's bands; here, whoever tries it with others is to know."""
    others = [band for band in bands if band not in classifier.bands]
    if others:
        tell(f"bands {', '.join(others)}: this network was trained on {', '.join(classifier.bands)}")


def _classifier(survey: str | None, model: Path | None) -> Any:
    from starsieve.models.serving import registry  # noqa: PLC0415
    from starsieve.models.serving.classifier import Classifier  # noqa: PLC0415

    if (survey is None) == (model is None):
        raise UsageError("give either --survey or --model")
    return Classifier(model) if model else registry.load(str(survey))


def _tell_of_training(card: Any) -> dict[str, Any] | None:
    """Says what a network was trained on, and how good its card says it is of what it had not seen."""
    if card.training is None:
        return None
    objects = sum(card.training.objects.values())
    own = ""
    if (kept := card.of_all) is not None:
        own = f"; of others, {kept.n:,} kept apart for its card, {kept.right:,} were right, {kept.accuracy:.3f}"
    tell(f"trained on {objects:,} objects ({card.training.light_curves}), whose answers it knows{own}")
    return {"objects": objects, "light_curves": card.training.light_curves}


def _parents(texts: list[str] | None) -> dict[str, int]:
    from starsieve.models.serving import taxonomy  # noqa: PLC0415

    found = {}
    for text in texts or ():
        label, _, parent = text.rpartition("=")
        if not label:
            raise UsageError(f"--parent {text}: it is CLASS=PARENT")
        found[label] = taxonomy.parent_of(parent)
    return found


def _show_scores(scores: dict[str, Any], of_all: Any, where: str = " kept apart") -> None:
    """What is right of all labelled objects first, then the scores of those whose classes the network has."""
    from starsieve.models.judging.judging import UNLABELLED  # noqa: PLC0415

    right = f"right: {of_all.right:,} of all {of_all.n:,} labelled objects{where}, {of_all.accuracy:.3f}"
    table = Table("class", "precision", "recall", "F1", "n")
    for name, value in scores["per_class"].items():
        if value["n"]:
            table.add_row(name, *(f"{value[key]:.2f}" for key in ("precision", "recall", "f1")), str(value["n"]))
    for name, count in scores["left_out"].items():
        why = "without a label, not counted" if name == UNLABELLED else "not a class of the network"
        table.add_row("" if name == UNLABELLED else name, "", why, "", str(count))
    console = Console(stderr=True)
    typer.echo(right, err=True)
    console.print(table)
    numbers = [f"{key} {scores[key]:.3f}" for key in ("accuracy", "macro_f1", "mcc", "ece") if scores[key] is not None]
    console.print(f"Of the {scores['n']:,} of these that are of its classes: {', '.join(numbers)}")
    if missed := scores["not_classified"]:
        console.print("not classified: " + ", ".join(f"{count:,} {reason}" for reason, count in missed.items()))


@contextmanager
def _working(cache: Path | None, threads: int) -> Iterator[Any]:
    """The working conditions of a training, with a progress bar for every task that reports."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", ERRORS_ONLY)
    need("pyarrow", "matplotlib")  # for the light curves, and for the pictures at the end
    with Progress(console=Console(stderr=True)) as progress:
        from starsieve.models.data import tables  # noqa: PLC0415 - TensorFlow is not for --help
        from starsieve.models.recipes import building  # noqa: PLC0415 - TensorFlow is not for --help

        bars: dict[str, TaskID] = {}

        def on_step(task: str, done: float, of: float) -> None:
            if task not in bars:
                bars[task] = progress.add_task(task)
            progress.update(bars[task], completed=done, total=of or None)

        yield building.Work(cache or tables.default_cache(), threads, on_step)
