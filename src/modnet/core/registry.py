"""(family, kind) → component class and provider. It knows components and names, not how plug-ins are discovered."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NoReturn

from modnet.core.errors import PluginError
from modnet.core.messages import did_you_mean, fold, question

__all__ = [
    "KIND",
    "Provider",
    "Registration",
    "Registry",
    "UnavailablePlugin",
    "UnknownKindError",
    "active",
    "canonical",
    "reset",
    "set_source",
    "using",
]

KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""The form of a kind, and of a command's name."""


def canonical(distribution: str) -> str:
    """Return a distribution's name in the form in which names are compared: lower case, single hyphens."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@dataclass(frozen=True)
class Provider:
    """The distribution that provides a component, by its name in canonical form."""

    distribution: str
    version: str
    builtin: bool = False

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class UnavailablePlugin:
    """A plug-in, or one of its entry points, that is installed and provides nothing.

    Attributes:
        provider: The distribution.
        reason: What went wrong, or what disables it.
        disabled: Whether it is disabled on purpose.
    """

    provider: Provider
    reason: str
    disabled: bool = False

    def __str__(self) -> str:
        return f"{self.provider} {'is disabled by' if self.disabled else 'could not be loaded:'} {self.reason}"


@dataclass(frozen=True)
class Registration:
    """One component class and its provider."""

    component: Any
    provider: Provider


class UnknownKindError(LookupError):
    """No component of this family has this kind; the message says what is known."""


class Registry:
    """Every component that can be named, by family and kind.

    A kind that two plug-ins provide is an error only where it is used; ``distribution:kind`` names one of them.
    A built-in keeps its plain name whatever else is installed.

    Attributes:
        providers: Every distribution whose components are registered, the built-ins' own first.
        unavailable: The plug-ins that are installed and provide nothing.
    """

    def __init__(self) -> None:
        self._registrations: dict[tuple[str, str], list[Registration]] = {}
        self._conflicts: dict[str, list[str]] = {}
        self.providers: list[Provider] = []
        self.unavailable: list[UnavailablePlugin] = []

    def copy(self) -> Registry:
        """Return another registry with the same components, to which more can be added."""
        return deepcopy(self)

    def add(self, components: Iterable[type[Any]], provider: Provider) -> None:
        """Register component classes of one provider."""
        if provider not in self.providers:
            self.providers.append(provider)
        for component in components:
            entries = self._registrations.setdefault((component.family, component.kind_name()), [])
            if any(entry.component is component for entry in entries):
                continue  # two entry points of one module
            entries.insert(0 if provider.builtin else len(entries), Registration(component, provider))

    def add_conflict(self, distribution: str, reason: str) -> None:
        """Remember that a plug-in uses a name, other than a kind, that another plug-in uses too."""
        self._conflicts.setdefault(distribution, []).append(reason)

    def conflicts(self, distribution: str) -> list[str]:
        """Return the reasons passed to `add_conflict` for one distribution."""
        return list(self._conflicts.get(distribution, ()))

    def __iter__(self) -> Iterator[Registration]:
        for entries in self._registrations.values():
            yield from entries

    def kinds(self, family: str) -> list[str]:
        """Return the kinds of ``family``, in alphabetical order."""
        return sorted(kind for registered_family, kind in self._registrations if registered_family == family)

    def is_builtin(self, family: str, kind: str) -> bool:
        """Return whether the plain name ``kind`` is that of a built-in."""
        entries = self._registrations.get((family, kind), [])
        return bool(entries) and entries[0].provider.builtin

    def find(self, family: str, name: str) -> Registration:
        """Return the component that ``name`` (``kind`` or ``distribution:kind``) means.

        Raises:
            UnknownKindError: no such component is known.
            PluginError: two plug-ins provide this kind, or the plug-in that would have provided it could not be
                loaded or is disabled.
        """
        distribution, colon, kind = name.rpartition(":")
        entries = self._registrations.get((family, kind), [])
        if colon:
            wanted = canonical(distribution)
            entries = [entry for entry in entries if entry.provider.distribution == wanted]
        if not entries:
            self._raise_missing(family, name)
        if len(entries) > 1 and not entries[0].provider.builtin:
            names = " or ".join(f"'{entry.provider.distribution}:{kind}'" for entry in entries)
            raise PluginError(f"{len(entries)} plug-ins provide the {family} '{kind}': write {names}")
        return entries[0]

    def provider_of(self, component: type[Any]) -> Provider | None:
        """Return the provider of this class, or None for one that is not registered."""
        entries = self._registrations.get((component.family, component.kind_name()), ())
        return next((entry.provider for entry in entries if entry.component is component), None)

    def full_name(self, component: type[Any]) -> str:
        """Return the name that means this class whatever else is installed: ``distribution:kind``.

        A built-in, or a class that is not registered, goes by its plain kind.
        """
        provider, kind = self.provider_of(component), str(component.kind_name())
        return kind if provider is None or provider.builtin else f"{provider.distribution}:{kind}"

    def names_of(self, component: type[Any]) -> list[str]:
        """Return every name that means this class and no other, the shortest first; none if it is not registered."""
        provider, kind = self.provider_of(component), component.kind_name()
        if provider is None:
            return []
        is_plain = provider.builtin or len(self._registrations[component.family, kind]) == 1
        return [*([kind] if is_plain else []), f"{provider.distribution}:{kind}"]

    def meant(self, family: str, name: str) -> list[str]:
        """Return the kinds that ``name`` means if case, separators and other libraries' names for them are allowed."""
        words = {fold(name), fold(name).removesuffix("loss").removesuffix(fold(family))} - {""}
        components = self._components(family)
        names = {item.kind_name(): [item.kind_name(), *vars(item).get("also_known_as", ())] for item in components}
        return [kind for kind, others in names.items() if words & set(map(fold, others))]

    def _components(self, family: str) -> list[type[Any]]:
        found = (entries for (of, _), entries in self._registrations.items() if of == family)
        return [entry.component for entries in found for entry in entries]

    def _raise_missing(self, family: str, name: str) -> NoReturn:
        distribution, colon, _ = name.rpartition(":")
        wanted = canonical(distribution)
        unavailable = [plugin for plugin in self.unavailable if not colon or plugin.provider.distribution == wanted]
        if colon and unavailable:
            raise PluginError("; ".join(map(str, unavailable)))
        known = self.kinds(family)
        if colon:
            names = [name for component in self._components(family) for name in self.names_of(component)]
        hint = question(self.meant(family, name)) or did_you_mean(name, names if colon else known)
        hint = hint or f"; known: {', '.join(known)}"
        if unavailable:
            hint += f" (it may be provided by a plug-in that is not available: {'; '.join(map(str, unavailable))})"
        raise UnknownKindError(f"unknown {family} '{name}'{hint}")


_lock = threading.RLock()
_source: Callable[[], Registry] | None = None
_active: Registry | None = None


def set_source(source: Callable[[], Registry] | None) -> None:
    """Set what makes the process's registry when a component is first looked up by name; None unsets it."""
    global _source, _active
    with _lock:
        _source, _active = source, None


def reset() -> None:
    """Discard the process's registry; it is made anew when it is next asked for."""
    set_source(_source)


def active() -> Registry:
    """Return the process's registry, which is made when first asked for."""
    global _active
    with _lock:
        if _active is None:
            _active = _source() if _source else Registry()
        return _active


@contextmanager
def using(registry: Registry) -> Iterator[None]:
    """Make ``registry`` the process's registry within the block; a plug-in may name components while it is imported."""
    global _active
    with _lock:
        before, _active = _active, registry
        try:
            yield
        finally:
            _active = before
