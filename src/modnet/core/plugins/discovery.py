"""How parts are found: the built-ins, then every entry point of the group ``modnet``, one at a time.

A plug-in that fails is set aside with one line in the log ``modnet`` (without a configured logger: on standard error)
and hurts only the configuration that asks for it. ``MODNET_STRICT_PLUGINS=1`` makes every failure an error. One that is
disabled is not even imported.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from typing import Any

from modnet import __version__, builtin
from modnet.core.component import Component
from modnet.core.errors import PluginError
from modnet.core.plugins.disabled import Disabled
from modnet.core.plugins.validation import BadPartsError, parts_of
from modnet.core.registry import Provider, Registry, UnavailablePlugin, using

__all__ = ["ENTRY_POINT_GROUP", "discover", "installed"]

ENTRY_POINT_GROUP = "modnet"
_log = logging.getLogger("modnet")


def discover() -> Registry:
    """Return a registry of every part that is installed.

    Raises:
        PluginError: a plug-in fails and ``MODNET_STRICT_PLUGINS`` is set.
        ConfigError: the file that says what is disabled cannot be read.
    """
    registry = Registry()
    registry.add(parts_of(builtin), Provider("modnet-framework", __version__, builtin=True))
    disabled = Disabled.read()
    used: dict[str, list[Provider]] = {}
    names: list[str] = []
    with using(registry):
        for owner, point in installed(registry):
            names += (owner.distribution, point.name)
            by = disabled.by(owner.distribution, point.name)
            if by is not None:
                registry.add_absence(UnavailablePlugin(owner, by, disabled=True))
                continue
            used.setdefault(point.name, []).append(owner)
            _take(registry, owner, point)
    for problem in disabled.unmatched(names):
        _log.warning("modnet: %s", problem)
    for name, owners in used.items():
        if len(owners) > 1:
            _report_twice(registry, name, owners)
    return registry


def installed(registry: Registry | None = None) -> list[tuple[Provider, EntryPoint]]:
    """Return every entry point of the group with its distribution; what cannot be read goes to ``registry``."""
    try:
        points = list(entry_points(group=ENTRY_POINT_GROUP))
    except Exception:  # somebody's entry_points.txt cannot be read: the slow way finds whose, and everybody else's
        points = _one_by_one(registry)
    owners: dict[int, Provider] = {}
    found = []
    for point in points:
        key = id(point.dist) if point.dist is not None else id(point)
        if key not in owners:
            owners[key] = _owner(point.dist, point.name)
        found.append((owners[key], point))
    return sorted(found, key=lambda pair: (pair[0].distribution, pair[1].name))  # not as a disk happens to list them


def _one_by_one(registry: Registry | None) -> list[EntryPoint]:
    found: dict[str, list[EntryPoint]] = {}
    for distribution in distributions():
        owner = _owner(distribution, "unnamed")
        if owner.distribution in found:
            continue  # of two with one name, Python takes the first
        found[owner.distribution] = []
        try:
            found[owner.distribution] += distribution.entry_points.select(group=ENTRY_POINT_GROUP)
        except Exception as error:  # whatever stands in the file
            if registry is not None:
                _set_aside(registry, owner, error)
    return [point for points in found.values() for point in points]


def _owner(distribution: Distribution | None, name: str) -> Provider:
    """Return who an entry point belongs to; damaged metadata give None for a name or a version, or no metadata."""
    try:
        metadata: Any = distribution.metadata if distribution is not None else {}
        said = metadata["Name"], metadata["Version"]
    except Exception:  # as many ways as there are versions of Python
        said = None, None
    return Provider(said[0] or name, said[1] or "unknown")


def _take(registry: Registry, owner: Provider, point: EntryPoint) -> None:
    try:
        parts: list[type[Component]] = parts_of(point.load())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a stranger's module does at import, the rest goes on
        _set_aside(registry, owner, error)
    else:
        registry.add(parts, owner)


def _set_aside(registry: Registry, owner: Provider, error: BaseException) -> None:
    reason = _reason(error)
    _refuse_if_strict(f"plug-in {owner}: {reason}", error)
    known = (error.parts, error.complete) if isinstance(error, BadPartsError) else (frozenset[Any](), False)
    registry.add_absence(UnavailablePlugin(owner, reason, False, *known))
    _log.warning("modnet: plug-in %s was set aside: %s", owner, reason)


def _reason(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # a stranger's error may not even say what it is
        text = "its error cannot be shown"
    reason = text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"
    return " ".join(reason.split())


def _report_twice(registry: Registry, name: str, owners: Iterable[Provider]) -> None:
    """Tell of an entry point that two distributions have; both are used, since parts go by their distribution."""
    who = list(dict.fromkeys(owners))
    if len(who) == 1:
        problem = f"plug-in {who[0]} has the entry point '{name}' twice"
    else:
        problem = f"the plug-ins {' and '.join(map(str, who))} have one entry point name, '{name}'"
    _refuse_if_strict(problem, None)
    _log.warning("modnet: %s", problem)
    for owner in who:
        registry.add_conflict(owner.distribution, problem)


def _refuse_if_strict(problem: str, error: BaseException | None) -> None:
    if os.environ.get("MODNET_STRICT_PLUGINS", "") not in ("", "0"):
        raise PluginError(problem) from error
