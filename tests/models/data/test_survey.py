"""From labelled light curves to a training set: what is used, and what is left out and named."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from starsieve.features import FEATURES
from starsieve.features.tools.lightcurves import LightCurves, assemble
from starsieve.models.data import tables, training_set

EPOCHS = 40
# "same" has its light curve twice with one label, "torn" with two, "copy" with one that too few have.
OBJECTS = {
    "same-1": "EW",
    "same-2": "EW",
    "torn-1": "EW",
    "torn-2": "EA",
    "copy-1": "EW",
    "copy-2": "RRC",
    "few": "RRC",
}


def curves() -> LightCurves:
    others = {f"{label}{number}": label for label in ("EW", "EA") for number in range(10)}
    labels = OBJECTS | others
    star = [name.split("-")[0] for name in labels]
    rng = np.random.default_rng(0)
    phase = dict(zip(sorted(set(star)), rng.uniform(0, 1, len(set(star))), strict=True))
    mjd = np.arange(EPOCHS) * 1.37
    mag = np.concatenate([15 + 0.3 * np.sin(2 * np.pi * (mjd / 0.61 + phase[name])) for name in star])
    return assemble(
        np.array(list(labels)),
        np.array(list(labels.values())),
        np.repeat(np.arange(len(labels)), EPOCHS),
        band=np.zeros(len(mag), np.int64),
        bands=np.array(["V"]),
        mjd=np.tile(mjd, len(labels)),
        mag=mag,
        magerr=np.full(len(mag), 0.01),
    )


def test_of_repeated_light_curves_one_is_used_and_none_where_the_labels_differ() -> None:
    found = training_set.training_set(curves(), views=1)
    assert found.repeated == ["same-2", "torn-1", "torn-2", "copy-2"]
    assert {"same-1", "copy-1"} <= set(found.table.object_id.tolist())
    assert not set(found.repeated) & set(found.table.object_id.tolist())
    assert found.dropped == {"RRC": 2}
    assert found.strange.object_id.tolist() == ["few"]


def test_a_class_that_repeats_leave_too_small_is_dropped() -> None:
    nine = np.flatnonzero(curves().object_id != "EA0")  # nine EA and a torn one
    found = training_set.training_set(curves().select(nine), views=1)
    assert set(found.table.label.tolist()) == {"EW"}
    assert found.dropped == {"EA": 10, "RRC": 2}


def test_the_bands_of_an_object_have_one_period_and_another_object_its_own(tmp_path: Path) -> None:
    both = curves().select(np.arange(2))  # the same star under two names
    both.mag[:EPOCHS] = 15 + np.random.default_rng(1).normal(0, 0.3, EPOCHS)
    as_bands = replace(both, owner=np.zeros(2, dtype=np.int64), band=np.arange(2), bands=np.array(["b", "r"]))
    period = FEATURES.index("period")
    for found, shared in ((as_bands, True), (both, False), (as_bands, True)):
        of_rows = tables.extract(found, cache=tmp_path).features[:, period]
        assert (of_rows[0] == of_rows[1]) == shared


def test_an_object_without_a_good_band_has_the_reason_of_its_first() -> None:
    both = curves().select(np.arange(2))
    both.mag[:] = 15
    both.mag[EPOCHS] = 16  # of the second band
    as_bands = replace(both, owner=np.zeros(2, dtype=np.int64), band=np.arange(2), bands=np.array(["b", "r"]))
    assert tables.extract(as_bands).reason.tolist() == ["constant_magnitude", "no_usable_epochs"]
