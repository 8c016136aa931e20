"""Checkpoints: sealed files with a network, as in a model file, and the state of its training beside it.

The state's arrays are tensors, and the rest of it is JSON in a tensor of bytes. As with model files, reading runs no
code: what comes out are numbers, text, arrays, and lists and dicts of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from modnet.config.run_config import explain
from modnet.core.errors import ModelFileError
from modnet.data.files import display_path, error_text
from modnet.network.network import Network
from modnet.storage.atomic import write_atomically
from modnet.storage.metadata import Metadata
from modnet.storage.model_file import BESIDE, network_in, tensors_of
from modnet.storage.safetensors import seal, unseal
from modnet.storage.state_codec import TreeError, flatten, unflatten
from modnet.training.state import State, TrainState

__all__ = ["Checkpoint", "read", "write"]

_TEXT = f"{BESIDE}json"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds."""

    path: Path
    network: Network
    state: State


def write(path: str | PathLike[str], network: Network, state: State) -> None:
    """Write a checkpoint; the file at ``path`` is this one or the earlier one, whole, whatever happens.

    Raises:
        ModelFileError: it cannot be written, θ is not finite, or something is kept that no file can hold.
    """
    place = display_path(fspath(path))
    tensors = tensors_of(network, place)
    nothing = np.empty(0, dtype=network.dtype)
    state = state.model_copy(update={"now": state.now.model_copy(update={"parameters": nothing, "layer_states": []})})
    try:
        said, arrays = flatten(state.plain(), BESIDE)
    except TreeError as error:
        raise ModelFileError(f"{place}: not written: {error}") from None
    text = np.frombuffer(json.dumps(said, allow_nan=False, separators=(",", ":")).encode(), dtype=np.uint8)
    content = seal({**tensors, **arrays, _TEXT: text}, Metadata.of(network, place).plain(), place)
    try:
        write_atomically(Path(path), content)
    except OSError as error:
        raise ModelFileError(f"{place}: cannot be written: {error_text(error)}") from None


def read(path: str | PathLike[str]) -> Checkpoint:
    """Return what is in a checkpoint.

    Raises:
        ModelFileError: the file cannot be read, is no checkpoint, or is not as it was written.
        ConfigError: the network needs a part that is not installed.
    """
    with unseal(path) as sealed:
        place = sealed.place
        if _TEXT not in sealed.held:
            raise ModelFileError(f"{place}: is a model file and no checkpoint; a training cannot go on from it")
        network = network_in(sealed, BESIDE)
        arrays = {name: sealed.read(name) for name in sealed.held if name.startswith(BESIDE)}
    try:
        tree = unflatten(json.loads(arrays.pop(_TEXT).tobytes(), parse_constant=_refused), arrays)
        state = State.model_validate(tree)
    except ValidationError as error:
        raise ModelFileError(f"{place}: {' '.join(explain(error).split())} (in its state)") from None
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{place}: {error_text(error)} (in its state)") from None
    now: TrainState = state.now.model_copy(
        update={"parameters": network.parameters, "layer_states": [layer.state for layer in network.layers]}
    )
    return Checkpoint(Path(path), network, state.model_copy(update={"now": now}))


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
