"""Model files: a network in the safetensors format, with its configuration in the metadata.

Loading runs no code from the file: parts are looked up by kind among those that are installed.
"""

from __future__ import annotations

import json
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from modnet import __version__, registry
from modnet.components.base import Model
from modnet.config import NetworkConfig, RunConfig, explain, parts_of
from modnet.data.preparation import Scaling
from modnet.errors import ConfigError, ModelFileError
from modnet.network import Network
from modnet.storage.atomic import write_atomically

__all__ = ["MODEL_NAME", "load", "save"]

MODEL_NAME = "model.safetensors"
FORMAT_VERSION = "1"


def save(network: Network, path: str | PathLike[str]) -> None:
    """Write ``network`` to a model file.

    Raises:
        ModelFileError: the file cannot be written, or a parameter is not finite; an earlier file stays as it was.
    """
    tensors = _tensors(network)
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise ModelFileError(f"{fspath(path)}: not written: {name} holds NaN or infinity")
    parts = NetworkConfig(
        layers=tuple(layer.component for layer in network.layers),
        cost=network.cost,
        regularizers=network.regularizers,
    )
    for findable in (parts, network.config):
        check_findable(findable, fspath(path))
    network_table = parts.model_dump(exclude_none=True)
    metadata = {
        "format": "modnet",
        "format_version": FORMAT_VERSION,
        "modnet_version": __version__,
        "network": json.dumps({**network_table, "input_shape": network.input_shape, "dtype": str(network.dtype)}),
        "parts": json.dumps(parts_in_use(network.config) if network.config else {}),
    }
    if network.config is not None:
        metadata["config"] = json.dumps(network.config.to_plain(), ensure_ascii=False)
    if network.classes is not None:
        metadata["classes"] = _classes_to_json(network.classes, fspath(path))
    if network.features is not None:
        metadata["features"] = json.dumps(network.features, ensure_ascii=False)
    try:
        write_atomically(Path(path), to_safetensors(tensors, metadata))
    except OSError as error:
        raise ModelFileError(f"{fspath(path)}: cannot be written: {error.strerror}") from None


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
    try:
        with safe_open(file, framework="np") as opened:
            metadata = opened.metadata() or {}
            if metadata.get("format") != "modnet" or metadata.get("format_version") != FORMAT_VERSION:
                raise ModelFileError(f"{file}: is no modnet model file of format version {FORMAT_VERSION}")
            network = _restore(metadata, str(file))
            expected = _tensors(network)
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118 -- no mapping
            wanted = {name: values.shape for name, values in expected.items()}
            if network.scaling is None and "scaling.shift" in shapes:
                wanted |= {"scaling.shift": network.input_shape, "scaling.factor": network.input_shape}
            if shapes != wanted:
                raise ModelFileError(f"{file}: holds tensors of the shapes {shapes}; its configuration says {wanted}")
            tensors = {name: opened.get_tensor(name) for name in wanted}
    except (OSError, SafetensorError) as error:
        raise ModelFileError(f"{file}: cannot be read: {error}") from None
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise ModelFileError(f"{file}: {name} holds NaN or infinity")
    for name, values in expected.items():
        values[...] = tensors[name]
    if "scaling.shift" in tensors:
        network.scaling = Scaling(tensors["scaling.shift"], tensors["scaling.factor"])
    return network


def check_findable(model: Model | None, place: str) -> None:
    """Refuse a part that could not be found again by the name that a file would call it by.

    Raises:
        ModelFileError: the part was given as an object whose class no installed plug-in gives.
    """
    for path, part in parts_of(model):
        if registry.active().owner_of(type(part)) is None:
            raise ModelFileError(
                f"{place}: {path} is a {type(part).__name__} that no installed plug-in gives, so a file could not name "
                "it; give it by an entry point of the group 'modnet'"
            )


def parts_in_use(config: RunConfig) -> dict[str, dict[str, str]]:
    """Return key path → kind, distribution and version, of every part that a configuration names."""
    found = {}
    for path, part in parts_of(config):
        owner = registry.active().owner_of(type(part))
        found[path] = {
            "kind": part.named_kind(),
            "distribution": owner.distribution if owner else "",
            "version": owner.version if owner else "",
        }
    return found


def _tensors(network: Network) -> dict[str, NDArray[Any]]:
    """Return the network's own arrays by their name in the file."""
    tensors: dict[str, NDArray[Any]] = {}
    for index, layer in enumerate(network.layers):
        tensors |= {f"layers.{index}.{name}": values for name, values in layer.parameters.items()}
        tensors |= {f"layers.{index}.state.{name}": values for name, values in layer.state.items()}
    if network.scaling is not None:
        tensors |= {"scaling.shift": network.scaling.shift, "scaling.factor": network.scaling.factor}
    return tensors


def _restore(metadata: dict[str, str], file: str) -> Network:
    """Return a network of the metadata's shape whose parameters are still to be filled in."""
    try:
        table = json.loads(metadata["network"])
        input_shape = tuple(int(size) for size in table.pop("input_shape"))
        dtype = {"float64": "float64", "float32": "float32"}[table.pop("dtype")]
        parts = NetworkConfig.model_validate(table)
        network = Network(parts.layers, input_shape, parts.cost, parts.regularizers, dtype)
        if "config" in metadata:
            network.config = RunConfig.model_validate(json.loads(metadata["config"]))
        if "classes" in metadata:
            network.classes = _classes_from_json(metadata["classes"])
        if "features" in metadata:
            network.features = tuple(map(str, json.loads(metadata["features"])))
    except ValidationError as error:
        raise ConfigError(explain(error, file) + _missing_owner(metadata)) from None
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise ModelFileError(f"{file}: its metadata cannot be read: {type(error).__name__}: {error}") from None
    return network


def _missing_owner(metadata: dict[str, str]) -> str:
    """Name the distributions that gave the file's parts and are not installed now, as far as the file tells."""
    try:
        given = {part["distribution"] for part in json.loads(metadata["parts"]).values()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return ""
    here = {part.owner.distribution for part in registry.active()}
    missing = sorted(given - here - {""})
    return f"; the file was made with parts of {', '.join(missing)}, not installed here" if missing else ""


def _classes_to_json(classes: NDArray[Any], file: str) -> str:
    labels = classes.tolist()
    wrong = next((label for label in labels if not isinstance(label, str | int | float | bool)), None)
    if wrong is not None:
        raise ModelFileError(
            f"{file}: the class {wrong!r} cannot be kept in a file; allowed are text, numbers and booleans"
        )
    return json.dumps({"dtype": classes.dtype.kind, "labels": labels}, ensure_ascii=False)


def _classes_from_json(text: str) -> NDArray[Any]:
    table = json.loads(text)
    labels = list(table["labels"])
    if table["dtype"] != "O":
        return np.array(labels)
    classes = np.empty(len(labels), dtype=object)
    for index, label in enumerate(labels):
        classes[index] = label
    return classes
