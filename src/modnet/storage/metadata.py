"""What a model file says beside its numbers, as one JSON text, checked before anything is made of it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from modnet import __version__
from modnet.config.load import explain
from modnet.config.run_config import NetworkConfig, RunConfig, iter_components
from modnet.core import registry
from modnet.core.component import Model
from modnet.core.errors import ConfigError, ModelFileError
from modnet.core.messages import display_path, short_repr
from modnet.network.network import Network

__all__ = ["Metadata", "check_findable", "parts_in_use"]

FORMAT = 2
MOST_ENTRIES = 2**10
"""How many layers a network in a file may have, and any other list or table of a configuration."""
MOST_VALUES = 2**14
"""How many values a configuration may have in all."""
_AnyModel = TypeVar("_AnyModel", bound=Model)
_LABELS: dict[str, tuple[type, Any]] = {
    "i": (int, np.int64), "u": (int, np.uint64), "b": (bool, np.bool_), "f": (float, np.float64), "U": (str, np.str_)
}  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Part(_Strict):
    """One part and who gave it."""

    kind: str
    distribution: str
    version: str


class Classes(_Strict):
    """The labels that the outputs stand for; ``form`` is the letter of their NumPy dtype's kind."""

    form: Literal["i", "u", "b", "f", "U", "O"]
    labels: tuple[bool | int | float | str, ...] = Field(fail_fast=True)


class Metadata(_Strict):
    """A model file's metadata."""

    format_version: int
    modnet_version: str
    input_shape: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1, fail_fast=True)
    dtype: Literal["float64", "float32"]
    network: dict[str, Any]
    config: dict[str, Any] | None = None
    classes: Classes | None = None
    features: tuple[str, ...] | None = Field(default=None, fail_fast=True)
    parts: dict[str, Part]

    @field_validator("format_version")
    @classmethod
    def _known(cls, value: int) -> int:
        if value != FORMAT:
            raise ValueError(f"{value} should be {FORMAT}")
        return value

    @field_validator("network", "config", mode="before")
    @classmethod
    def _small(cls, value: Any) -> Any:
        found = _count(value)
        if found > MOST_VALUES:
            raise ValueError(f"has {found} values; allowed: {MOST_VALUES}")
        return value

    @classmethod
    def of(cls, network: Network, place: str) -> Metadata:
        """Return what is to be said of ``network``.

        Raises:
            ModelFileError: a part or a class label could not be found or read again, or the network is not the one of
                its configuration.
        """
        parts = NetworkConfig(
            layers=tuple(layer.component for layer in network.layers),
            cost=network.cost,
            regularizers=network.regularizers,
        )
        for findable in (parts, network.config):
            check_findable(findable, place)
        names = network.features
        wrong = next((name for name in names or () if not _keepable(name)), None)
        if wrong is not None:
            raise ModelFileError(f"{place}: the feature {wrong!r} cannot be kept in a file; allowed: text")
        config = network.config
        if config is not None and not _agree(config, parts, network.dtype.name):
            raise ModelFileError(f"{place}: not written: the network is not the one that its configuration describes")
        said = dict(  # noqa: C408 -- the fields by their names
            format_version=FORMAT,
            modnet_version=__version__,
            input_shape=network.input_shape,
            dtype="float64" if network.dtype == np.float64 else "float32",
            network=_plain(parts),
            config=config.to_config() if config else None,
            classes=None if network.classes is None else _classes_of(network.classes, place),
            features=None if names is None else tuple(names),
            parts=parts_in_use(config or parts),
        )
        try:
            return cls.model_validate(said)
        except ValidationError as error:
            raise ModelFileError(f"{_told(error, place)} (to be written)") from None

    def plain(self) -> dict[str, Any]:
        """Return what `seal` takes."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def read(cls, text: str, place: str) -> Metadata:
        """Return the metadata in a JSON text.

        Raises:
            ModelFileError: it is not what a model file says.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ModelFileError(f"{_told(error, place)} (in the file's metadata)") from None

    def network_config(self, place: str) -> NetworkConfig:
        """Return the network's parts.

        Raises:
            ModelFileError: they do not hold.
            ConfigError: the file was made with parts of a distribution that gives none here; the message names it.
        """
        return self._validated(NetworkConfig, self.network, place)

    def run_config(self, parts: NetworkConfig, place: str) -> RunConfig | None:
        """Return the configuration of the run, if the file has one; ``parts`` are the network's.

        Raises:
            ModelFileError: it does not hold, or does not agree with the network, or with the parts that the file names.
            ConfigError: as `network_config`.
        """
        config = None if self.config is None else self._validated(RunConfig, self.config, place)
        if config is not None and not _agree(config, parts, self.dtype):
            raise ModelFileError(f"{place}: its network is not the one that its configuration describes")
        here = parts_in_use(config or parts)
        for path, said in self.parts.items():
            found = here.get(path)
            if found is None or (found.kind, found.distribution) != (said.kind, said.distribution):
                found_name = "nothing" if found is None else f"{found.kind} of {found.distribution}"
                raise ModelFileError(
                    f"{place}: parts: {display_path(path)} is {short_repr(said.kind)} of {short_repr(said.distribution)}; "
                    f"the file's own configuration says {found_name}"
                )
        return config

    def _validated(self, model: type[_AnyModel], table: dict[str, Any], place: str) -> _AnyModel:
        try:
            return model.model_validate(table)
        except ValidationError as error:
            told, absent = _told(error, place), self._absent()
            if absent:
                raise ConfigError(f"{told}{self._missing(absent)}") from None
            raise ModelFileError(told) from None

    def labels(self, outputs: int, place: str) -> NDArray[Any] | None:
        """Return the class labels, which must fit the outputs.

        Raises:
            ModelFileError: they do not.
        """
        if self.classes is None:
            return None
        labels = list(self.classes.labels)
        fits = len(labels) == outputs or (len(labels) == 2 and outputs == 1)
        if not fits or len({(type(label), label) for label in labels}) != len(labels):
            raise ModelFileError(f"{place}: classes: {len(labels)} labels do not fit {outputs} outputs")
        if self.classes.form == "O":
            array = np.empty(len(labels), dtype=object)
            array[:] = labels
            return array
        wanted, dtype = _LABELS[self.classes.form]
        try:
            if all(type(label) is wanted for label in labels):
                return np.array(labels, dtype=dtype)
        except OverflowError:  # an integer beyond 64 bits
            pass
        raise ModelFileError(f"{place}: classes: labels of the form '{self.classes.form}' expected")

    def names(self, place: str) -> tuple[str, ...] | None:
        """Return the names of the features, one for each input.

        Raises:
            ModelFileError: they do not fit.
        """
        names = self.features
        if names is not None and (self.input_shape != (len(names),) or len(set(names)) != len(names)):
            raise ModelFileError(f"{place}: features: {len(names)} names do not fit the inputs {self.input_shape}")
        return names

    def _absent(self) -> set[str]:
        """Return the distributions that gave the file's parts and give none now."""
        here = {owner.distribution for owner in registry.active().providers}
        return {part.distribution for part in self.parts.values()} - here - {""}

    @staticmethod
    def _missing(absent: set[str]) -> str:
        """Name those of the absent that are not installed; of the others the error tells."""
        names = sorted(absent - {absence.provider.distribution for absence in registry.active().unavailable})
        return (
            f"; the file was made with parts of {', '.join(map(display_path, names))}, not installed here"
            if names
            else ""
        )


def _agree(config: RunConfig, parts: NetworkConfig, dtype: str) -> bool:
    """Return whether a network of these parts and this dtype is the one that ``config`` describes."""
    return config.dtype == dtype and _plain(config.network) == _plain(parts)


def _plain(parts: NetworkConfig) -> dict[str, Any]:
    return parts.model_dump(mode="json", exclude_none=True)


def _count(value: Any) -> int:
    """Return how many values are in a value of JSON, itself among them."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if len(inner) > MOST_ENTRIES:
        raise ValueError(f"has a list or table of {len(inner)} entries; allowed: {MOST_ENTRIES}")
    return 1 + sum(map(_count, inner))


def check_findable(model: Model | None, place: str) -> None:
    """Refuse a part that could not be found again by the name that a file would call it by.

    Raises:
        ModelFileError: the part was given as an object whose class no installed plug-in gives.
    """
    for path, part in iter_components(model):
        if registry.active().provider_of(type(part)) is None:
            raise ModelFileError(
                f"{place}: {path} is a {type(part).__name__} that no installed plug-in gives, so a file could not name "
                "it; give it by an entry point of the group 'modnet'"
            )


def parts_in_use(config: Model) -> dict[str, Part]:
    """Return key path → kind, distribution and version, of every part that a configuration names."""
    found = {}
    for path, part in iter_components(config):
        owner = registry.active().provider_of(type(part))
        name, version = (owner.distribution, owner.version) if owner else ("", "")
        found[path] = Part(kind=part.kind_name(), distribution=name, version=version)
    return found


def _told(error: ValidationError, place: str) -> str:
    """Return what is wrong in one line, whatever the file's own words in it are."""
    return f"{place}: {' '.join(explain(error).split())}"


def _keepable(value: Any) -> bool:
    """Return whether JSON gives this value back as it is."""
    if type(value) is str:
        return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)  # no half characters
    return type(value) in (int, bool) or (type(value) is float and math.isfinite(value))


def _classes_of(classes: NDArray[Any], place: str) -> Classes:
    labels = classes.tolist()
    wrong = next((label for label in labels if not _keepable(label)), None)
    if wrong is not None:
        raise ModelFileError(f"{place}: the class {wrong!r} cannot be kept in a file; allowed: text, numbers, booleans")
    form: Any = classes.dtype.kind  # of the letters that there are, those of labels that can be kept
    return Classes(form=form, labels=tuple(labels))
