"""The published network, imported: its own golden light curve to 1e-5."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from starsieve.features import FEATURES
from starsieve.models import ModelError
from starsieve.models.recipes import upsilont
from starsieve.models.training import network


@pytest.fixture(scope="module")
def golden(data_dir: Path) -> dict[str, Any]:
    return json.loads((data_dir / "upsilont" / "golden.json").read_text())


@pytest.fixture(scope="module")
def published(data_dir: Path) -> upsilont.Upsilont:
    return upsilont.read(data_dir / "upsilont")


def test_scaled_features_are_the_published_ones(published: upsilont.Upsilont, golden: dict[str, Any]) -> None:
    features = np.array([[golden["features_all"][name] for name in FEATURES]])
    expected = [golden["features_scaled"][name] for name in FEATURES]
    np.testing.assert_allclose(published.scaler(features)[0], expected, atol=1e-6)


def test_a_value_far_out_is_scaled_like_any_other(published: upsilont.Upsilont, golden: dict[str, Any]) -> None:
    row = np.array([golden["features_all"][name] for name in FEATURES])
    which, scaler = FEATURES.index("r21"), published.scaler  # one without a logarithm
    row[which] = 50.0
    far = (50.0 - scaler.center[which]) / scaler.scale[which]
    assert far > 100
    np.testing.assert_allclose(scaler(row[None])[0, which], far, rtol=1e-6)


@pytest.mark.parametrize("members", [1, 3])
def test_all_21_probabilities_are_the_published_ones(
    published: upsilont.Upsilont, golden: dict[str, Any], members: int
) -> None:
    keras = pytest.importorskip("keras")
    features = np.array([[golden["features_all"][name] for name in FEATURES]])
    model = network.build(replace(network.UPSILONT, members=members), 16, 21, seed=0)
    upsilont.load_weights(model, published.state, head=True)
    probabilities = keras.ops.softmax(network.logits(model, published.scaler(features)))[0]
    expected = [golden["probabilities"][name] for name in published.classes]
    np.testing.assert_allclose(probabilities, np.tile(expected, (members, 1)), atol=1e-5)


def test_transfer_keeps_everything_below_the_last_layer(published: upsilont.Upsilont) -> None:
    model = network.build(network.UPSILONT, 16, 5, seed=0)
    head = model.get_layer("head").get_weights()
    upsilont.load_weights(model, published.state, head=False)
    np.testing.assert_array_equal(model.get_layer("dense_3").kernel[0], published.state["fc3.weight"].T)
    np.testing.assert_array_equal(model.get_layer("head").get_weights()[0], head[0])


def test_a_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="published network is not in"):
        upsilont.read(tmp_path)
