"""The published UPSILoN-T network: its scaling and its weights, imported for comparisons, tests and as a source.

Kim et al. 2021 (A&A 653, A22), MIT-licensed weights as numpy arrays (state.npz) and constants (params.json).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from starsieve.features import FEATURES
from starsieve.models import ModelError
from starsieve.models.serving.scaling import NO_CLIP, Scaler
from starsieve.models.training.ensemble import Source
from starsieve.models.training.network import UPSILONT, Architecture

if TYPE_CHECKING:
    from tensorflow import keras


@dataclass(frozen=True)
class Upsilont:
    """The published network as data: classes in output order, scaler, weights by their original names."""

    classes: tuple[str, ...]
    scaler: Scaler
    state: dict[str, npt.NDArray[np.float32]]


def read(folder: Path) -> Upsilont:
    """Reads state.npz and params.json.

    Raises ModelError where a file is missing or the features are not ours, in our order.
    """
    try:
        parameters = json.loads((folder / "params.json").read_text())
        with np.load(folder / "state.npz") as arrays:
            state = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise ModelError(f"the published network is not in {folder}: {error}") from error
    if tuple(parameters["feature_order"]) != tuple(FEATURES):
        raise ModelError(f"{folder}/params.json has other features than {', '.join(FEATURES)}")
    minimum = np.array([parameters["min_params"].get(name, np.nan) for name in FEATURES])
    center, scale = np.array(parameters["median"]), np.array(parameters["std"])
    scaler = Scaler(tuple(FEATURES), center, scale, NO_CLIP, minimum)
    return Upsilont(tuple(parameters["classes"]), scaler, state)


def source(network: Upsilont, architecture: Architecture = UPSILONT) -> Source:
    """The published network as the start of a transfer: everything below its last layer."""
    return Source(network.scaler, architecture, lambda target: load_weights(target, network.state, head=False))


def load_weights(network: "keras.Model", state: dict[str, npt.NDArray[np.float32]], *, head: bool) -> None:
    """Puts the published weights into a network of its architecture, the same into every member.

    Without `head`, the last dense layer and its norm keep what they have.
    """
    for number in range(1, 6):
        if number == 5 and not head:  # noqa: PLR2004 (the norm on the logits)
            break
        name = "head_norm" if number == 5 else f"norm_{number - 1}"  # noqa: PLR2004
        _fill_norm(network.get_layer(name), state, f"bn{number}")
    for number in range(1, 5 if head else 4):
        layer = network.get_layer("head" if number == 4 else f"dense_{number}")  # noqa: PLR2004
        kernel, bias = state[f"fc{number}.weight"].T, state[f"fc{number}.bias"]
        members = layer.kernel.shape[0]
        layer.set_weights([_for_all(kernel, members), _for_all(bias, members)])


def _fill_norm(layer: Any, state: dict[str, npt.NDArray[np.float32]], name: str) -> None:
    parts = [state[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    layer.set_weights([_for_all(part, layer.gamma.shape[0]) for part in parts])


def _for_all(weights: npt.NDArray[np.float32], members: int) -> npt.NDArray[np.float32]:
    return np.repeat(weights[None], members, axis=0)
