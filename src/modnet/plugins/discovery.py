"""How parts are found: the built-ins, then every entry point of the group ``modnet``, one at a time.

A plug-in that fails is set aside with one line in the log ``modnet`` (without a configured logger: on standard error)
and hurts only the configuration that asks for it. ``MODNET_STRICT_PLUGINS=1`` makes every failure an error.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeGuard

import pluggy

from modnet import __version__
from modnet.components.base import Component
from modnet.components.families import FAMILIES
from modnet.errors import PluginError
from modnet.plugins import builtin, hookspecs
from modnet.registry import Owner, Registry

__all__ = ["ENTRY_POINT_GROUP", "discover"]

ENTRY_POINT_GROUP = "modnet"
_KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_log = logging.getLogger("modnet")


def discover() -> Registry:
    """Return a registry of every part that is installed.

    Raises:
        PluginError: a plug-in fails and ``MODNET_STRICT_PLUGINS`` is set.
    """
    registry = Registry()
    manager = pluggy.PluginManager("modnet")
    manager.add_hookspecs(hookspecs.Parts)
    registry.add(_parts_of(manager, builtin, "built-in"), Owner("modnet-framework", __version__, builtin=True))
    found = list(entry_points(group=ENTRY_POINT_GROUP))
    twice = {name for name, count in Counter(point.name for point in found).items() if count > 1}
    for point in found:
        owner = _owner(point)
        try:
            if point.name in twice:
                raise PluginError(f"two installed distributions have an entry point '{point.name}'")
            registry.add(_parts_of(manager, point.load(), point.name), owner)
        except (Exception, SystemExit) as error:  # whatever a stranger's module does at import, the rest goes on
            reason = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
            reason = " ".join(reason.split())
            if os.environ.get("MODNET_STRICT_PLUGINS", "") not in ("", "0"):
                raise PluginError(f"plug-in {owner}: {reason}") from error
            registry.add_failure(owner.distribution, reason)
            _log.warning("modnet: plug-in %s was set aside: %s", owner, reason)
    return registry


def _owner(point: EntryPoint) -> Owner:
    return Owner(point.dist.name, point.dist.version) if point.dist else Owner(point.name, "unknown")


def _parts_of(manager: pluggy.PluginManager, plugin: Any, name: str) -> list[type[Component]]:
    """Return what one plug-in gives, checked whole: a wrong part refuses them all."""
    manager.register(plugin, name=name)
    try:
        manager.check_pending()
        implementations = [i for i in manager.hook.modnet_components.get_hookimpls() if i.plugin is plugin]
        if not implementations:
            raise PluginError("implements no hook 'modnet_components' (is it marked with @modnet.hookimpl?)")
        parts = implementations[0].function()
        if not isinstance(parts, Iterable):
            raise PluginError(f"modnet_components returned {parts!r}; a list of classes is expected")
        parts = list(parts)
        _check(parts)
    except BaseException:
        manager.unregister(plugin)
        raise
    return parts


def _is_part(value: Any) -> TypeGuard[type[Component]]:
    return isinstance(value, type) and issubclass(value, tuple(FAMILIES.values()))


def _check(parts: list[Any]) -> None:
    seen = set()
    for part in parts:
        if not _is_part(part):
            raise PluginError(
                f"{part!r} is no class of a part; allowed are subclasses of {', '.join(sorted(FAMILIES))}"
            )
        kind = part.named_kind()
        if not _KIND.fullmatch(kind):
            raise PluginError(f"{part.__name__} has the kind {kind!r}; allowed are lower-case words joined by hyphens")
        if (part.family, kind) in seen:
            raise PluginError(f"gives the {part.family} '{kind}' twice")
        seen.add((part.family, kind))
