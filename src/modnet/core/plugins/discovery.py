"""Discovery of every entry point of the group ``modnet``, one at a time; the built-ins are registered in the same way.

A plug-in that cannot be loaded is reported in one line by the logger ``modnet`` (without a configured logger: on
standard error) and is an error only where a configuration asks for one of its components.
``MODNET_STRICT_PLUGINS=1`` makes every failure an error. A disabled plug-in is not imported.
"""

from __future__ import annotations

import logging
from functools import partial
from importlib.metadata import EntryPoint

from modnet.core.errors import PluginError
from modnet.core.messages import printable
from modnet.core.plugins.disabled import disabled_by, on_command_line, unmatched
from modnet.core.plugins.installed import (
    BUILTIN_DISTRIBUTION,
    COMMAND_GROUP,
    COMPONENT_GROUP,
    installed,
    raise_if_strict,
    reason_of,
)
from modnet.core.plugins.validation import components_of_plugin
from modnet.core.registry import Provider, Registry, UnavailablePlugin, using

__all__ = ["discover"]

_log = logging.getLogger("modnet")


def discover() -> Registry:
    """Return a registry of every component that is installed.

    Raises:
        PluginError: a plug-in cannot be loaded and ``MODNET_STRICT_PLUGINS`` is set, or modnet itself is not installed.
    """
    registry = Registry()
    plugins = installed(COMPONENT_GROUP, partial(_report_failure, registry))
    if not any(provider.builtin for provider, _ in plugins):
        raise PluginError(f"the distribution {BUILTIN_DISTRIBUTION} is not installed, so there are no components")
    for problem in _unmatched(plugins):
        _log.warning("modnet: %s", printable(problem))
    enabled: dict[str, list[Provider]] = {}
    with using(registry):
        for provider, point in plugins:
            source = None if provider.builtin else disabled_by(provider.distribution, point.name)
            if source is None:
                enabled.setdefault(point.name, []).append(provider)
                _load(registry, provider, point)
            else:
                registry.unavailable.append(UnavailablePlugin(provider, source, disabled=True))
    for name, providers in enabled.items():
        if len(providers) > 1:
            _report_duplicate(registry, name, providers)
    return registry


def _unmatched(plugins: list[tuple[Provider, EntryPoint]]) -> list[str]:
    """Return an error message for every disabled name that is that of no plug-in, commands included."""
    if not on_command_line():
        return []
    pairs = [pair for pair in [*plugins, *installed(COMMAND_GROUP)] if not pair[0].builtin]
    return unmatched(name for provider, point in pairs for name in (provider.distribution, point.name))


def _load(registry: Registry, provider: Provider, entry_point: EntryPoint) -> None:
    registered = [entry.component for entry in registry if entry.provider == provider]
    try:
        components = components_of_plugin(entry_point.load(), registered)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a plug-in's module does when imported, discovery continues
        if provider.builtin:
            raise
        _report_failure(registry, provider, error)
    else:
        registry.add(components, provider)


def _report_failure(registry: Registry, provider: Provider, error: BaseException) -> None:
    reason = reason_of(error)
    raise_if_strict(f"plug-in {provider}: {reason}", error)
    registry.unavailable.append(UnavailablePlugin(provider, reason))
    _log.warning("modnet: plug-in %s could not be loaded: %s", provider, reason)


def _report_duplicate(registry: Registry, name: str, providers: list[Provider]) -> None:
    """Report an entry point name that is used twice; both are loaded, since components go by their distribution."""
    distinct = dict.fromkeys(providers)
    problem = f"the entry point name '{name}' is used more than once, by {' and '.join(map(str, distinct))}"
    raise_if_strict(problem, None)
    _log.warning("modnet: %s", problem)
    for provider in distinct:
        registry.add_conflict(provider.distribution, problem)
