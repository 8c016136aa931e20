"""What one plug-in gives, checked whole: a wrong part refuses them all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeGuard

import pluggy
from pydantic import PydanticUndefinedAnnotation

from modnet.core.component import Component
from modnet.core.errors import PluginError
from modnet.core.interfaces import FAMILIES
from modnet.core.plugins import hookspecs

__all__ = ["KIND", "BadPartsError", "parts_of"]

KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""The form of a kind."""


class BadPartsError(PluginError):
    """A plug-in gives something that is no part, or no good one.

    Attributes:
        parts: Family and kind of what it gives and is well-formed.
        complete: Whether that is everything.
    """

    def __init__(self, message: str, parts: Iterable[Any]) -> None:
        super().__init__(message)
        parts = list(parts)
        self.parts = frozenset((part.family, part.kind_name()) for part in parts if _is_named(part))
        self.complete = all(map(_is_named, parts))


def parts_of(plugin: Any) -> list[type[Component]]:
    """Return the parts of one plug-in, a module that implements the hook.

    Raises:
        PluginError: it implements none, or another one that does not exist.
        BadPartsError: one of its parts will not do.
    """
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
    for index, part in enumerate(parts):
        problem = _problem(part, parts[:index])
        if problem:
            raise BadPartsError(problem, parts)
    return parts


def _is_part(value: Any) -> TypeGuard[type[Component]]:
    return isinstance(value, type) and issubclass(value, tuple(FAMILIES.values()))


def _is_named(value: Any) -> TypeGuard[type[Component]]:
    return _is_part(value) and value.family in FAMILIES and KIND.fullmatch(value.kind_name()) is not None


def _problem(part: Any, earlier: list[type[Component]]) -> str | None:
    """Return why ``part`` will not do, or None."""
    if not _is_part(part):
        return f"{part!r} is no class of a part; allowed are subclasses of {', '.join(sorted(FAMILIES))}"
    kind = part.kind_name()
    if not KIND.fullmatch(kind):
        return f"{part.__name__} has the kind {kind!r}; allowed are lower-case words joined by hyphens"
    if not issubclass(part, FAMILIES.get(part.family, ())):
        return f"{part.__name__} says that its family is {part.family!r}, which it does not derive from"
    if any((one.family, one.kind_name()) == (part.family, kind) for one in earlier):
        return f"gives the {part.family} '{kind}' twice"
    if not part.__pydantic_fields_complete__:
        try:
            part.model_rebuild()
        except PydanticUndefinedAnnotation as error:
            return (
                f"{part.__name__} has an option whose type {error.name!r} is not there when the program runs "
                "(is it imported under TYPE_CHECKING?)"
            )
    return None
