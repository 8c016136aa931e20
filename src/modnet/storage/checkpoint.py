"""Checkpoints: model files that hold the state of the training, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from modnet.core.errors import ModelFileError
from modnet.network.network import Network
from modnet.storage.atomic import file_errors
from modnet.storage.model_file import STATE_PREFIX, read_network, write_network
from modnet.storage.safetensors import ModelFile
from modnet.storage.state_codec import flatten, unflatten

__all__ = ["Checkpoint", "read", "write"]


class Checkpoint(NamedTuple):
    """The contents of a checkpoint; the rows of the ``history`` that belong to it are in a file of their own."""

    path: Path
    network: Network
    state: dict[str, Any]
    history: Sequence[dict[str, Any]] = ()


def write(path: str | PathLike[str], network: Network, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; whatever cannot be written is a ModelFileError, and an earlier file is unchanged then."""
    with file_errors(path, "not written"):
        arrays = flatten(state, STATE_PREFIX)
    write_network(path, network, arrays)


def read(path: str | PathLike[str]) -> Checkpoint:
    """Read a checkpoint; the errors are those of `modnet.load`. No code from the file is run."""
    file = ModelFile.open(path)
    if not any(name.startswith(STATE_PREFIX) for name in file.entries):
        raise ModelFileError(f"{file.path}: is a model file, not a checkpoint; no training can be resumed from it")
    network, _ = read_network(file)
    with file_errors(path, "cannot be read"):
        state = unflatten(file.entries, STATE_PREFIX)
    return Checkpoint(Path(path), network, state)
