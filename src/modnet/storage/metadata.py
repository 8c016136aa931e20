"""The metadata of a model file: all that it holds beside its numbers, checked before anything is made of it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError

from modnet import __version__
from modnet.config.run_config import NetworkConfig, RunConfig, iter_components
from modnet.core import registry
from modnet.core.component import Model
from modnet.core.errors import ConfigError, ModelFileError
from modnet.data.files import display_path, truncate
from modnet.network.network import Network
from modnet.storage.atomic import file_errors, one_line

__all__ = ["Metadata", "plugins_of"]

MOST_ENTRIES = 2**10
"""How many layers a network in a file may have, and any other list or table of a configuration."""
MOST_VALUES = 2**14
"""How many values a configuration may have in all."""

_LABEL_DTYPES: dict[str, Any] = {
    "i": np.int64, "u": np.uint64, "f": np.float64, "b": np.bool_, "U": np.str_, "O": np.object_
}  # fmt: skip


def _check_size(value: Any) -> Any:
    """Return a JSON value whose tables and lists, and all of them together, are not too large."""
    count, pending = 0, [value]
    while pending:
        item = pending.pop()
        children = list(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        count += len(children)
        if len(children) > MOST_ENTRIES or count > MOST_VALUES:
            raise ValueError(f"is too large; allowed: {MOST_ENTRIES} entries in a list or table, {MOST_VALUES} in all")
        pending += children
    return value


def _check_label(value: Any) -> Any:
    if type(value) not in (str, int, float, bool) or (type(value) is float and not math.isfinite(value)):
        raise ValueError(f"{value!r} cannot be stored in a file; allowed: text, numbers, booleans")
    return value.encode() and value if type(value) is str else value  # half a character has no encoding


_Table = Annotated[dict[str, Any], BeforeValidator(_check_size)]
_Label = Annotated[Any, AfterValidator(_check_label)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Classes(_Strict):
    """The labels that the outputs stand for, and NumPy's letter for the kind of their dtype."""

    dtype_kind: Literal["i", "u", "f", "b", "U", "O"]
    labels: list[_Label] = Field(fail_fast=True)


class Metadata(_Strict):
    """The metadata of a model file."""

    modnet_version: str
    plugins: _Table  # distribution → version of the plug-ins that provide components of the configuration
    input_shape: list[PositiveInt] = Field(min_length=1, max_length=32, fail_fast=True)
    dtype: Literal["float64", "float32"]
    network: _Table
    config: _Table | None = None  # of the run that trained the network, without its network and dtype
    classes: Classes | None = None
    features: list[str] | None = Field(default=None, fail_fast=True)

    @classmethod
    def of(cls, network: Network) -> Metadata:
        """Return the metadata of ``network``; what cannot be stored is a ValueError."""
        layers = tuple(layer.component for layer in network.layers)
        parts = NetworkConfig(layers=layers, cost=network.cost, regularizers=network.regularizers)
        config, classes, features = network.config, network.classes, network.features
        if config and (config.dtype, _plain(config.network)) != (network.dtype.name, _plain(parts)):
            raise ValueError("the network is not the one that its configuration describes")
        return cls.model_validate(
            {
                "modnet_version": __version__,
                "plugins": plugins_of(config or parts),
                "input_shape": list(network.input_shape),
                "dtype": network.dtype.name,
                "network": _plain(parts),
                "config": config and _plain(config, exclude={"network", "dtype"}),
                "classes": None if classes is None else {"dtype_kind": classes.dtype.kind, "labels": classes.tolist()},
                "features": None if features is None else list(features),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what `modnet.storage.safetensors.dump` takes."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def read(cls, table: dict[str, Any], path: str) -> Metadata:
        """Return the metadata in the file at ``path``; if they are not valid, this is a ModelFileError."""
        with file_errors(path, "its metadata are not valid"):
            metadata = cls.model_validate(table)
            names, shape = metadata.features, metadata.input_shape
            if names is not None and (shape != [len(names)] or len(set(names)) != len(names)):
                raise ValueError(f"features: {len(names)} names do not fit the inputs {tuple(shape)}")
        return metadata

    def configs(self, path: str) -> tuple[NetworkConfig, RunConfig | None]:
        """Return the configuration of the network, and that of the run if there was one.

        Raises:
            ModelFileError: they are not valid.
            ConfigError: they need a plug-in that is not available; the message names it.
        """
        try:
            parts = NetworkConfig.model_validate(self.network)
            whole = self.config and {**self.config, "network": parts, "dtype": self.dtype}
            return parts, None if whole is None else RunConfig.model_validate(whole)
        except ValidationError as error:
            missing = self.plugins.keys() - {provider.distribution for provider in registry.active().providers}
            names = ", ".join(display_path(truncate(name)) for name in sorted(missing))
            hint = f"; not available here: {names}" if names else ""
            raise (ConfigError if missing else ModelFileError)(f"{path}: {one_line(error)}{hint}") from None

    def class_labels(self, outputs: int) -> NDArray[Any] | None:
        """Return the class labels; if they do not fit so many outputs or their kind, this is a Value- or OverflowError."""
        if self.classes is None:
            return None
        labels = self.classes.labels
        is_complete = len(labels) == outputs or (len(labels) == 2 and outputs == 1)
        if not is_complete or len({(type(label), label) for label in labels}) != len(labels):
            raise ValueError(f"classes: {len(labels)} labels do not fit {outputs} outputs")
        array = np.array(labels, dtype=_LABEL_DTYPES[self.classes.dtype_kind])
        if list(map(repr, array.tolist())) != list(map(repr, labels)):
            raise ValueError(f"classes: not all labels are of the kind {self.classes.dtype_kind!r}")
        return array


def plugins_of(config: Model) -> dict[str, str]:
    """Return distribution → version of the plug-ins that provide a configuration's components.

    Raises:
        ValueError: no installed plug-in provides the class of one, so that a file could not name it.
    """
    plugins = {}
    for path, part in iter_components(config):
        provider = registry.active().provider_of(type(part))
        if provider is None:
            raise ValueError(
                f"{path} is a {type(part).__name__} that no installed plug-in provides, so that a file could not name "
                "it; provide it by an entry point of the group 'modnet'"
            )
        if not provider.builtin:
            plugins[provider.distribution] = provider.version
    return plugins


def _plain(config: Model, exclude: set[str] | None = None) -> dict[str, Any]:
    return config.model_dump(mode="json", exclude_none=True, exclude=exclude)
