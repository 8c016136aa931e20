"""The installed plug-ins with their status, and the options of a component."""

from __future__ import annotations

import inspect
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from modnet.cli.common.plugin_commands import PluginCommand, PluginCommands
from modnet.config.json_schema import schema_of
from modnet.core.component import Component, Slot
from modnet.core.errors import PluginError
from modnet.core.plugins.installed import raise_if_strict
from modnet.core.registry import Provider, Registry

if TYPE_CHECKING:
    from modnet.testing import Report

__all__ = ["Option", "Plugin", "check_command", "formula_of", "installed_plugins", "options_of"]

Status: TypeAlias = Literal["ok", "failed", "disabled", "conflict"]
_SIGNS = {
    Gt: "> {0.gt}",
    Ge: "≥ {0.ge}",
    Lt: "< {0.lt}",
    Le: "≤ {0.le}",
    MinLen: "at least {0.min_length} long",
    MaxLen: "at most {0.max_length} long",
}


@dataclass(frozen=True)
class Plugin:
    """An installed distribution that provides components or commands.

    Attributes:
        name: The distribution, in canonical form.
        version: Its version.
        status: ``failed`` if an entry point could not be loaded; ``disabled``; ``conflict`` if modnet or another
            plug-in claims the same name; else ``ok``.
        components: The components that it provides, as ``family:kind``.
        commands: The commands that it provides, by name.
        reason: Why the status is not ``ok``, or an empty string.
    """

    name: str
    version: str
    status: Status
    components: list[str]
    commands: list[str]
    reason: str


@dataclass(frozen=True)
class Option:
    """An option of a component.

    Attributes:
        name: Its key.
        type: The type of its values, in words.
        bounds: The bounds of its values, in signs; empty if there are none.
        default: Its default as a configuration writes it, or None if it has no fixed one.
        required: Whether it must be given.
        description: What it means.
    """

    name: str
    type: str
    bounds: str
    default: Any
    required: bool
    description: str


def installed_plugins(registry: Registry, commands: PluginCommands) -> list[Plugin]:
    """Return every installed plug-in, sorted by name; commands that are not disabled are imported.

    Raises:
        PluginError: a command cannot be loaded, and ``MODNET_STRICT_PLUGINS`` is set.
    """
    providers = [
        *registry.providers,
        *(plugin.provider for plugin in [*registry.unavailable, *commands.unreadable]),
        *(command.provider for command in commands),
    ]
    plugins = {provider.distribution: provider for provider in reversed(providers) if not provider.builtin}
    return [_plugin(registry, commands, plugins[name]) for name in sorted(plugins)]


def _plugin(registry: Registry, commands: PluginCommands, provider: Provider) -> Plugin:
    components = [entry.component for entry in registry if entry.provider == provider]
    missing = [plugin for plugin in registry.unavailable if plugin.provider.distribution == provider.distribution]
    own = [command for command in commands if command.provider.distribution == provider.distribution]
    faults = {command.name: _fault(command) for command in own if command.disabled is None}
    failed = [*(plugin.reason for plugin in missing if not plugin.disabled), *filter(None, faults.values())]
    disabled = [f"disabled by {plugin.reason}" for plugin in missing if plugin.disabled]
    disabled += [f"disabled by {command.disabled}" for command in own if command.disabled is not None]
    conflicts = [*registry.conflicts(provider.distribution), *_conflicts(registry, components, provider)]
    conflicts += [reason for command in own if command.disabled is None and (reason := commands.conflict(command))]
    status: Status = "failed" if failed else "disabled" if disabled else "conflict" if conflicts else "ok"
    reasons = "; ".join(dict.fromkeys([*failed, *disabled, *conflicts]))
    names = sorted(f"{component.family}:{component.kind_name()}" for component in components)
    working = sorted(name for name, fault in faults.items() if fault is None)
    return Plugin(provider.distribution, provider.version, status, names, working, reasons)


def check_command(command: PluginCommand) -> Report:
    """Return whether a plug-in's command can be loaded and has a help text.

    Raises:
        PluginError: it cannot be loaded.
    """
    from modnet.testing import Report, Result

    described = bool((command.load().help or "").strip())
    checks = [
        Result("loads", "passed", ""),
        Result("help", *(("passed", "") if described else ("failed", "has no help text; its docstring becomes it"))),
    ]
    return Report(f"command:{command.name}", tuple(checks))


def _fault(command: PluginCommand) -> str | None:
    """Return why a command cannot be loaded, or None."""
    try:
        command.load()
    except PluginError as error:
        raise_if_strict(str(error), error)
        return str(error)
    return None


def _conflicts(registry: Registry, components: list[type[Component]], provider: Provider) -> list[str]:
    reasons = []
    for family, kind in ((component.family, component.kind_name()) for component in components):
        rivals = ", ".join(
            str(entry.provider)
            for entry in registry
            if (entry.component.family, entry.component.kind_name()) == (family, kind) and entry.provider != provider
        )
        if registry.is_builtin(family, kind):
            reasons.append(f"the {family} '{kind}' is built in; '{provider.distribution}:{kind}' means this one")
        elif rivals:
            reasons.append(f"the {family} '{kind}' is also provided by {rivals}")
    return reasons


def formula_of(component: type[Component]) -> str:
    """Return the docstring of a component: its formula, its description and its source."""
    return inspect.cleandoc(component.__doc__ or "")


def options_of(component: type[Component]) -> list[Option]:
    """Return the options of a component, in the order in which a configuration shows them."""
    properties = schema_of(component).get("properties", {})
    if not properties:  # a component with a slot of its own family is among the definitions
        definitions = schema_of(component)["$defs"]
        title = f"{component.family} {component.kind_name()}"
        properties = next(table["properties"] for table in definitions.values() if table.get("title") == title)
    aliases = {name: alias for alias, name in component.option_aliases().items()}
    return [
        Option(
            name,
            _type(field.annotation, field.metadata) + (f" (also `{aliases[name]}`)" if name in aliases else ""),
            _bounds(field.metadata),
            properties.get(name, {}).get("default"),
            field.is_required(),
            field.description or "",
        )
        for name, field in component.model_fields.items()
        if name != "kind"
    ]


def _type(annotation: Any, metadata: list[Any]) -> str:
    """Return the type of a field's values in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if any(isinstance(mark, Slot) for mark in metadata):
        article = "an" if annotation.family[0] in "aeio" else "a"
        return f"{article} {annotation.family}"
    if hasattr(annotation, "__metadata__"):
        return _type(arguments[0], list(annotation.__metadata__))
    if origin in (Union, types.UnionType):
        return " or ".join(_type(argument, []) for argument in arguments if argument is not type(None))
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in arguments)
    if origin in (tuple, list):
        inner = " and ".join(dict.fromkeys(_type(argument, []) for argument in arguments if argument is not Ellipsis))
        return f"a list of {inner or 'anything'}"
    words = {int: "integer", float: "number", bool: "true or false", str: "text"}
    return str(words.get(annotation) or getattr(annotation, "__name__", annotation))


def _bounds(metadata: list[Any]) -> str:
    return ", ".join(_SIGNS[type(mark)].format(mark) for mark in metadata if type(mark) in _SIGNS)
