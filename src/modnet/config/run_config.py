"""The configuration of a run: read, overridden, filled with every default, and written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

import tomli_w
from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from modnet.core import registry
from modnet.core.component import Component, Model, Slot, default_part
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Callback, Cost, Dataset, Layer, Metric, Optimizer, Regularizer
from modnet.preferences import Preferences, preferences_in

__all__ = ["ConfigSource", "NetworkConfig", "RunConfig", "apply_setting", "load_config", "parts_of", "read_table"]


class NetworkConfig(Model):
    """What the network is made of and what its training minimises."""

    layers: tuple[Annotated[Layer, Slot()], ...] = Field(
        default=(30, 10),
        validate_default=True,
        strict=False,
        min_length=1,
        description="the layers above the input, from the first hidden layer to the output; an integer is a dense "
        "sigmoid layer of so many units. How many inputs there are is seen from the data",
    )
    cost: Annotated[Cost, Slot()] = default_part("quadratic", "C, what is minimised")
    regularizers: tuple[Annotated[Regularizer, Slot()], ...] = Field(
        default=(), strict=False, description="penalties on the weights, added to the cost"
    )


def _or_auto(schema: dict[str, Any]) -> None:
    """Say in a field's JSON Schema that it is ``"auto"`` by default."""
    schema |= {"anyOf": [*schema["anyOf"], {"const": "auto"}], "default": "auto"}


class RunConfig(Model):
    """One training, whole. With nothing configured it is the network of the teaching document on the digits."""

    seed: int = Field(default=0, ge=0, description="where all randomness comes from")
    epochs: int = Field(default=30, ge=0, description="passes over the training samples; 0 only makes the network")
    dtype: Literal["float64", "float32"] = Field(default="float64", description="the numbers that are computed with")
    threads: int | None = Field(
        default=None,
        ge=1,
        json_schema_extra=_or_auto,
        description='threads that share the samples of one update; `"auto"` is one for each core where an update is '
        "large enough, else one. The numbers depend on it in their last bits",
    )
    # Before all parts, so that its mistakes are told before those that follow from them.
    prefer: Preferences = Field(default_factory=dict)
    data: Annotated[Dataset, Slot()] = default_part("digits", "where the samples come from")
    network: NetworkConfig = Field(default_factory=NetworkConfig, description="what the network is made of")
    optimizer: Annotated[Optimizer, Slot()] = default_part(
        "mini-batch", "which samples feed one update, and at what rate"
    )
    metrics: tuple[Annotated[Metric, Slot()], ...] | None = Field(
        default=None,
        strict=False,
        json_schema_extra=_or_auto,
        description='figures of merit beside the cost; `"auto"` is accuracy for classes and r2 for other targets',
    )
    callbacks: tuple[Annotated[Callback, Slot()], ...] = Field(
        default=("history",),
        validate_default=True,
        strict=False,
        description="what listens to the training, in this order; `history` comes first even where it is not named",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _prefer(cls, data: Any, handler: ModelWrapValidatorHandler[RunConfig]) -> RunConfig:
        with preferences_in(data):
            return handler(data)

    @field_serializer("prefer")
    def _write_prefer(self, value: dict[str, str]) -> dict[str, str] | None:
        return value or None

    @field_validator("metrics", "threads", mode="before")
    @classmethod
    def _read_auto(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str) and value != "auto":
            other = "an integer from 1" if info.field_name == "threads" else "a list"
            raise ValueError(f'{registry.describe(value)} should be {other} or "auto"')
        return None if isinstance(value, str) else value

    @field_serializer("metrics")
    def _write_auto(self, value: tuple[Metric, ...] | None) -> Any:
        return "auto" if value is None else [metric.to_config() for metric in value]

    @field_serializer("threads")
    def _write_auto_threads(self, value: int | None) -> int | str:
        return "auto" if value is None else value

    @field_validator("callbacks", mode="before")
    @classmethod
    def _keep_history(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        kinds = [item.get("kind") if isinstance(item, dict) else getattr(item, "kind", item) for item in value]
        return list(value) if "history" in kinds else ["history", *value]

    def to_config(self) -> dict[str, Any]:
        """Return the configuration as a TOML file says it, with every default filled in."""
        plain: dict[str, Any] = _listed(self.model_dump())
        return plain

    def to_toml(self) -> str:
        """Return the configuration as TOML, with every default filled in."""
        return tomli_w.dumps(self.to_config())


ConfigSource: TypeAlias = "RunConfig | Mapping[str, Any] | str | PathLike[str] | None"
"""A configuration: the model, a dict with the TOML's keys, a TOML file's path, or None for the defaults."""


def load_config(source: ConfigSource = None, settings: Sequence[str] = ()) -> RunConfig:
    """Return the configuration that ``source`` means, changed by ``settings`` (``"optimizer.kind=batch"``).

    Raises:
        ConfigError: the file cannot be read, or a key or value is not allowed; one line with file, key path, value and
            what is allowed.
    """
    if isinstance(source, RunConfig):
        if not settings:
            return source
        source = source.to_config()
    if not (source is None or isinstance(source, str | PathLike | Mapping)):
        what = registry.describe(source)
        raise ConfigError(f"{what} is no configuration; allowed: a TOML file's path, a dict with its keys, a RunConfig")
    place = fspath(source) if isinstance(source, str | PathLike) else None
    table = read_table(place) if place is not None else dict(source or {})  # type: ignore[arg-type] # not a path here
    for setting in settings:
        table = apply_setting(table, setting)
    try:
        return RunConfig.model_validate(table)
    except ValidationError as error:
        raise ConfigError(explain(error, place)) from None


def read_table(path: str | PathLike[str]) -> dict[str, Any]:
    """Return a TOML file's table.

    Raises:
        ConfigError: the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{fspath(path)}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{fspath(path)}: is not TOML: {error}") from None


def explain(error: ValidationError, place: str | None = None) -> str:
    """Return one line that says what is wrong first: place, key path, value and what is allowed."""
    found = [detail for detail in error.errors(include_url=False) if detail["type"] != "default_factory_not_called"]
    inner = {detail["loc"][:depth] for detail in found for depth in range(len(detail["loc"]))}
    details = [detail for detail in found if detail["loc"] not in inner] or found  # the rest only follows from these
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return (f"{place}: " if place else "") + _line(details[0]) + more


def _line(detail: ErrorDetails) -> str:
    path = ".".join(str(key) for key in detail["loc"] if key != "[key]")  # as pydantic marks a mistake in a key
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        return f"{path}: is required"
    for ours, theirs in (("list", "valid tuple"), ("table", "valid dictionary or instance of NetworkConfig")):
        message = message.replace(theirs, ours)
    if message.startswith(("Input should", "String should")):
        message = f"{registry.describe(detail['input'])} {message.partition(' ')[2]}"
    if detail["type"] == "too_short":
        message = f"should have at least {detail['ctx']['min_length']} entries, got {detail['ctx']['actual_length']}"
    return " ".join((f"{path}: {message}" if path else message).splitlines())


def apply_setting(table: Mapping[str, Any], setting: str) -> dict[str, Any]:
    """Return ``table`` with one dotted key set: ``key=value``, the value being TOML, or a bare word for a string.

    Where a ``kind`` is changed, the options stay that the new kind has too.

    Raises:
        ConfigError: the setting has no ``=``, or its key leads into something that is no table.
    """
    key, equals, text = setting.partition("=")
    path = [part.strip() for part in key.split(".")]
    if not equals or not all(path):
        raise ConfigError(f"--set {setting}: should be KEY=VALUE, with a dotted key")
    value = _value(text.strip())
    changed: dict[str, Any] = _set(dict(table), path, value, setting, [])
    if path[-1] == "kind" and isinstance(value, str):
        _drop_foreign_options(changed, path[:-1])
    return changed


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _set(node: Any, path: Sequence[str], value: Any, setting: str, done: list[str]) -> Any:
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(node, list | tuple):
        if not key.isdigit() or int(key) >= len(node):
            raise ConfigError(
                f"--set {setting}: '{'.'.join(done)}' has {len(node)} entries; allowed: 0 to {len(node) - 1}"
            )
        return [_set(old, rest, value, setting, [*done, key]) if i == int(key) else old for i, old in enumerate(node)]
    if not isinstance(node, dict):
        if key.isdigit():
            raise ConfigError(f"--set {setting}: '{'.'.join(done)}' is {registry.describe(node)}, not a list")
        opened = Layer.shorthand(node) if isinstance(node, str) or (done and done[-1].isdigit()) else None
        if opened is None:
            raise ConfigError(f"--set {setting}: '{'.'.join(done)}' is a value, not a table")
        node = opened
    child = node.get(key, {})
    if key not in node and rest and rest[0].lstrip("-").isdigit():
        child = _default_at([*done, key])
    return {**node, key: _set(child, rest, value, setting, [*done, key])}


def _default_at(path: Sequence[str]) -> Any:
    node: Any = RunConfig().to_config()
    for key in path:
        node = node.get(key, {}) if isinstance(node, dict) else {}
    return node


def _drop_foreign_options(table: dict[str, Any], path: Sequence[str]) -> None:
    """Take the options out of the part at ``path`` that its kind does not have."""
    model: type[Model] | None = RunConfig
    node: Any = table
    for key in path:
        node = node[int(key)] if isinstance(node, list) else node[key]
        if not key.isdigit():
            model = _model_of(model.model_fields[key].annotation) if model and key in model.model_fields else None
        if model is not None and issubclass(model, Component) and isinstance(node, dict) and "kind" in node:
            try:
                model = registry.active().find(model.family, node["kind"]).component
            except LookupError:
                return  # an unknown kind is reported when the whole is validated
    if model is not None and isinstance(node, dict):
        known = (
            {"kind", "eta", *model.option_names()} if issubclass(model, Optimizer) else {"kind", *model.option_names()}
        )
        for key in set(node) - known:
            del node[key]


def _model_of(annotation: Any) -> type[Model] | None:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next(filter(None, map(_model_of, get_args(annotation))), None)


def parts_of(value: Any, path: str = "") -> Iterator[tuple[str, Component]]:
    """Yield every part in a configuration, or in a piece of one, with its key path; an owner's parts come after it."""
    if isinstance(value, Component):
        yield path, value
    if isinstance(value, Model):
        for name in type(value).model_fields:
            yield from parts_of(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from parts_of(item, f"{path}.{index}")


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items() if item is not None}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value
