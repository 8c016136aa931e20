"""What a shell completes: files, folders, runs, and the keys and values of ``--set``."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_origin

import click
from click.shell_completion import CompletionItem

__all__ = ["Items", "complete_files", "complete_folders", "complete_kinds", "complete_runs", "complete_settings"]

Items: TypeAlias = "list[CompletionItem[str]]"  # click 8.2 has no such subscript when the program runs


def complete_files(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Let the shell complete a file."""
    del ctx, parameter
    return [CompletionItem(incomplete, type="file")]


def complete_folders(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Let the shell complete a folder."""
    del ctx, parameter
    return [CompletionItem(incomplete, type="dir")]


def complete_runs(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Return the run folders that begin so, here and one folder deeper; without any the shell completes a file."""
    pattern = glob.escape(incomplete)
    found = [path for depth in ("*", "*/*") for path in glob.glob(f"{pattern}{depth}/config.toml")]  # noqa: PTH207 -- of text
    folders = sorted({str(Path(path).parent) for path in found})
    names = filter(str.isprintable, folders)  # a line for the shell can hold no other
    return [CompletionItem(name) for name in names] or complete_files(ctx, parameter, incomplete)


def complete_kinds(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Return the kinds of the family that was given."""
    from modnet.core import registry

    del parameter
    kinds = registry.active().kinds(str(ctx.params.get("family")))
    return [CompletionItem(kind) for kind in kinds if kind.startswith(incomplete)]


def complete_settings(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Return the keys that begin so in the configuration so far, or the values of a key."""
    from modnet.config.load import load_config
    from modnet.core.errors import ModnetError

    del parameter
    path = ctx.params.get("path") or next(iter(ctx.args), None)  # click sorts nothing before an unfinished option
    try:
        config = load_config(path, ctx.params.get("settings") or ())
    except ModnetError:
        config = load_config()
    key, equals, value = incomplete.partition("=")
    options = _options(config)
    if equals:
        return [CompletionItem(f"{key}={word}") for word in options.get(key, ()) if word.startswith(value)]
    return [CompletionItem(f"{name}=") for name in options if name.startswith(key)]


def _options(config: Any) -> dict[str, tuple[str, ...]]:
    """Return the dotted keys of a configuration, with the values of those that have few."""
    from modnet.config.places import component_places, option_places
    from modnet.core import registry
    from modnet.core.component import Component

    kinds = {place.path: tuple(registry.active().kinds(place.base.family)) for place in component_places(config)}
    options: dict[str, tuple[str, ...]] = {}
    for table, option, component in option_places(config):
        if component is None:
            path = (*table, option)
            name = ".".join(map(str, path))
            options[name] = kinds.get(path) or tuple(_values(config, path))
            if path in kinds and isinstance(_at(config, path), Component):
                options[f"{name}.kind"] = kinds[path]
    return options


def _at(node: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        node = node[key] if isinstance(key, int) else getattr(node, key)
    return node


def _values(config: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    """Yield the values of a literal or boolean option."""
    fields = type(_at(config, path[:-1])).model_fields
    annotation = fields[str(path[-1])].annotation if path[-1] in fields else None
    for one in (annotation, *get_args(annotation)):
        if one is bool:
            yield from ("true", "false")
        elif get_origin(one) is Literal:
            yield from map(str, get_args(one))
