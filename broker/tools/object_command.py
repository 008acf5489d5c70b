"""What `starsieve object` does, in order: connect, find, compute, print, draw; or forget."""

from pathlib import Path
from typing import Literal

import typer
from rich.console import Console

from starsieve.broker.redis_client import connect, store_errors
from starsieve.broker.settings import Settings
from starsieve.broker.store import LightCurves
from starsieve.broker.surveys import installed
from starsieve.broker.tools import one_object
from starsieve.broker.tools.one_object import ObjectError
from starsieve.broker.warmup import warm_up
from starsieve.features.tools.commands import check_picture

__all__ = ["ObjectError", "forget", "show"]


Form = Literal["text", "json", "csv"]


@store_errors()
def show(settings: Settings, object_id: str, form: Form, plot: Path | None) -> None:
    """Prints an object, and draws it if there is a path for a picture.

    Raises ObjectError, StoreError, models.ModelError, OSError; ModuleNotFoundError without matplotlib.
    """
    if plot is not None:
        check_picture(plot)
    kept, time_to_live_s = installed.survey(settings.survey).FORM, settings.redis.time_to_live_days * 86400
    with connect(settings.redis.url.get_secret_value()) as client:
        light_curves = LightCurves(client, settings.survey, time_to_live_s=time_to_live_s, form=kept)
        found = one_object.find(light_curves, settings.survey, object_id)
    if form == "csv":
        typer.echo(one_object.as_csv(found.epochs), nl=False)
        if plot is None:
            return
    classifier = one_object.network_in_use(settings)
    warm_up()
    (outcome,) = found.as_of([one_object.last_mjd(found.epochs)], classifier, settings)
    if form == "json":
        typer.echo(one_object.as_json(found, outcome, classifier))
    elif form == "text":
        Console().print(one_object.as_text(found, outcome, classifier))
    if plot is not None:
        from starsieve.broker.tools import object_plot  # noqa: PLC0415 - an extra

        over_time = one_object.history(found, classifier, settings)
        object_plot.draw(plot, found, outcome, classifier, *over_time)
        typer.echo(f"picture: {plot}", err=True)


@store_errors()
def forget(settings: Settings, object_id: str, *, sure: bool) -> None:
    """Removes an object from the store, whatever is at its keys; asks before, unless `sure`.

    Raises ObjectError where there is nothing, StoreError.
    """
    with connect(settings.redis.url.get_secret_value()) as client:
        light_curves = LightCurves(client, settings.survey, time_to_live_s=1)
        held = light_curves.holds(object_id)
        if not held:
            raise ObjectError(f"unknown: the store has nothing of {object_id!r} of the survey {settings.survey!r}")
        if not sure:
            there = ", ".join(f"{key} ({each.kind})" for key, each in held.items())
            typer.confirm(f"Remove {there}? Only the packets of later alerts bring back some of it.", abort=True)
        removed = light_curves.forget(object_id)
    typer.echo(f"{object_id} of {settings.survey} is forgotten: {removed} keys removed", err=True)
