"""Model files: a network's parameters, with its configuration in the metadata."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.config.run_config import NetworkConfig
from modnet.core.errors import ModelFileError
from modnet.core.messages import printable, short_repr
from modnet.data.files import is_file, is_folder
from modnet.network.layers import build_layers
from modnet.network.network import Network
from modnet.storage.atomic import file_errors, write_file, write_output
from modnet.storage.metadata import Metadata
from modnet.storage.safetensors import ModelFile, dump
from modnet.storage.state_codec import flatten, unflatten
from modnet.storage.transforms import transform_tensors

__all__ = [
    "MODEL_NAME",
    "STATE_PREFIX",
    "load",
    "load_with_metadata",
    "load_with_state",
    "read_network",
    "save",
    "save_with_state",
    "write_network",
]

MODEL_NAME = "model.safetensors"
STATE_PREFIX = "training."
"""The prefix of the tensors that hold what is kept beside the network: a training's state in a checkpoint."""

_log = logging.getLogger("modnet")
_Arrays: TypeAlias = Mapping[str, NDArray[Any]]


def save(network: Network, path: str | PathLike[str]) -> None:
    """Write ``network`` to a model file. A link is followed, and a device or a pipe is written to.

    Raises:
        ModelFileError: the file cannot be written, a parameter is not finite, or a component or class label cannot be
            stored; an earlier file is unchanged.
    """
    save_with_state(network, path, None)


def save_with_state(network: Network, path: str | PathLike[str], state: Mapping[str, Any] | None) -> None:
    """Write a model file that has something beside the network (an estimator's parameters, say); raises as `save`.

    ``state`` is dicts, lists, plain values and arrays of numbers, as `modnet.storage.state_codec` says. `load` leaves
    it out.
    """
    with file_errors(path, "not written"):
        arrays = {} if state is None else flatten(state, STATE_PREFIX)
    content = _content(path, network, arrays)
    with file_errors(path, "cannot be written"):
        write_output(Path(path), content)


def load(path: str | PathLike[str]) -> Network:
    """Return the network in a model file, a checkpoint or a run folder's model file. No code in the file is run.

    The logger ``modnet`` warns where a plug-in is here in another version than the one that the network was made with.

    Raises:
        ModelFileError: the file cannot be read, is no model file, or its contents are not those that were written.
        ConfigError: the network needs a component that is not installed.
    """
    return load_with_metadata(path)[0]


def load_with_metadata(path: str | PathLike[str]) -> tuple[Network, Metadata]:
    """Return the network in a file and the file's metadata; raises as `load`, and warns as it does."""
    return _read_and_warn(_open(path))


def load_with_state(path: str | PathLike[str]) -> tuple[Network, dict[str, Any] | None]:
    """Return the network in a file and what is beside it, if anything; raises as `load`, and warns as it does."""
    file = _open(path)
    network, _ = _read_and_warn(file)
    if not any(name.startswith(STATE_PREFIX) for name in file.entries):
        return network, None
    with file_errors(file.path, "cannot be read"):
        return network, unflatten(file.entries, STATE_PREFIX)


def _open(path: str | PathLike[str]) -> ModelFile:
    file = Path(path, MODEL_NAME) if is_folder(path) else Path(path)
    if not is_file(file):
        raise ModelFileError(f"{path}: no model file or run folder with {MODEL_NAME} is here")
    return ModelFile.open(file)


def _read_and_warn(file: ModelFile) -> tuple[Network, Metadata]:
    network, metadata = read_network(file)
    for versions in metadata.other_plugins():
        _log.warning("modnet: %s", printable(f"{file.path}: was made with {versions}, so its predictions may differ"))
    return network, metadata


def write_network(path: str | PathLike[str], network: Network, state: _Arrays) -> None:
    """Write ``network``, and the arrays of a training's state beside it, to a file of a run folder."""
    write_file(Path(path), _content(path, network, state))


def _content(path: str | PathLike[str], network: Network, state: _Arrays) -> bytes:
    tensors = _tensors(network)
    with file_errors(path, "not written"):
        _check_finite(tensors)
        return dump({**tensors, **state}, Metadata.of(network).model_dump(mode="json", exclude_none=True))


def read_network(file: ModelFile) -> tuple[Network, Metadata]:
    """Return the network in a file and the file's metadata; raises as `load`."""
    with file_errors(file.path, "invalid metadata"):
        metadata = Metadata.model_validate(file.metadata)
    parts, config = metadata.configs(file.path)
    tensors = {name: values for name, values in file.entries.items() if not name.startswith(STATE_PREFIX)}
    with file_errors(file.path, "holds no network that can be used"):
        _check_finite(tensors)
        prefixes = tuple(prefix for prefix, stored in metadata.transforms.items() if stored is not None)
        of_transforms = {name: tensors.pop(name) for name in list(tensors) if name.startswith(prefixes)}
        network = _empty_network(parts, tuple(metadata.input_shape), metadata.dtype, tensors)
        network.classes = metadata.class_labels(network.cost, network.outputs)
        network.features = None if metadata.features is None else tuple(metadata.features)
        _restore_transforms(network, metadata, of_transforms)
    network.multi_label = metadata.multi_label is True
    network.config = config
    network.data_record = metadata.data
    for name, values in _layer_tensors(network).items():
        values[...] = tensors[name]
    return network, metadata


def _empty_network(parts: NetworkConfig, input_shape: tuple[int, ...], dtype: str, tensors: _Arrays) -> Network:
    """Return a network that takes these tensors; one that needs more numbers is not allocated."""
    shapes = [spec.shape for layer in build_layers(parts.layers, input_shape) for spec in layer.specs.values()]
    needed, stored = sum(map(math.prod, shapes)), sum(values.size for values in tensors.values())
    if needed > stored:
        raise ValueError(f"{stored} numbers are stored; its configuration needs {short_repr(needed)}")
    network = Network(parts.layers, input_shape, parts.cost, parts.regularizers, dtype)
    stored_forms, needed_forms = (
        {(name, values.dtype.name, values.shape) for name, values in arrays.items()}
        for arrays in (tensors, _layer_tensors(network))
    )
    if stored_forms != needed_forms:
        raise ValueError(f"its configuration and tensors differ in {short_repr(min(stored_forms ^ needed_forms))}")
    return network


def _restore_transforms(network: Network, metadata: Metadata, tensors: _Arrays) -> None:
    """Give a network its transforms; what does not fit together is a ValueError."""
    stored = metadata.preprocessing, metadata.target_transform
    if stored[0] is not None:
        network.preprocessing = stored[0].restored(network.features, network.input_shape, tensors, "preprocessing.")
    if stored[1] is not None:
        network.target_transform = stored[1].restored(None, (network.target_width,), tensors, "target_transform.")
    if unused := tensors.keys() - _transform_tensors(network).keys():
        raise ValueError(f"{short_repr(min(unused))} belongs to no transform")


def _check_finite(tensors: _Arrays) -> None:
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinity")


def _tensors(network: Network) -> dict[str, NDArray[Any]]:
    """Return the network's own arrays by their names in a file."""
    return _layer_tensors(network) | _transform_tensors(network)


def _transform_tensors(network: Network) -> dict[str, NDArray[Any]]:
    samples = transform_tensors(network.preprocessing, "preprocessing.")
    return samples | transform_tensors(network.target_transform, "target_transform.")


def _layer_tensors(network: Network) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for index, layer in enumerate(network.layers):
        tensors |= {f"layers.{index}.{name}": values for name, values in layer.parameters.items()}
        tensors |= {f"layers.{index}.state.{name}": values for name, values in layer.state.items()}
    return tensors
