"""Checkpoints: model files that hold the state of the training, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from modnet.core.errors import ModelFileError
from modnet.network.network import Network
from modnet.storage.atomic import file_errors
from modnet.storage.model_file import STATE_PREFIX, read_network, write_network
from modnet.storage.safetensors import ModelFile
from modnet.storage.state_codec import flatten, unflatten

__all__ = ["Checkpoint", "read", "write"]


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a checkpoint."""

    path: Path
    network: Network
    state: dict[str, Any]


def write(path: str | PathLike[str], network: Network, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; whatever happens, the file is this checkpoint or the earlier file, whole.

    Raises:
        ModelFileError: it cannot be written, θ is not finite, or a value in ``state`` cannot be stored.
    """
    with file_errors(path, "not written"):
        arrays = flatten(dict(state), STATE_PREFIX)
    write_network(path, network, arrays)


def read(path: str | PathLike[str]) -> Checkpoint:
    """Read a checkpoint. The state is made of numbers, text, arrays, lists and dicts; no code from the file is run.

    Raises:
        ModelFileError: the file cannot be read, is no checkpoint, or its contents are not those that were written.
        ConfigError: the network needs a component that is not installed.
    """
    file = ModelFile.open(path)
    if not any(name.startswith(STATE_PREFIX) for name in file.entries):
        raise ModelFileError(f"{file.path}: is a model file and no checkpoint; no training can be resumed from it")
    network = read_network(file)
    with file_errors(path, "cannot be read"):
        state = unflatten(file.entries, STATE_PREFIX)
    if not isinstance(state, dict):
        raise ModelFileError(f"{file.path}: its state is no table")
    return Checkpoint(Path(path), network, state)
