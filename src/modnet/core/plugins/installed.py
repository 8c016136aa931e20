"""The entry points that are installed, of plug-ins and of commands, each with its distribution; nothing is imported.

`modnet --help` lists commands by means of this module, so that it needs no NumPy and no pydantic.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from typing import Any

from modnet.core.errors import PluginError
from modnet.core.registry import Provider, canonical

__all__ = ["BUILTIN_DISTRIBUTION", "COMMAND_GROUP", "COMPONENT_GROUP", "installed", "raise_if_strict", "reason_of"]

BUILTIN_DISTRIBUTION = "modnet-framework"
COMPONENT_GROUP = "modnet"
"""The group of entry points to modules that provide components."""
COMMAND_GROUP = "modnet.commands"
"""The group of entry points to commands."""


def installed(
    group: str, report: Callable[[Provider, BaseException], None] | None = None
) -> list[tuple[Provider, EntryPoint]]:
    """Return every entry point of a group with its provider, the built-ins first.

    Args:
        group: The group's name.
        report: Called for each distribution whose entry points cannot be read.
    """
    try:
        points = list(entry_points(group=group))
    except Exception:  # some entry_points.txt cannot be read: the slow way finds out which one, and all others
        points = _one_by_one(group, report)
    found = [(_provider(point.dist, point.name), point) for point in points]
    # The order in which a disk happens to list the files must not matter.
    return sorted(found, key=lambda pair: (not pair[0].builtin, pair[0].distribution, pair[1].name))


def reason_of(error: BaseException) -> str:
    """Return in one line why something could not be loaded."""
    try:
        text = str(error)
    except Exception:  # a plug-in's own error class may fail to print itself
        text = "its error cannot be shown"
    reason = text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"
    return " ".join(reason.split())


def raise_if_strict(problem: str, error: BaseException | None) -> None:
    """Raise a PluginError where ``MODNET_STRICT_PLUGINS`` is set."""
    if os.environ.get("MODNET_STRICT_PLUGINS", "") not in ("", "0"):
        raise PluginError(problem) from error


def _one_by_one(group: str, report: Callable[[Provider, BaseException], None] | None) -> list[EntryPoint]:
    points: dict[str, list[EntryPoint]] = {}
    for distribution in distributions():
        provider = _provider(distribution, "unnamed")
        if provider.distribution in points:
            continue  # of two with one name, Python takes the first
        points[provider.distribution] = []
        try:
            points[provider.distribution] += distribution.entry_points.select(group=group)
        except Exception as error:  # whatever the file contains
            if report is not None:
                report(provider, error)
    return [point for entries in points.values() for point in entries]


def _provider(distribution: Distribution | None, default_name: str) -> Provider:
    """Return the provider of an entry point; damaged metadata may hold None for a name or a version, or nothing."""
    try:
        metadata: Any = distribution.metadata if distribution is not None else {}
        name, version = metadata["Name"], metadata["Version"]
    except Exception:  # as many ways as there are versions of Python
        name, version = None, None
    name = canonical(name or default_name)
    return Provider(name, version or "unknown", builtin=name == BUILTIN_DISTRIBUTION)
