"""Model files: a network in the safetensors format, with its configuration in the metadata.

Loading runs no code from the file: parts are looked up by kind among those that are installed.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from modnet.data.files import printable
from modnet.data.preparation import Scaling
from modnet.errors import ConfigError, ModelFileError
from modnet.network import Network, stack
from modnet.storage.atomic import write_atomically
from modnet.storage.metadata import KEY, Metadata

__all__ = ["MODEL_NAME", "load", "save"]

MODEL_NAME = "model.safetensors"
_TYPES = {"float64": "F64", "float32": "F32"}


def save(network: Network, path: str | PathLike[str]) -> None:
    """Write ``network`` to a model file.

    Raises:
        ModelFileError: the file cannot be written, a parameter is not finite, or a part or label could not be found
            again; an earlier file stays as it was.
    """
    place = fspath(path)
    tensors = _tensors(network)
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise ModelFileError(f"{place}: not written: {name} holds NaN or infinity")
    metadata = Metadata.of(network, place).model_dump_json(exclude_none=True)
    try:
        write_atomically(Path(path), to_safetensors(tensors, {KEY: metadata}))
    except OSError as error:
        raise ModelFileError(f"{place}: cannot be written: {error.strerror}") from None


def load(path: str | PathLike[str]) -> Network:
    """Return the network in a model file, or in a run folder.

    Raises:
        ModelFileError: the file cannot be read, is no model file, or does not hold what its configuration says.
        ConfigError: the network needs a part that is not installed.
    """
    file = Path(path)
    if file.is_dir():
        file /= MODEL_NAME
    if not file.is_file():
        raise ModelFileError(f"{fspath(path)}: no model file and no run folder with {MODEL_NAME} is here")
    place = str(file)
    try:
        with safe_open(file, framework="np") as opened:
            text = (opened.metadata() or {}).get(KEY)
            if text is None:
                raise ModelFileError(f"{place}: is no modnet model file")
            metadata = Metadata.read(text, place)
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118 -- it is no mapping
            held = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
            network = _network(metadata, held, place)
            for name, values in _tensors(network).items():
                values[...] = opened.get_tensor(name)
                if not np.isfinite(values).all():
                    raise ModelFileError(f"{place}: {name} holds NaN or infinity")
    except (OSError, SafetensorError) as error:
        raise ModelFileError(f"{place}: cannot be read: {error}") from None
    return network


def _network(metadata: Metadata, held: dict[str, tuple[str, tuple[int, ...]]], place: str) -> Network:
    """Return the network that the metadata describe and the held tensors fit, with its numbers still to be read."""
    parts = metadata.network_config(place)
    number = _TYPES[metadata.dtype]
    try:
        wanted = {
            f"layers.{index}.{name}": (number, spec.shape)
            for index, layer in enumerate(stack(parts.layers, metadata.input_shape))
            for name, spec in layer.specification.items()
        }
        scaled = any(name.startswith("scaling.") for name in held)
        if scaled:
            wanted |= {f"scaling.{name}": ("F64", metadata.input_shape) for name in ("shift", "factor")}
        if any(held.get(name) != form for name, form in wanted.items()):  # before so many numbers are allocated
            raise _unfit(place, held, wanted)
        network = Network(parts.layers, metadata.input_shape, parts.cost, parts.regularizers, metadata.dtype)
    except ConfigError as error:
        raise ModelFileError(f"{place}: {error}") from None
    if scaled:
        network.scaling = Scaling(np.zeros(metadata.input_shape), np.ones(metadata.input_shape))
    wanted = {name: (_TYPES[str(values.dtype)], values.shape) for name, values in _tensors(network).items()}
    if held != wanted:
        raise _unfit(place, held, wanted)
    network.config = metadata.run_config(place)
    network.classes = metadata.labels(network.outputs, place)
    network.features = metadata.names(place)
    return network


def _unfit(place: str, held: dict[str, Any], wanted: dict[str, Any]) -> ModelFileError:
    for name in sorted(held.keys() | wanted.keys()):
        if held.get(name) != wanted.get(name):
            have, want = ("nothing" if name not in some else _form(*some[name]) for some in (held, wanted))
            return ModelFileError(f"{place}: {printable(name)} is {have}; the file's own configuration says {want}")
    return ModelFileError(f"{place}: its tensors do not fit its configuration")


def _form(number: str, shape: tuple[int, ...]) -> str:
    return f"{number} {shape}"


def _tensors(network: Network) -> dict[str, NDArray[Any]]:
    """Return the network's own arrays by their name in the file."""
    tensors: dict[str, NDArray[Any]] = {}
    for index, layer in enumerate(network.layers):
        tensors |= {f"layers.{index}.{name}": values for name, values in layer.parameters.items()}
        tensors |= {f"layers.{index}.state.{name}": values for name, values in layer.state.items()}
    if network.scaling is not None:
        tensors |= {"scaling.shift": network.scaling.shift, "scaling.factor": network.scaling.factor}
    return tensors
