"""What one plug-in may return, checked whole: if one component is not valid, none is registered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pluggy
from pydantic import PydanticUndefinedAnnotation

from modnet.core.component import Component
from modnet.core.errors import PluginError
from modnet.core.interfaces import FAMILIES
from modnet.core.plugins.hookspecs import ComponentHooks
from modnet.core.registry import KIND

__all__ = ["components_of_plugin", "missing_methods"]


def components_of_plugin(plugin: Any, registered: Iterable[type[Component]] = ()) -> list[type[Component]]:
    """Return the components of one plug-in, a module that implements the hook.

    Args:
        plugin: The module.
        registered: The components that other entry points of the same distribution provide.

    Raises:
        PluginError: it implements no hook or one that does not exist, or one of its components is not valid.
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
            raise PluginError(problem)
        earlier.append(component)
    return components


def missing_methods(component: type[Component]) -> str | None:
    """Return which methods of its family a component class lacks, in a sentence, or None."""
    missing = " and no ".join(sorted(component.__abstractmethods__))
    return f"{component.__name__} has no {missing}, which every {component.family} must have" if missing else None


def _problem(component: Any, earlier: Iterable[type[Component]]) -> str | None:
    """Return why ``component`` is not valid, or None."""
    if not (isinstance(component, type) and issubclass(component, Component) and hasattr(component, "family")):
        return f"{component!r} is not a component class; allowed are subclasses of {', '.join(sorted(FAMILIES))}"
    name, kind, family = component.__name__, component.kind_name(), component.family
    if component.model_fields["kind"].is_required():
        return f"{name} sets no kind"
    if not KIND.fullmatch(kind):
        return f"{name} has the kind {kind!r}; allowed are lower-case words joined by hyphens"
    if not issubclass(component, FAMILIES.get(family, ())):
        return f"{name} sets family = {family!r}, but does not derive from the base class of that family"
    names = component.also_known_as
    if not (isinstance(names, tuple | list) and all(isinstance(word, str) for word in names)):
        return f"{name} sets also_known_as = {names!r}; a tuple of names is expected"
    if missing := missing_methods(component):
        return missing
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
