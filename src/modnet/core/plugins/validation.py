"""What one plug-in may return, checked whole: if one component is not valid, none is registered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import pluggy
from pydantic import PydanticUndefinedAnnotation

from modnet.core.component import Component
from modnet.core.errors import PluginError
from modnet.core.interfaces import FAMILIES
from modnet.core.plugins.hookspecs import ComponentHooks

__all__ = ["KIND", "InvalidComponentsError", "components_of_plugin"]

KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""The form of a kind."""


class InvalidComponentsError(PluginError):
    """A plug-in returns something that is not a valid component.

    Attributes:
        components: Family and kind of the well-formed ones among what it returns.
        complete: Whether these are all.
    """

    def __init__(self, message: str, components: Sequence[Any]) -> None:
        super().__init__(message)
        self.components = frozenset((item.family, item.kind_name()) for item in components if _has_name(item))
        self.complete = all(map(_has_name, components))


def components_of_plugin(plugin: Any, registered: Iterable[type[Component]] = ()) -> list[type[Component]]:
    """Return the components of one plug-in, a module that implements the hook.

    Args:
        plugin: The module.
        registered: The components that other entry points of the same distribution provide.

    Raises:
        PluginError: it implements no hook, or one that does not exist.
        InvalidComponentsError: one of its components is not valid.
    """
    manager = pluggy.PluginManager("modnet")  # one for each plug-in: a broken one must not affect the next
    manager.add_hookspecs(ComponentHooks)
    manager.register(plugin)
    manager.check_pending()
    implementations = manager.hook.modnet_components.get_hookimpls()
    if not implementations:
        raise PluginError("implements no hook 'modnet_components' (is it marked with @modnet.hookimpl?)")
    components = implementations[0].function()
    if not isinstance(components, Iterable):
        raise PluginError(f"modnet_components returned {components!r}; a list of classes is expected")
    components = list(components)
    earlier = [component for component in registered if component not in components]
    for component in components:
        problem = _problem(component, earlier)
        if problem:
            raise InvalidComponentsError(problem, components)
        earlier.append(component)
    return components


def _is_component(value: Any) -> TypeGuard[type[Component]]:
    return isinstance(value, type) and issubclass(value, tuple(FAMILIES.values()))


def _has_name(value: Any) -> TypeGuard[type[Component]]:
    return _is_component(value) and value.family in FAMILIES and KIND.fullmatch(value.kind_name()) is not None


def _problem(component: Any, earlier: Iterable[type[Component]]) -> str | None:
    """Return why ``component`` is not valid, or None."""
    if not _is_component(component):
        return f"{component!r} is not a component class; allowed are subclasses of {', '.join(sorted(FAMILIES))}"
    name, kind, family = component.__name__, component.kind_name(), component.family
    if component.model_fields["kind"].is_required():
        return f"{name} sets no kind"
    if not KIND.fullmatch(kind):
        return f"{name} has the kind {kind!r}; allowed are lower-case words joined by hyphens"
    if not issubclass(component, FAMILIES.get(family, ())):
        return f"{name} sets family = {family!r}, but does not derive from the base class of that family"
    if any((item.family, item.kind_name()) == (family, kind) for item in earlier):
        return f"provides the {family} '{kind}' twice"
    try:
        if not component.__pydantic_fields_complete__:
            component.model_rebuild()
    except PydanticUndefinedAnnotation as error:
        return (
            f"{name} has an option whose type {error.name!r} is not defined at run time "
            "(is it imported under TYPE_CHECKING?)"
        )
    return None
