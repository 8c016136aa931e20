"""The metadata of a model file: all that it holds beside its numbers, checked before anything is made of it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from modnet import __version__
from modnet.config.run_config import NetworkConfig, RunConfig, iter_components
from modnet.core import registry
from modnet.core.component import Model
from modnet.core.errors import ConfigError, ModelFileError
from modnet.core.interfaces import Cost
from modnet.core.messages import truncate
from modnet.data.prepared import PartRecord
from modnet.network.decoding import target_width
from modnet.network.network import Network
from modnet.storage.atomic import one_line
from modnet.storage.transforms import StoredTransforms

__all__ = ["Metadata", "plugins_of"]

MOST_ENTRIES, MOST_VALUES = 2**10, 2**14  # of a list or table in a configuration (its layers, say), and of them all

_LABEL_DTYPES = {"i": "int64", "u": "uint64", "f": "float64", "b": "bool", "U": "str", "O": "object"}


def _check_size(value: Any) -> Any:
    count, pending = 0, [value]
    while pending:
        item = pending.pop()
        children = list(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        count, pending = count + len(children), pending + children
        if len(children) > MOST_ENTRIES or count > MOST_VALUES:
            raise ValueError(f"is too large; allowed: {MOST_ENTRIES} entries in a list or table, {MOST_VALUES} in all")
    return value


def _check_label(value: Any) -> Any:
    if type(value) not in (str, int, float, bool) or (type(value) is float and not math.isfinite(value)):
        raise ValueError(f"{value!r} cannot be stored in a file; allowed: text, numbers, booleans")
    return value.encode() and value if type(value) is str else value  # half a character has no encoding


_Table = Annotated[dict[str, Any], BeforeValidator(_check_size)]
_Label = Annotated[Any, BeforeValidator(_check_label)]
_Name = Annotated[str | int, BeforeValidator(_check_label)]


class Metadata(BaseModel):
    """The metadata of a model file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    modnet_version: str
    plugins: _Table  # distribution → version of the plug-ins that provide components of the configuration
    input_shape: list[PositiveInt] = Field(min_length=1, max_length=32, fail_fast=True)
    dtype: Literal["float64", "float32"]
    network: _Table
    config: _Table | None = None  # of the run that trained the network, without its network and dtype
    classes: list[_Label] | None = Field(default=None, fail_fast=True)
    classes_kind: Literal["i", "u", "f", "b", "U", "O"] | None = None  # NumPy's letter for their dtype
    multi_label: Literal[True] | None = None  # each output says whether a label applies
    features: list[_Name] | None = Field(default=None, fail_fast=True)
    preprocessing: StoredTransforms | None = None  # what makes samples of the input shape of raw ones
    target_transform: StoredTransforms | None = None
    data: dict[str, PartRecord] | None = None  # rows and digests, of a run folder's

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if (self.classes is None) != (self.classes_kind is None):
            raise ValueError("classes and classes_kind belong together")
        if self.multi_label and self.classes is not None:
            raise ValueError("multi_label: targets that are classes are not multi-label")
        names, shape = self.features, self.input_shape if self.preprocessing is None else self.preprocessing.raw_shape
        if names is not None and (shape != [len(names)] or len(set(map(str, names))) != len(names)):
            raise ValueError(f"features: {len(names)} names do not fit samples of shape {tuple(shape)}")
        return self

    @classmethod
    def of(cls, network: Network) -> Metadata:
        """Return the metadata of ``network``; what cannot be stored is a ValueError."""
        layers = tuple(layer.component for layer in network.layers)
        parts = NetworkConfig(layers=layers, cost=network.cost, regularizers=network.regularizers)
        config, classes, features = network.config, network.classes, network.features
        table = _plain(parts)
        if config and (config.dtype, _plain(config.network)) != (network.dtype.name, table):
            raise ValueError("the network is not the one that its configuration describes")
        return cls.model_validate(
            {
                "modnet_version": __version__,
                "plugins": plugins_of(config or parts),
                "input_shape": list(network.input_shape),
                "dtype": network.dtype.name,
                "network": table,
                "config": config and {k: v for k, v in config.to_config().items() if k not in ("network", "dtype")},
                "classes": None if classes is None else classes.tolist(),
                "classes_kind": None if classes is None else classes.dtype.kind,
                "multi_label": network.multi_label or None,
                "features": None if features is None else list(features),
                "preprocessing": StoredTransforms.table_of(network.preprocessing),
                "target_transform": StoredTransforms.table_of(network.target_transform),
                "data": network.data_record and dict(network.data_record),
            }
        )

    @property
    def transforms(self) -> dict[str, StoredTransforms | None]:
        """The transforms of samples and targets, by what the names of their tensors begin with."""
        return {"preprocessing.": self.preprocessing, "target_transform.": self.target_transform}

    def configs(self, path: str) -> tuple[NetworkConfig, RunConfig | None]:
        """Return the configurations of the network and of the run; a missing plug-in is a ConfigError that names it."""
        try:
            parts = NetworkConfig.model_validate(self.network)
            if self.config is None:
                return parts, None
            return parts, RunConfig.model_validate({**self.config, "network": parts, "dtype": self.dtype})
        except RecursionError:
            raise ModelFileError(f"{path}: its components lie within each other too deeply") from None
        except ValidationError as error:
            missing = self.plugins.keys() - {provider.distribution for provider in registry.active().providers}
            if not missing:
                raise ModelFileError(f"{path}: {one_line(error)}") from None
            names = truncate(", ".join(sorted(missing)))
            raise ConfigError(f"{path}: {one_line(error)}; made with {names}, not available here") from None

    def other_plugins(self) -> list[str]:
        """Return which plug-ins are here in another version than in the file, each with both versions."""
        here = {provider.distribution: provider.version for provider in registry.active().providers}
        versions = [(name, version, here.get(name, version)) for name, version in sorted(self.plugins.items())]
        return [f"{name} {truncate(str(was))}, here it is {now}" for name, was, now in versions if was != now]

    def class_labels(self, cost: Cost, outputs: int) -> NDArray[Any] | None:
        """Return the class labels; if they do not fit the outputs or their kind, this is a Value- or OverflowError."""
        width = target_width(cost, outputs)
        if width is None:
            raise ValueError(f"{outputs} outputs are not what the cost {cost.kind} needs")
        if self.classes is None or self.classes_kind is None:
            return None
        is_complete = len(self.classes) == width or (len(self.classes) == 2 and width == 1)
        labels = np.array(self.classes, dtype=_LABEL_DTYPES[self.classes_kind])
        names = list(map(repr, self.classes))
        if not is_complete or len(set(names)) != len(names) or names != list(map(repr, labels.tolist())):
            raise ValueError(f"classes: {len(names)} labels do not fit {outputs} outputs and the dtype {labels.dtype}")
        return labels


def plugins_of(config: Model) -> dict[str, str]:
    """Return distribution → version of a configuration's plug-ins; a component that none provides is a ValueError."""
    plugins = {}
    for path, part in iter_components(config):
        provider = registry.active().provider_of(type(part))
        if provider is None:
            what = f"{path} is a {type(part).__name__} that no installed plug-in provides, so a file could not name it"
            raise ValueError(f"{what}; provide it by an entry point of the group 'modnet'")
        if not provider.builtin:
            plugins[provider.distribution] = provider.version
    return plugins


def _plain(network: NetworkConfig) -> dict[str, Any]:
    return network.model_dump(mode="json", exclude_none=True)
