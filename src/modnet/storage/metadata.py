"""What a model file says beside its numbers, as one JSON text, checked before anything is made of it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from modnet import __version__, registry
from modnet.components.base import Model
from modnet.config import NetworkConfig, RunConfig, explain, parts_of
from modnet.errors import ConfigError, ModelFileError
from modnet.network import Network

__all__ = ["KEY", "Metadata", "check_findable", "parts_in_use"]

KEY = "modnet"
"""Where the JSON text stands in the safetensors metadata: one key, because their order is not fixed."""
FORMAT = 1
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
    labels: tuple[bool | int | float | str, ...]


class Metadata(_Strict):
    """A model file's metadata."""

    format_version: int
    modnet_version: str
    input_shape: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1)
    dtype: Literal["float64", "float32"]
    network: dict[str, Any]
    config: dict[str, Any] | None = None
    classes: Classes | None = None
    features: tuple[str, ...] | None = None
    parts: dict[str, Part]

    @field_validator("format_version")
    @classmethod
    def _known(cls, value: int) -> int:
        if value != FORMAT:
            raise ValueError(f"{value} should be {FORMAT}")
        return value

    @classmethod
    def of(cls, network: Network, place: str) -> Metadata:
        """Return what is to be said of ``network``.

        Raises:
            ModelFileError: a part or a class label could not be found or read again.
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
        return cls(
            format_version=FORMAT,
            modnet_version=__version__,
            input_shape=network.input_shape,
            dtype="float64" if network.dtype == np.float64 else "float32",
            network=parts.model_dump(mode="json", exclude_none=True),
            config=network.config.to_plain() if network.config else None,
            classes=None if network.classes is None else _classes_of(network.classes, place),
            features=None if names is None else tuple(names),
            parts=parts_in_use(network.config or parts),
        )

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
            ConfigError: one is not installed, or not as the file's; the message names the distribution that gave it.
        """
        try:
            with registry.preferring(self._givers()):
                return NetworkConfig.model_validate(self.network)
        except ValidationError as error:
            raise ConfigError(_told(error, place) + self._missing()) from None

    def run_config(self, place: str) -> RunConfig | None:
        """Return the configuration of the run, if the file has one.

        Raises:
            ConfigError: as `network_config`.
        """
        try:
            with registry.preferring(self._givers()):
                return None if self.config is None else RunConfig.model_validate(self.config)
        except ValidationError as error:
            raise ConfigError(_told(error, place) + self._missing()) from None

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

    def _givers(self) -> dict[str, str]:
        """Return family and kind → who gave it, so that another plug-in's part of that kind never takes its place."""
        gave = {(part.kind, part.distribution) for part in self.parts.values()}
        by_kind, chosen = dict(sorted(gave)), {}
        for one in registry.active():
            kind, owner = one.component.named_kind(), one.owner.distribution
            name = f"{one.component.family}:{kind}"
            if (kind, owner) in gave:
                chosen[name] = owner
            elif kind in by_kind:
                chosen.setdefault(name, by_kind[kind])
        return chosen

    def _missing(self) -> str:
        """Name the distributions that gave the file's parts and are not installed now."""
        here = {owner.distribution for owner in registry.active().owners}
        here |= {absence.owner.distribution for absence in registry.active().absences}  # of which the error tells
        missing = sorted({part.distribution for part in self.parts.values()} - here - {""})
        return f"; the file was made with parts of {', '.join(missing)}, not installed here" if missing else ""


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


def parts_in_use(config: Model) -> dict[str, Part]:
    """Return key path → kind, distribution and version, of every part that a configuration names."""
    found = {}
    for path, part in parts_of(config):
        owner = registry.active().owner_of(type(part))
        name, version = (owner.distribution, owner.version) if owner else ("", "")
        found[path] = Part(kind=part.named_kind(), distribution=name, version=version)
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
