"""Options of all commands that take light curves: what their files leave to be said."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from starsieve.features.tools.columns import MEANINGS, Form
from starsieve.features.tools.errors import UsageError

LIGHT_CURVES = "Light curves: a folder or a file of CSV, Parquet, ECSV, VOTable or FITS (README, Light curves)."

OutputTable = Annotated[Path, typer.Option("--output", "-o", help="Table to write: .parquet, .csv or .ecsv.")]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="OURS=THEIRS", help="How the files call a column, such as magerr=e_Vmag; once for each."
    ),
]
Labels = Annotated[Path | None, typer.Option("--labels", help="Table with object_id and label, of any of these kinds.")]
Band = Annotated[str | None, typer.Option("--band", help="The one band of files without a column for it.")]


def form_of(columns: Sequence[str] | None, labels: Path | None, band: str | None) -> Form:
    """The form that these options say. Raises UsageError."""
    names: dict[str, str] = {}
    for text in columns or ():
        ours, _, theirs = text.partition("=")
        if ours not in MEANINGS or not theirs:
            raise UsageError(f"--column {text}: it is OURS=THEIRS, and ours are {', '.join(MEANINGS)}")
        if names.setdefault(ours, theirs) != theirs:
            raise UsageError(f"--column: {ours} is said to be both {names[ours]} and {theirs}")
    if band is not None and not band.strip():
        raise UsageError("--band: a band has a name")
    return Form(names, labels, band)
