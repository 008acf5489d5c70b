"""What `tail` shows of outcomes, whoever wrote them."""

import json

import pytest
from rich.console import Console

from starsieve.broker.outputs.message import CLASSIFIED
from starsieve.broker.tools.tail import LiveTable, as_json


def cells(table: LiveTable) -> list[str]:
    """Of the row of the object called star."""
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table.render())
    (row,) = (line for line in captured.get().splitlines() if "star " in line)
    return [cell.strip() for cell in row.split("│")[1:-1]]


@pytest.mark.parametrize(("periods", "shown"), [((None, 0.5671234), "0.56712"), ((None, None), "")])
def test_the_period_is_that_of_any_band_that_has_it(periods: tuple[float | None, ...], shown: str) -> None:
    table = LiveTable()
    bands = [{"band": band, "epochs": 30, "period": period} for band, period in zip("gr", periods, strict=True)]
    probabilities = [{"className": "RRAB", "classId": 2323, "probability": 1.0}]
    table.add({"objectId": "star", "status": CLASSIFIED, "bands": bands, "classifications": probabilities})
    assert cells(table)[2:4] == [shown, ""]


@pytest.mark.parametrize(
    ("trust", "aliases", "shown"),
    [("FIRM", [], "firm"), ("ALIASED", ["day", "year"], "aliased day year"), ("FEW_CYCLES", [], "few cycles")],
)
def test_how_far_to_trust_the_period_stands_beside_it(trust: str, aliases: list[str], shown: str) -> None:
    table = LiveTable()
    outcome = {"objectId": "star", "status": CLASSIFIED, "period": {"days": 0.99, "trust": trust, "aliases": aliases}}
    bands = [{"band": "g", "epochs": 30, "period": 0.99}]
    table.add(outcome | {"bands": bands, "classifications": [{"className": "EW", "classId": 2325, "probability": 1.0}]})
    assert cells(table)[2:4] == ["0.99000", shown]


def test_times_are_written_in_full() -> None:
    times = {"alertTimestamp": 1_600_000_000_123, "brokerIngestTimestamp": None, "brokerPublishTimestamp": 2**62}
    assert json.loads(as_json({"objectId": "star", **times})) == {
        "objectId": "star",
        "alertTimestamp": "2020-09-13T12:26:40.123000+00:00",
        "brokerIngestTimestamp": None,
        "brokerPublishTimestamp": 2**62,
    }
