"""Reading a configuration from a TOML file, a dict or nothing, with errors of one line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modnet.config.overrides import apply_override
from modnet.config.run_config import RunConfig
from modnet.core import registry
from modnet.core.errors import ConfigError

__all__ = ["ConfigSource", "explain", "load_config", "read_table"]


ConfigSource: TypeAlias = "RunConfig | Mapping[str, Any] | str | PathLike[str] | None"
"""A configuration: the model, a dict with the TOML's keys, a TOML file's path, or None for the defaults."""


def load_config(source: ConfigSource = None, overrides: Sequence[str] = ()) -> RunConfig:
    """Return the configuration that ``source`` means, changed by ``overrides`` (``"optimizer.kind=batch"``).

    Raises:
        ConfigError: the file cannot be read, or a key or value is not allowed; one line with file, key path, value and
            what is allowed.
    """
    if isinstance(source, RunConfig):
        if not overrides:
            return source
        source = source.to_config()
    if not (source is None or isinstance(source, str | PathLike | Mapping)):
        what = registry.describe(source)
        raise ConfigError(f"{what} is no configuration; allowed: a TOML file's path, a dict with its keys, a RunConfig")
    place = fspath(source) if isinstance(source, str | PathLike) else None
    table = read_table(place) if place is not None else dict(source or {})  # type: ignore[arg-type] # not a path here
    for override in overrides:
        table = apply_override(table, override)
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
