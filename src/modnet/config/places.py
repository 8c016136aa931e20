"""Where options and components can stand in a configuration, for messages about what stands elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from pydantic import ValidationError

from modnet.config.overrides import model_of
from modnet.config.run_config import RunConfig
from modnet.core import registry
from modnet.core.component import Component, Model

__all__ = ["ComponentPlace", "KeyPath", "OptionPlace", "component_places", "config_without", "option_places"]

KeyPath: TypeAlias = tuple[str | int, ...]


class OptionPlace(NamedTuple):
    """The key path of an option's table and the option; and the component to use there if it is not the present one."""

    table: KeyPath
    option: str
    component: type[Component] | None


class ComponentPlace(NamedTuple):
    """The key path of an option that takes a component or a list of them, their family, and what it has now."""

    path: KeyPath
    base: type[Component]
    now: Any


def option_places(config: RunConfig) -> Iterator[OptionPlace]:
    """Yield the options that a configuration has, the outer first, then those that other components would have."""
    for path, model in _tables(config):
        yield from (OptionPlace(path, option, None) for option in type(model).option_names())
    for path, base, _ in component_places(config):
        for component in [entry.component for entry in registry.active() if entry.component.family == base.family]:
            yield from (OptionPlace(path, option, component) for option in component.option_names())


def component_places(config: RunConfig) -> Iterator[ComponentPlace]:
    """Yield the options of a configuration that take components, the outer first."""
    for path, model in _tables(config):
        for name, field in type(model).model_fields.items():
            base = model_of(field.annotation)
            if base is not None and issubclass(base, Component):
                yield ComponentPlace((*path, name), base, getattr(model, name))


def _tables(config: RunConfig) -> Iterator[tuple[KeyPath, Model]]:
    tables: list[tuple[KeyPath, Model]] = [((), config)]
    for path, model in tables:  # which grows
        yield path, model
        for name in type(model).model_fields:
            value = getattr(model, name)
            items = [((name, index), item) for index, item in enumerate(value)] if isinstance(value, tuple) else []
            tables += [((*path, *key), item) for key, item in [((name,), value), *items] if isinstance(item, Model)]


def config_without(table: Mapping[str, Any], path: KeyPath) -> RunConfig:
    """Return the configuration without the key at ``path``, or the defaults where something else is wrong, too."""
    try:
        return RunConfig.model_validate(_without(table, path))
    except (ValidationError, RecursionError):
        return RunConfig()


def _without(node: Any, path: KeyPath) -> Any:
    if not path or not isinstance(node, Mapping | list | tuple):
        return node
    items = [item for item in (node.items() if isinstance(node, Mapping) else enumerate(node)) if path != item[:1]]
    rest = {key: _without(value, path[1:]) if key == path[0] else value for key, value in items}
    return rest if isinstance(node, Mapping) else list(rest.values())
