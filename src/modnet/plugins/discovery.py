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
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from typing import Any, TypeGuard

import pluggy
from pydantic import PydanticUndefinedAnnotation

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
    registry.add(_parts_of(builtin), Owner("modnet-framework", __version__, builtin=True))
    found = _entry_points(registry)
    twice = {name for name, count in Counter(point.name for point in found).items() if count > 1}
    for point in found:
        owner = _owner(point.dist, point.name)
        try:
            if point.name in twice:
                raise PluginError(f"two installed distributions have an entry point '{point.name}'")
            registry.add(_parts_of(point.load()), owner)
        except (Exception, SystemExit) as error:  # whatever a stranger's module does at import, the rest goes on
            _set_aside(registry, owner, error)
    return registry


def _entry_points(registry: Registry) -> list[EntryPoint]:
    try:
        return list(entry_points(group=ENTRY_POINT_GROUP))
    except Exception:  # somebody's entry_points.txt cannot be read: the slow way finds whose, and everybody else's
        found: dict[str, list[EntryPoint]] = {}
        for distribution in distributions():
            owner = _owner(distribution, "unnamed")
            if owner.distribution in found:
                continue  # of two with one name, Python takes the first
            found[owner.distribution] = []
            try:
                found[owner.distribution] += distribution.entry_points.select(group=ENTRY_POINT_GROUP)
            except Exception as error:  # whatever stands in the file
                _set_aside(registry, owner, error)
        return [point for points in found.values() for point in points]


def _owner(distribution: Distribution | None, name: str) -> Owner:
    # Damaged metadata give None for a name or a version.
    return Owner(getattr(distribution, "name", None) or name, getattr(distribution, "version", None) or "unknown")


def _set_aside(registry: Registry, owner: Owner, error: BaseException) -> None:
    reason = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
    reason = " ".join(reason.split())
    if os.environ.get("MODNET_STRICT_PLUGINS", "") not in ("", "0"):
        raise PluginError(f"plug-in {owner}: {reason}") from error
    registry.add_failure(owner.distribution, reason)
    _log.warning("modnet: plug-in %s was set aside: %s", owner, reason)


def _parts_of(plugin: Any) -> list[type[Component]]:
    """Return what one plug-in gives, checked whole: a wrong part refuses them all."""
    manager = pluggy.PluginManager("modnet")  # one for each: what a broken one leaves behind must not hurt the next
    manager.add_hookspecs(hookspecs.Parts)
    manager.register(plugin)
    manager.check_pending()
    implementations = manager.hook.modnet_components.get_hookimpls()
    if not implementations:
        raise PluginError("implements no hook 'modnet_components' (is it marked with @modnet.hookimpl?)")
    parts = implementations[0].function()
    if not isinstance(parts, Iterable):
        raise PluginError(f"modnet_components returned {parts!r}; a list of classes is expected")
    parts = list(parts)
    _check(parts)
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
        if not issubclass(part, FAMILIES.get(part.family, ())):
            raise PluginError(f"{part.__name__} says that its family is {part.family!r}, which it does not derive from")
        if not part.__pydantic_fields_complete__:
            try:
                part.model_rebuild()
            except PydanticUndefinedAnnotation as error:
                raise PluginError(
                    f"{part.__name__} has an option whose type {error.name!r} is not there when the program runs "
                    "(is it imported under TYPE_CHECKING?)"
                ) from error
        if (part.family, kind) in seen:
            raise PluginError(f"gives the {part.family} '{kind}' twice")
        seen.add((part.family, kind))
