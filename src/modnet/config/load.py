"""Reading a configuration from a TOML file, a dict or nothing, with errors of one line."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modnet.config.overrides import apply_override
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError, DataError
from modnet.core.messages import error_text, printable, question, short_repr
from modnet.data.files import is_file, open_binary

__all__ = ["ConfigSource", "explain", "load_config", "load_configs", "read_config", "read_table"]

LARGEST = 2**24
"""How many bytes a configuration file may have: a device such as /dev/zero never ends."""

ConfigSource: TypeAlias = "RunConfig | Mapping[str, Any] | str | PathLike[str] | None"
"""A configuration: the model, a dict with the TOML's keys, a TOML file's path, or None for the defaults."""


def load_config(source: ConfigSource = None, overrides: Sequence[str] = ()) -> RunConfig:
    """Return the configuration that ``source`` means, changed by ``overrides`` (``"optimizer.kind=batch"``).

    Raises:
        ConfigError: the file cannot be read, or a key or value is not allowed; one line with file, key path, value and
            what is allowed.
    """
    if isinstance(source, RunConfig) and not overrides:
        return source
    return load_configs(source, [overrides])[0]


def load_configs(source: ConfigSource, changes: Sequence[Sequence[str]]) -> list[RunConfig]:
    """Return for each list of overrides the configuration that ``source`` means with them; it is read once.

    Raises:
        ConfigError: as `load_config`, for the first configuration that is not valid.
    """
    table, place = read_table(source)
    return [_validated(table, overrides, place) for overrides in changes]


def read_table(source: ConfigSource) -> tuple[dict[str, Any], str | None]:
    """Return the table that ``source`` means, without defaults and not validated, and its file's path or None.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or the source is no configuration.
    """
    if isinstance(source, RunConfig):
        return source.to_config(), None
    if isinstance(source, str | PathLike):
        place = fspath(source)
        return _read_file(place), place
    if source is None or isinstance(source, Mapping):
        return dict(source or {}), None
    allowed = "a TOML file's path, a dict with its keys, a RunConfig"
    raise ConfigError(f"{short_repr(source)} is not a configuration; allowed: {allowed}")


def _validated(table: dict[str, Any], overrides: Sequence[str], place: str | None) -> RunConfig:
    for override in overrides:
        table = apply_override(table, override)
    try:
        try:
            return RunConfig.model_validate(table)
        except ValidationError as error:
            raise ConfigError(explain(error, place, table)) from None
    except RecursionError:
        where = f"{place}: " if place else ""
        raise ConfigError(f"{where}its components lie within each other too deeply") from None


def read_config(file: BinaryIO, name: str) -> RunConfig:
    """Return the configuration in an open file, such as standard input, which errors call ``name``.

    Raises:
        ConfigError: as `load_config`.
    """
    return _validated(_parsed(file, name), (), name)


def _read_file(path: str) -> dict[str, Any]:
    try:
        with open_binary(Path(path), regular=False) as file:
            return _parsed(file, path)
    except DataError as error:
        hint = question([f"--set {path}"] if "=" in path else [])
        if is_file(Path(path, "config.toml")):
            hint = f"; it is a run: its configuration is {path}/config.toml, and --resume {path} goes on with it"
        raise ConfigError(f"{error}{hint}") from None


def _parsed(file: BinaryIO, path: str) -> dict[str, Any]:
    import tomllib

    try:
        content = file.read(LARGEST + 1)
        if not content and not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ConfigError(f"{path}: is no regular file, and nothing is in it")
        if len(content) > LARGEST:
            raise ConfigError(f"{path}: is no configuration: it has more than {LARGEST:,} bytes")
        return tomllib.loads(content.decode("utf-8-sig"))  # editors on Windows begin a file with a mark
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        from modnet.config.suggest import for_file  # only for an error message

        data, reason = for_file(path), str(error)
        if isinstance(error, UnicodeDecodeError):
            reason = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise ConfigError(f"{path}: is not TOML: {reason}{f'; if it is data: {data}' if data else ''}") from None
    except RecursionError:
        raise ConfigError(f"{path}: its values lie within each other too deeply") from None
    except ConfigError:  # a ValueError, too
        raise
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error_text(error)}") from None


def explain(error: ValidationError, place: str | None = None, table: Mapping[str, Any] | None = None) -> str:
    """Return the first error in one line: file, key path, value and what is allowed.

    Keys that are missing are all named. With the ``table`` of a run's configuration, the line says what an unknown
    option or kind meant, too.
    """
    details = [detail for detail in error.errors(include_url=False) if detail["type"] != "default_factory_not_called"]
    outer = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    inner = [detail for detail in details if detail["loc"] not in outer] or details  # the outer ones follow from these
    if inner[0]["type"] == "missing":
        missing = [_path(detail) for detail in inner if detail["type"] == "missing"]
        line, count = f"{', '.join(missing)}: {'is' if len(missing) == 1 else 'are'} required", len(missing)
    else:
        line, count = _line(inner[0], table), 1
    more = f" (and {len(inner) - count} more)" if len(inner) > count else ""
    return (f"{place}: " if place else "") + line + more


def _path(detail: ErrorDetails) -> str:
    return ".".join(str(key) for key in detail["loc"] if key != "[key]")  # how pydantic marks an error in a key


def _line(detail: ErrorDetails, table: Mapping[str, Any] | None) -> str:
    path, message = _path(detail), detail["msg"].removeprefix("Value error, ")
    if table is not None and detail["type"] in ("unknown_option", "unknown_kind"):
        from modnet.config.suggest import message_with_suggestion  # only for an error message

        message = message_with_suggestion(detail, table)
    if detail["type"] == "too_short":
        message = f"should have {detail['ctx']['min_length']} or more entries, got {detail['ctx']['actual_length']}"
    if detail["type"] == "too_long":
        message = f"should have {detail['ctx']['max_length']} or fewer entries, got {detail['ctx']['actual_length']}"
    if path == "network" and isinstance(detail["input"], list):
        message += question([f"network.layers = {short_repr(detail['input'])}"])
    message = message.replace("valid tuple", "list").replace("valid dictionary or instance of NetworkConfig", "table")
    message = message.replace("valid dictionary", "table").replace("a valid boolean", "true or false")
    if message.startswith(("Input should", "String should")):
        message = f"{short_repr(detail['input'])} {message.partition(' ')[2]}"
    if table is not None and isinstance(detail["input"], str):
        from modnet.config.suggest import for_text

        meant = for_text(detail, path, is_list=" should be a list" in message)
        message += question([meant] if meant else [])
    return printable(f"{path}: {message}" if path else message)
