"""Checkpoints: sealed files with a network, as in a model file, and the state of its training beside it.

The state's arrays are tensors, and the rest of it is JSON in a tensor of bytes. As with model files, reading runs no
code: what comes out are numbers, text, arrays, and lists and dicts of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from modnet.core.errors import ModelFileError
from modnet.core.messages import display_path, error_text
from modnet.network.network import Network
from modnet.storage.atomic import write_atomically
from modnet.storage.metadata import Metadata
from modnet.storage.model_file import BESIDE, network_in, tensors_of
from modnet.storage.safetensors import seal, unseal
from modnet.storage.state_codec import TreeError, flatten, unflatten

__all__ = ["Checkpoint", "read", "write"]

_TEXT = f"{BESIDE}json"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds."""

    path: Path
    network: Network
    state: dict[str, Any]


def write(path: str | PathLike[str], network: Network, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; the file at ``path`` is this one or the earlier one, whole, whatever happens.

    Raises:
        ModelFileError: it cannot be written, θ is not finite, or something is kept that no file can hold.
    """
    place = display_path(fspath(path))
    tensors = tensors_of(network, place)
    try:
        said, arrays = flatten(dict(state), BESIDE)
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
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{place}: {error_text(error)} (in its state)") from None
    if not isinstance(tree, dict):
        raise ModelFileError(f"{place}: its state is not a table")
    return Checkpoint(Path(path), network, tree)


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
