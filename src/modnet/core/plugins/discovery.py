"""Discovery of every entry point of the group ``modnet``, one at a time; the built-ins are registered in the same way.

A plug-in that cannot be loaded is reported in one line by the logger ``modnet`` (without a configured logger: on
standard error) and is an error only where a configuration asks for one of its components.
``MODNET_STRICT_PLUGINS=1`` makes every failure an error. A disabled plug-in is not imported.
"""

from __future__ import annotations

import logging
import os
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from typing import Any

from modnet.core.errors import PluginError
from modnet.core.messages import printable
from modnet.core.plugins.disabled import disabled_by, unmatched
from modnet.core.plugins.validation import components_of_plugin
from modnet.core.registry import Provider, Registry, UnavailablePlugin, canonical, using

__all__ = ["ENTRY_POINT_GROUP", "discover"]

ENTRY_POINT_GROUP = "modnet"
_BUILTIN_DISTRIBUTION = "modnet-framework"
_log = logging.getLogger("modnet")


def discover() -> Registry:
    """Return a registry of every component that is installed.

    Raises:
        PluginError: a plug-in cannot be loaded and ``MODNET_STRICT_PLUGINS`` is set, or modnet itself is not installed.
    """
    registry = Registry()
    plugins = _installed(registry)
    if not any(provider.builtin for provider, _ in plugins):
        raise PluginError(f"the distribution {_BUILTIN_DISTRIBUTION} is not installed, so there are no components")
    names = [
        name for provider, point in plugins if not provider.builtin for name in (provider.distribution, point.name)
    ]
    for problem in unmatched(names):
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


def _installed(registry: Registry) -> list[tuple[Provider, EntryPoint]]:
    """Return every entry point of the group with its provider, the built-ins first."""
    try:
        points = list(entry_points(group=ENTRY_POINT_GROUP))
    except Exception:  # some entry_points.txt cannot be read: the slow way finds out which one, and all others
        points = _one_by_one(registry)
    plugins = [(_provider(point.dist, point.name), point) for point in points]
    # The order in which a disk happens to list the files must not matter.
    return sorted(plugins, key=lambda pair: (not pair[0].builtin, pair[0].distribution, pair[1].name))


def _one_by_one(registry: Registry) -> list[EntryPoint]:
    points: dict[str, list[EntryPoint]] = {}
    for distribution in distributions():
        provider = _provider(distribution, "unnamed")
        if provider.distribution in points:
            continue  # of two with one name, Python takes the first
        points[provider.distribution] = []
        try:
            points[provider.distribution] += distribution.entry_points.select(group=ENTRY_POINT_GROUP)
        except Exception as error:  # whatever the file contains
            _report_failure(registry, provider, error)
    return [point for entries in points.values() for point in entries]


def _provider(distribution: Distribution | None, default_name: str) -> Provider:
    """Return the provider of an entry point; damaged metadata may hold None for a name or a version, or nothing."""
    try:
        metadata: Any = distribution.metadata if distribution is not None else {}
        name, version = metadata["Name"], metadata["Version"]
    except Exception:  # as many ways as there are versions of Python
        name, version = None, None
    name = canonical(name or default_name)
    return Provider(name, version or "unknown", builtin=name == _BUILTIN_DISTRIBUTION)


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
    reason = _reason(error)
    _raise_if_strict(f"plug-in {provider}: {reason}", error)
    registry.unavailable.append(UnavailablePlugin(provider, reason))
    _log.warning("modnet: plug-in %s could not be loaded: %s", provider, reason)


def _reason(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # a plug-in's own error class may fail to print itself
        text = "its error cannot be shown"
    reason = text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"
    return " ".join(reason.split())


def _report_duplicate(registry: Registry, name: str, providers: list[Provider]) -> None:
    """Report an entry point name that is used twice; both are loaded, since components go by their distribution."""
    distinct = dict.fromkeys(providers)
    problem = f"the entry point name '{name}' is used more than once, by {' and '.join(map(str, distinct))}"
    _raise_if_strict(problem, None)
    _log.warning("modnet: %s", problem)
    for provider in distinct:
        registry.add_conflict(provider.distribution, problem)


def _raise_if_strict(problem: str, error: BaseException | None) -> None:
    if os.environ.get("MODNET_STRICT_PLUGINS", "") not in ("", "0"):
        raise PluginError(problem) from error
