"""(family, kind) → the class and its owner. It knows parts and names, and nothing of how plug-ins are found."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modnet.errors import PluginError

if TYPE_CHECKING:
    from modnet.components.base import Component

__all__ = ["Owner", "Registration", "Registry", "UnknownKindError", "active", "did_you_mean", "set_source"]


@dataclass(frozen=True)
class Owner:
    """The distribution that gave a part."""

    distribution: str
    version: str
    builtin: bool = False

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Registration:
    """One part: its class and who gave it."""

    component: type[Component]
    owner: Owner


class UnknownKindError(LookupError):
    """No part of this family has this kind; the message says what is known."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x' or 'y'?"`` for the known words nearest to ``word``, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


class Registry:
    """Every part that can be named, by family and kind.

    A kind that two plug-ins give is an error only where it is used; ``distribution:kind`` names one of them. A
    built-in keeps its plain name whatever else is installed.
    """

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], list[Registration]] = {}
        self._failures: dict[str, str] = {}

    def add(self, components: Iterable[type[Component]], owner: Owner) -> None:
        """Take all ``components`` of one owner."""
        for component in components:
            found = self._parts.setdefault((component.family, component.named_kind()), [])
            if any(one.component is component for one in found):
                continue  # two entry points of one module
            if owner.builtin:
                found.insert(0, Registration(component, owner))
            else:
                found.append(Registration(component, owner))

    def add_failure(self, distribution: str, reason: str) -> None:
        """Remember that ``distribution`` is installed but gives nothing, and why."""
        earlier = self._failures.get(distribution)
        self._failures[distribution] = f"{earlier}; {reason}" if earlier else reason

    @property
    def failures(self) -> dict[str, str]:
        """Distribution → the reason why it was set aside."""
        return dict(self._failures)

    def __iter__(self) -> Iterator[Registration]:
        for found in self._parts.values():
            yield from found

    def kinds(self, family: str) -> list[str]:
        """Return the kinds of ``family`` by name, in alphabetical order."""
        return sorted(kind for f, kind in self._parts if f == family)

    def find(self, family: str, name: str) -> Registration:
        """Return the part that ``name`` (``kind`` or ``distribution:kind``) means.

        Raises:
            UnknownKindError: no such part is known.
            PluginError: two plug-ins give this kind, or the plug-in that is named was set aside.
        """
        distribution, _, kind = name.rpartition(":")
        found = self._parts.get((family, kind), [])
        if distribution:
            found = [part for part in found if part.owner.distribution == distribution]
            if not found and distribution in self._failures:
                raise PluginError(f"{distribution} was set aside: {self._failures[distribution]}")
        if not found:
            raise UnknownKindError(self._unknown(family, name))
        if len(found) > 1 and not found[0].owner.builtin:
            names = " or ".join(f"'{part.owner.distribution}:{kind}'" for part in found)
            raise PluginError(f"{len(found)} plug-ins give the {family} '{kind}': write {names}")
        return found[0]

    def owner_of(self, component: type[Component]) -> Owner | None:
        """Return who gave this class, or None for one that was never registered."""
        return next((part.owner for part in self if part.component is component), None)

    def name_of(self, component: type[Component]) -> str:
        """Return the shortest name that means this class and no other: ``kind`` or ``distribution:kind``."""
        kind = component.named_kind()
        found = self._parts.get((component.family, kind), [])
        if not found or (found[0].component is component and (len(found) == 1 or found[0].owner.builtin)):
            return kind
        owner = self.owner_of(component)
        return kind if owner is None else f"{owner.distribution}:{kind}"

    def _unknown(self, family: str, name: str) -> str:
        known = self.kinds(family)
        hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
        broken = "".join(f" (set aside: {who}: {why})" for who, why in self._failures.items())
        return f"unknown {family} '{name}'{hint}{broken}"


_lock = threading.RLock()
_source: Callable[[], Registry] | None = None
_active: Registry | None = None


def set_source(source: Callable[[], Registry] | None) -> None:
    """Say how the process's registry is made when a part is first looked for by name; None forgets it."""
    global _source, _active
    with _lock:
        _source, _active = source, None


def active() -> Registry:
    """Return the process's registry, made when first asked for."""
    global _active
    with _lock:
        if _active is None:
            _active = _source() if _source else Registry()
        return _active


def describe(value: Any) -> str:
    """Return ``value`` as an error message shows it: its repr, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
