"""Outcomes as a table: a row an outcome, as CSV, Parquet or ECSV."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from starsieve.broker.outcomes import Outcome
from starsieve.features.tools.commands import check_file, replacing
from starsieve.features.tools.outputs import check_table, written

_ROWS_AT_ONCE = 10_000
# Name, Arrow's type, and where it is.
COLUMNS: list[tuple[str, str, Callable[[Outcome], Any]]] = [
    ("object_id", "string", lambda outcome: outcome.object_id),
    ("alert_id", "int64", lambda outcome: outcome.alert_id),
    ("survey", "string", lambda outcome: outcome.survey),
    ("time", "string", lambda outcome: outcome.time and outcome.time.isoformat()),
    ("ra", "float64", lambda outcome: outcome.ra),
    ("dec", "float64", lambda outcome: outcome.dec),
    ("status", "string", lambda outcome: outcome.status),
    ("class", "string", lambda outcome: outcome.class_name),
    ("probability", "float64", lambda outcome: outcome.probability),
    ("reason", "string", lambda outcome: outcome.reason),
    ("period", "float64", lambda outcome: outcome.period),
    ("period_trust", "string", lambda outcome: outcome.period_trust),
    ("epochs", "int64", lambda outcome: outcome.epochs),
    ("probabilities", "string", lambda outcome: json.dumps(outcome.probabilities) if outcome.probabilities else None),
    ("classifier", "string", lambda outcome: outcome.classifier),
    ("classifier_version", "string", lambda outcome: outcome.classifier_version),
    ("position", "string", lambda outcome: outcome.position),
]


def check(path: Path) -> None:
    """Makes sure before the work that such a file can be written. Raises UsageError, ModuleNotFoundError."""
    if path.suffix.lower() == ".csv":  # which needs no extra
        check_file(path)
    else:
        check_table(path)


def write(outcomes: Iterable[Outcome], path: Path) -> int:
    """Writes the file, whole or not at all, and gives the number of rows. Times are of ISO 8601; periods in days."""
    rows = ([_value(get, outcome) for _, _, get in COLUMNS] for outcome in outcomes)
    if path.suffix.lower() != ".csv":
        return _write_arrow(rows, path)
    with replacing(path) as unfinished:
        return _write_csv(rows, unfinished)


def _value(get: Callable[[Outcome], Any], outcome: Outcome) -> Any:
    value = get(outcome)
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _write_csv(rows: Iterator[list[Any]], path: Path) -> int:
    with path.open("w", newline="", encoding="utf-8") as file:
        table, n_rows = csv.writer(file), 0
        table.writerow(name for name, _, _ in COLUMNS)
        for row in rows:
            table.writerow(row)
            n_rows += 1
    return n_rows


def _write_arrow(rows: Iterator[list[Any]], path: Path) -> int:
    import pyarrow as pa  # noqa: PLC0415 - the `archive` extra: CSV does without

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind, _ in COLUMNS])
    n_rows = 0
    with written(path, schema) as write_table:
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            columns = [
                pa.array(column, kind) for column, kind in zip(zip(*some, strict=True), schema.types, strict=True)
            ]
            write_table(pa.table(columns, schema=schema))
            n_rows += len(some)
    return n_rows
