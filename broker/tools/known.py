"""What the ZTF network says about real packets of objects that catalogues know, written on its card.

Run by `make networks`, behind the training, as it needs the stream's decoder: python -m starsieve.broker.tools.known
"""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from starsieve.broker.epochs import EPOCH
from starsieve.broker.process import Outcome, process
from starsieve.broker.store import Stored
from starsieve.broker.surveys import Alert
from starsieve.broker.surveys.packets import decode
from starsieve.models.judging import report
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier

CATALOGUES = ("CSDR1", "SSS", "GCVS")  # columns x_* (class) and p_* (period): Catalina north and south, and the GCVS
# SIMBAD types that correspond to a class of the network; its others (Star, Radio, Candidate_..., ...) do not.
SIMBAD = ("RRLyr", "EB*", "Cepheid", "deltaCep", "pulsV*SX", "BYDra", "AGB*", "OH/IR", "C*", "SN", "QSO", "AGN")
FEW_EPOCHS = 7  # of which features can be computed at all
TOP = 3

Row = dict[str, Any]


def known_packets(alerts_folder: Path, classifier: Classifier) -> Row:
    """The objects of index.csv with a known class, one by one, and how many others there are.

    Several packets of an object add up to one light curve, as in the stream.
    """
    with (alerts_folder / "index.csv").open() as file:
        index = [row for row in csv.DictReader(file) if row["survey"] == "ZTF"]
    known = {row["objectId"]: described for row in index if (described := _described(row))}
    packets: dict[str, list[Alert]] = {}
    for alert in _alerts(alerts_folder, sorted({row["file"] for row in index})):
        packets.setdefault(alert.object_id, []).append(alert)
    rows, too_short = [], 0
    for object_id, alerts in sorted(packets.items()):
        outcome = _outcome(alerts, classifier, classifier.min_epochs)
        if object_id in known:
            few = _outcome(alerts, classifier, FEW_EPOCHS)
            rows.append({"object": object_id} | known[object_id] | _answer(outcome, few, classifier))
        else:
            too_short += outcome.reason is not None
    others = len(packets) - len(rows)
    return {"objects": rows, "others": others, "others_not_classified": too_short, "few_epochs": FEW_EPOCHS}


def _described(row: Mapping[str, str]) -> Row:
    """Class and period of the catalogues; empty where none is known."""
    classes = [f"{row[f'x_{name}'].strip()} ({name})" for name in CATALOGUES if row[f"x_{name}"].strip()]
    classes += [f"{row['simbad']} (SIMBAD)"] if row["simbad"] in SIMBAD else []
    periods = [float(row[f"p_{name}"]) for name in CATALOGUES if row[f"p_{name}"].strip()]
    return {"class": ", ".join(classes), "catalogue_period": periods[0] if periods else None} if classes else {}


def _alerts(folder: Path, files: Sequence[str]) -> Iterator[Alert]:
    for file in files:
        path = folder / file
        if path.exists():
            yield from (alert for alert in decode(path.read_bytes(), "ztf") if isinstance(alert, Alert))


def _outcome(alerts: Sequence[Alert], classifier: Classifier, min_epochs: int) -> Outcome:
    """The answer to the latest of an object's alerts."""
    stored = {alerts[0].object_id: Stored(np.empty(0, EPOCH))}
    outcomes, _ = process(alerts, stored, classifier, min_epochs=min_epochs)
    return max(outcomes, key=lambda outcome: outcome.alert.mjd)


def _answer(outcome: Outcome, few: Outcome, classifier: Classifier) -> Row:
    periods = [round(band.period.period, 5) for band in few.bands if band.period is not None]
    return {
        "epochs": {band.band: band.epochs for band in few.bands},
        "period": periods[0] if periods else None,  # bands share it
        "reason": outcome.reason,
        "answer": _top(outcome, classifier),
        "answer_of_few_epochs": _top(few, classifier) if outcome.reason else {},
    }


def _top(outcome: Outcome, classifier: Classifier) -> dict[str, float]:
    order = np.argsort(-outcome.probabilities)[:TOP].tolist()
    return {classifier.classes[number]: round(float(outcome.probabilities[number]), 3) for number in order}


def main() -> None:
    """Adds the list to the card of the shipped ZTF network."""
    folder = registry.WEIGHTS / "ztf"
    classifier = Classifier(folder)
    data = Path(os.environ.get("STARSIEVE_DATA", "../shared/data"))
    card = classifier.card.model_copy(update={"known_packets": known_packets(data / "alerts", classifier)})
    card.write(folder)
    report.write_text(folder, card)


if __name__ == "__main__":
    main()
