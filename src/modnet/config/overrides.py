"""Overrides of single keys of a configuration: ``--set KEY=VALUE``."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from modnet.config.run_config import RunConfig
from modnet.core import registry
from modnet.core.component import Component, Model
from modnet.core.errors import ConfigError, PluginError
from modnet.core.interfaces import Layer
from modnet.core.messages import short_repr, truncate

__all__ = ["apply_override", "model_of", "parse", "repair", "split_values", "to_toml"]


def apply_override(table: Mapping[str, Any], override: str) -> dict[str, Any]:
    """Return ``table`` with one dotted key set: ``key=value``, the value being TOML, or a bare word for a string.

    Where a ``kind`` is changed, the options that the new kind has too are kept, and the others are dropped.

    Raises:
        ConfigError: the override has no ``=``, or its key leads into something that is not a table.
    """
    key, equals, text = override.partition("=")
    path = [part.strip() for part in key.split(".")]
    if not equals or not all(path):
        raise ConfigError(f"--set {truncate(override, 200)}: should be KEY=VALUE, with a dotted key")
    try:
        value = parse(text.strip())
        if value == text.strip():  # it is no TOML
            _check_is_word(key, value)
        changed: dict[str, Any] = _set(dict(table), path, value, [])
    except ConfigError as error:
        raise ConfigError(f"--set {truncate(override, 200)}: {error}") from None
    except RecursionError:
        raise ConfigError(f"--set {truncate(override)}: its values lie within each other too deeply") from None
    if path[-1] == "kind" and isinstance(value, str):
        _drop_foreign_options(changed, path[:-1])
    return changed


def split_values(override: str) -> list[str]:
    """Return an override for each of its values, which commas outside of quotes, lists and tables separate.

    >>> split_values("optimizer.rule=plain,adam")
    ['optimizer.rule=plain', 'optimizer.rule=adam']
    >>> split_values("network.layers=[30, 10]")
    ['network.layers=[30, 10]']

    Raises:
        ConfigError: there is nothing between two commas.
    """
    key, equals, text = override.partition("=")
    values, depth, quote, start = [], 0, "", True
    value: list[str] = []
    escaped = False
    for letter in text:
        if quote:
            is_end = letter == quote and not escaped
            escaped = letter == "\\" and quote == '"' and not escaped
            quote = "" if is_end else quote
        elif letter in "\"'" and (start or depth):  # in the middle of a word it is a letter
            quote = letter
        elif letter in "[{(":
            depth += 1
        elif letter in ")}]":
            depth = max(depth - 1, 0)
        if letter == "," and not (quote or depth):
            values.append("".join(value))
            value, start = [], True
        else:
            value.append(letter)
            start = start and letter.isspace()
    values.append("".join(value))
    if len(values) > 1 and not all(map(str.strip, values)):
        raise ConfigError(f"--set {truncate(override, 200)}: there is no value before or after a comma")
    return [f"{key}{equals}{value}" for value in values]


def parse(text: str) -> Any:
    """Return a value of TOML, or the text itself where it is none.

    Raises:
        ConfigError: an integer has too many digits, or lists and tables lie within each other too deeply.
    """
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise ConfigError("an integer has too many digits") from None
    except RecursionError:
        raise ConfigError("its values lie within each other too deeply") from None


def _check_is_word(key: str, text: str) -> None:
    if text[:1] + text[-1:] in ("[]", "{}", "()"):
        mended = repair(text)
        hint = "" if isinstance(mended, str) else f"; did you mean --set {shlex.quote(f'{key}={to_toml(mended)}')}?"
        raise ConfigError(f"the value is not TOML{hint}")


def repair(text: str, *, as_list: bool = False) -> Any:
    """Return the value of a text that is TOML but for missing quotes or Python's spelling; the text where it is not."""

    def mend(found: re.Match[str]) -> str:
        word = found[0]
        if word.lower() in ("true", "false"):
            return word.lower()
        return f"0{word}" if re.fullmatch(r"\.\d+", word) else f'"{word}"'

    mended = re.sub(r"(?<![\w\"'./-])[A-Za-z_.][\w./-]*(?![\w./-])(?!\s*=)", mend, text)
    mended = mended.replace("(", "[").replace(")", "]")
    try:
        value = parse(f"[{mended}]" if as_list and not mended.startswith("[") else mended)
    except ConfigError:  # too many digits, or too deep
        return text
    return text if isinstance(value, str) else value


def to_toml(value: Any) -> str:
    """Return a value on one line of TOML.

    Raises:
        TypeError: TOML has no such value, or not on one line.
    """
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {to_toml(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(to_toml, value))}]"
    if value is None:
        raise TypeError
    if isinstance(value, float):
        return float.__repr__(value)
    text = json.dumps(value, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in text)


def _set(node: Any, path: Sequence[str], value: Any, done: list[str]) -> Any:
    """Return ``node``, which stands at the key path ``done``, with the ``path`` within it set to ``value``."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(node, list | tuple):
        if key not in map(str, range(len(node))):
            hint = f"{len(node)} entries; allowed: 0 to {len(node) - 1}" if node else "no entries; set the list itself"
            raise ConfigError(f"'{'.'.join(done)}' has {hint}")
        return [_set(item, rest, value, [*done, key]) if i == int(key) else item for i, item in enumerate(node)]
    if not isinstance(node, dict):
        if key.isdigit():
            raise ConfigError(f"'{'.'.join(done)}' is {short_repr(node)}, not a list")
        node = Layer.shorthand(node) if isinstance(node, str) or (done and done[-1].isdigit()) else None
        if node is None:
            raise ConfigError(f"'{'.'.join(done)}' is a value, not a table")
    child = node.get(key, {})
    if key not in node and rest and rest[0].lstrip("-").isdigit():
        child = _default_at([*done, key])
    return {**node, key: _set(child, rest, value, [*done, key])}


def _default_at(path: Sequence[str]) -> Any:
    """Return the default at a key path; a list as its field has it, so that what follows from an option still does."""
    node: Any = RunConfig().to_config()
    model: type[Model] | None = RunConfig
    default: Any = None
    for key in path:
        field = model.model_fields.get(key) if model else None
        default, model = (field.default, model_of(field.annotation)) if field else (None, None)
        node = node.get(key, {}) if isinstance(node, dict) else {}
    return list(default) if isinstance(default, tuple) else node


def _drop_foreign_options(table: dict[str, Any], path: Sequence[str]) -> None:
    """Remove the options of the component at ``path`` that its kind does not have."""
    model: type[Model] | None = RunConfig
    node: Any = table
    for key in path:
        node = node[int(key)] if isinstance(node, list) else node[key]
        if not key.isdigit():
            model = model_of(model.model_fields[key].annotation) if model and key in model.model_fields else None
        if model is not None and issubclass(model, Component) and isinstance(node, dict) and "kind" in node:
            try:
                model = registry.active().find(model.family, str(node["kind"])).component
            except (registry.UnknownKindError, PluginError):
                return  # reported with its key path when the whole is validated
    if model is not None and isinstance(node, dict):
        for key in node.keys() - {"kind", *model.option_names(), *model.option_aliases()}:
            del node[key]


def model_of(annotation: Any) -> type[Model] | None:
    """Return the model in a field's annotation, or None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next(filter(None, map(model_of, get_args(annotation))), None)
