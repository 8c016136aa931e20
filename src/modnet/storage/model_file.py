"""Model files: a network in a sealed file, with its configuration in the metadata.

Loading runs no code from the file: parts are looked up by kind among those that are installed.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import ConfigError, ModelFileError
from modnet.core.messages import display_path, error_text, short_repr
from modnet.data.scaling import Scaling
from modnet.network.network import Network, build_layers
from modnet.storage.atomic import write_atomically
from modnet.storage.metadata import Metadata
from modnet.storage.safetensors import Form, Sealed, code_of, form_of, seal, unseal

__all__ = ["BESIDE", "MODEL_NAME", "load", "load_with_metadata", "network_in", "save", "tensors_of"]

MODEL_NAME = "model.safetensors"
BESIDE = "training."
"""How the names of the tensors begin that a checkpoint has beside the network's."""


def save(network: Network, path: str | PathLike[str]) -> None:
    """Write ``network`` to a model file.

    Raises:
        ModelFileError: the file cannot be written, a parameter is not finite, or a part or label could not be found
            again; an earlier file stays as it was.
    """
    place = display_path(fspath(path))
    content = seal(tensors_of(network, place), Metadata.of(network, place).plain(), place)
    try:
        write_atomically(Path(path), content)
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{place}: cannot be written: {error_text(error)}") from None


def load(path: str | PathLike[str]) -> Network:
    """Return the network in a model file or a checkpoint, or in a run folder's model file.

    Raises:
        ModelFileError: the file cannot be read, is no model file, or does not hold what its configuration says.
        ConfigError: the network needs a part that is not installed.
    """
    return load_with_metadata(path)[0]


def load_with_metadata(path: str | PathLike[str]) -> tuple[Network, Metadata]:
    """Return the network and the metadata of the same files; raises as `load`."""
    file = Path(path)
    if file.is_dir():
        file /= MODEL_NAME
    if not file.is_file():
        raise ModelFileError(f"{display_path(path)}: no model file and no run folder with {MODEL_NAME} is here")
    with unseal(file) as sealed:
        return network_in(sealed, BESIDE), Metadata.read(sealed.text, sealed.place)


def tensors_of(network: Network, place: str) -> dict[str, NDArray[Any]]:
    """Return the network's own arrays by their name in a file.

    Raises:
        ModelFileError: one is not finite, so that nothing should be written.
    """
    tensors = _tensors(network)
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise ModelFileError(f"{place}: not written: {name} holds NaN or infinity")
    return tensors


def network_in(sealed: Sealed, beside: str | None = None) -> Network:
    """Return the network in a sealed file; tensors whose names begin with ``beside`` are somebody else's.

    Raises:
        ModelFileError: the file does not hold what its configuration says.
        ConfigError: the network needs a part that is not installed.
    """
    metadata = Metadata.read(sealed.text, sealed.place)
    held = {name: form for name, form in sealed.held.items() if beside is None or not name.startswith(beside)}
    network = _network(metadata, held, sealed.place)
    for name, values in _tensors(network).items():
        sealed.read(name, values)
        if not np.isfinite(values).all():
            raise ModelFileError(f"{sealed.place}: {name} holds NaN or infinity")
    return network


def _network(metadata: Metadata, held: dict[str, Form], place: str) -> Network:
    """Return the network that the metadata describe and the held tensors fit, with its numbers still to be read."""
    parts = metadata.network_config(place)
    code = code_of(np.dtype(metadata.dtype))
    try:
        # One by one, and before so many numbers are allocated.
        for index, layer in enumerate(build_layers(parts.layers, metadata.input_shape)):
            for name, spec in layer.specs.items():
                _check(f"layers.{index}.{name}", held, (code, spec.shape), place)
        scaled = any(name.startswith("scaling.") for name in held)
        if scaled:
            for name in ("scaling.shift", "scaling.factor"):
                _check(name, held, ("F64", metadata.input_shape), place)
        network = Network(parts.layers, metadata.input_shape, parts.cost, parts.regularizers, metadata.dtype)
    except ConfigError as error:
        raise ModelFileError(f"{place}: {error}") from None
    except (MemoryError, ValueError):  # what a layer without parameters keeps is known only when it is made
        raise ModelFileError(f"{place}: no network takes samples of {short_repr(metadata.input_shape)}") from None
    if scaled:
        network.scaling = Scaling(np.zeros(metadata.input_shape), np.ones(metadata.input_shape))
    wanted = {name: form_of(values) for name, values in _tensors(network).items()}
    for name in sorted(held.keys() | wanted.keys()):
        _check(name, held, wanted.get(name), place)
    network.config = metadata.run_config(parts, place)
    network.classes = metadata.labels(network.outputs, place)
    network.features = metadata.names(place)
    return network


def _check(name: str, held: dict[str, Form], wanted: Form | None, place: str) -> None:
    """Refuse a tensor that is not as the file's own configuration says."""
    if held.get(name) != wanted:
        have, want = ("nothing" if form is None else f"{form[0]} {form[1]}" for form in (held.get(name), wanted))
        raise ModelFileError(f"{place}: {display_path(name)} is {have}; the file's own configuration says {want}")


def _tensors(network: Network) -> dict[str, NDArray[Any]]:
    """Return the network's own arrays by their name in the file."""
    tensors: dict[str, NDArray[Any]] = {}
    for index, layer in enumerate(network.layers):
        tensors |= {f"layers.{index}.{name}": values for name, values in layer.parameters.items()}
        tensors |= {f"layers.{index}.state.{name}": values for name, values in layer.state.items()}
    if network.scaling is not None:
        tensors |= {"scaling.shift": network.scaling.shift, "scaling.factor": network.scaling.factor}
    return tensors
