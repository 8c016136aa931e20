"""(family, kind) → the class and its owner. It knows parts and names, and nothing of how plug-ins are found."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from modnet.core.errors import PluginError
from modnet.ownership import Provider, UnavailablePlugin, canonical

if TYPE_CHECKING:
    from modnet.core.component import Component

__all__ = [
    "Provider",
    "Registration",
    "Registry",
    "UnavailablePlugin",
    "UnknownKindError",
    "active",
    "canonical",
    "did_you_mean",
    "preferring",
    "reset",
    "set_source",
    "using",
]


@dataclass(frozen=True)
class Registration:
    """One part: its class and who gave it."""

    component: type[Component]
    owner: Provider


class UnknownKindError(LookupError):
    """No part of this family has this kind; the message says what is known."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x' or 'y'?"`` for the known words nearest to ``word``, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


class Registry:
    """Every part that can be named, by family and kind.

    A kind that two plug-ins give is an error only where it is used; ``distribution:kind`` names one of them, and
    `preferring` decides for the plain name. A built-in keeps its plain name whatever else is installed.
    """

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], list[Registration]] = {}
        self._owners: dict[str, Provider] = {}
        self._absences: list[UnavailablePlugin] = []
        self._conflicts: dict[str, list[str]] = {}

    def copy(self) -> Registry:
        """Return another registry with the same parts, to which more can be added."""
        other = Registry()
        other._parts = {name: list(found) for name, found in self._parts.items()}
        other._owners, other._absences = dict(self._owners), list(self._absences)
        other._conflicts = {name: list(reasons) for name, reasons in self._conflicts.items()}
        return other

    def add(self, components: Iterable[type[Component]], owner: Provider) -> None:
        """Take all ``components`` of one owner."""
        self._owners.setdefault(owner.distribution, owner)
        for component in components:
            found = self._parts.setdefault((component.family, component.kind_name()), [])
            if any(one.component is component for one in found):
                continue  # two entry points of one module
            if owner.builtin:
                found.insert(0, Registration(component, owner))
            else:
                found.append(Registration(component, owner))

    def add_absence(self, absence: UnavailablePlugin) -> None:
        """Remember that a plug-in is installed but gives nothing, and why."""
        self._absences.append(absence)

    def add_conflict(self, distribution: str, reason: str) -> None:
        """Remember that a plug-in claims what another one claims too, beside a kind of the same name."""
        self._conflicts.setdefault(canonical(distribution), []).append(reason)

    @property
    def owners(self) -> list[Provider]:
        """Every distribution that gave its parts, the built-ins' own first."""
        return list(self._owners.values())

    @property
    def absences(self) -> list[UnavailablePlugin]:
        """What is installed and gives nothing."""
        return list(self._absences)

    @property
    def failures(self) -> dict[str, str]:
        """Distribution → the reasons why it was set aside."""
        reasons: dict[str, list[str]] = {}
        for absence in self._absences:
            if not absence.disabled:
                reasons.setdefault(absence.owner.distribution, []).append(absence.reason)
        return {distribution: "; ".join(those) for distribution, those in reasons.items()}

    def conflicts(self, distribution: str) -> list[str]:
        """Return what was given to `add_conflict`."""
        return list(self._conflicts.get(distribution, ()))

    def __iter__(self) -> Iterator[Registration]:
        for found in self._parts.values():
            yield from found

    def kinds(self, family: str) -> list[str]:
        """Return the kinds of ``family`` by name, in alphabetical order."""
        return sorted(kind for f, kind in self._parts if f == family)

    def is_builtin(self, family: str, kind: str) -> bool:
        """Return whether the plain name ``kind`` is a built-in's."""
        found = self._parts.get((family, kind), [])
        return bool(found) and found[0].owner.builtin

    def find(self, family: str, name: str) -> Registration:
        """Return the part that ``name`` (``kind`` or ``distribution:kind``) means.

        Raises:
            UnknownKindError: no such part is known.
            PluginError: two plug-ins give this kind and nothing decides, or the plug-in that would have given it was
                set aside or is disabled.
        """
        distribution, colon, kind = name.rpartition(":")
        found = self._parts.get((family, kind), [])
        if colon:
            return self._of(canonical(distribution), found) or self._refuse(family, name, canonical(distribution))
        if not found:
            return self._refuse(family, name)
        if found[0].owner.builtin:
            return found[0]
        preferred = _preferences.get().get(f"{family}:{kind}")
        if preferred is not None:
            return self._of(preferred, found) or self._refuse_preference(family, kind, preferred)
        if len(found) > 1:
            names = " or ".join(f"'{part.owner.distribution}:{kind}'" for part in found)
            example = f'prefer = {{ "{family}:{kind}" = "{found[0].owner.distribution}" }}'
            raise PluginError(
                f"{len(found)} plug-ins give the {family} '{kind}': write {names}, or decide by {example}"
            )
        return found[0]

    def owner_of(self, component: type[Component]) -> Provider | None:
        """Return who gave this class, or None for one that was never registered."""
        return next((part.owner for part in self if part.component is component), None)

    def name_of(self, component: type[Component]) -> str:
        """Return the shortest name that means this class and no other: ``kind`` or ``distribution:kind``."""
        names = self.names_of(component)
        return names[0] if names else component.kind_name()

    def names_of(self, component: type[Component]) -> list[str]:
        """Return every name that means this class and no other, the shortest first; none where it is not known."""
        kind = component.kind_name()
        found = self._parts.get((component.family, kind), [])
        owner = next((part.owner for part in found if part.component is component), None)
        if owner is None:
            return []
        plain = found[0].component is component and (len(found) == 1 or owner.builtin)
        return [*([kind] if plain else []), f"{owner.distribution}:{kind}"]

    @staticmethod
    def _of(distribution: str, found: list[Registration]) -> Registration | None:
        return next((part for part in found if part.owner.distribution == distribution), None)

    def _refuse(self, family: str, name: str, distribution: str = "") -> NoReturn:
        kind = name.rpartition(":")[2]
        absent = [one for one in self._absences if distribution in ("", one.owner.distribution)]
        for one in absent:
            if (family, kind) in one.parts:
                raise PluginError(f"the {family} '{kind}' is of {one.owner}, which {one.fate}")
        if distribution and absent:
            raise PluginError("; ".join(map(str, absent)))
        known = self.kinds(family)
        if ":" in name:
            classes = [part.component for part in self if part.component.family == family]
            known = [long for component in classes for long in self.names_of(component)]
        hint = did_you_mean(name, known) or f"; known: {', '.join(self.kinds(family))}"
        raise UnknownKindError(f"unknown {family} '{name}'{hint}{_unseen(absent)}")

    def _refuse_preference(self, family: str, kind: str, distribution: str) -> NoReturn:
        absent = [str(one) for one in self._absences if one.owner.distribution == distribution]
        why = "; ".join(absent) or f"{distribution} gives no such part"
        givers = " or ".join(part.owner.distribution for part in self._parts[(family, kind)])
        raise PluginError(
            f"the {family} '{kind}' should be that of {distribution}, but {why}; there is that of {givers}"
        )


def _unseen(absent: Iterable[UnavailablePlugin]) -> str:
    """Return the end of an unknown kind's message: which plug-ins may have given it, for all that is known."""
    texts = [str(one) for one in absent if not one.disabled and not one.complete]
    disabled: dict[str, list[str]] = {}
    for one in absent:
        if one.disabled:
            disabled.setdefault(one.reason, []).append(str(one.owner))
    texts += [f"{', '.join(who)} {'is' if len(who) == 1 else 'are'} disabled by {by}" for by, who in disabled.items()]
    return f" (it is not known what these would give: {'; '.join(texts)})" if texts else ""


_preferences: ContextVar[Mapping[str, str]] = ContextVar("modnet_preferences", default={})  # noqa: B039 -- never written to


@contextmanager
def preferring(choices: Mapping[str, str]) -> Iterator[None]:
    """While this lasts, ``family:kind`` means the part of the distribution that it is mapped to, if not a built-in.

    What was preferred already goes on, where this says nothing else.
    """
    more = {name: canonical(distribution) for name, distribution in choices.items()}
    token = _preferences.set({**_preferences.get(), **more})
    try:
        yield
    finally:
        _preferences.reset(token)


_lock = threading.RLock()
_source: Callable[[], Registry] | None = None
_active: Registry | None = None


def set_source(source: Callable[[], Registry] | None) -> None:
    """Say how the process's registry is made when a part is first looked for by name; None forgets it."""
    global _source, _active
    with _lock:
        _source, _active = source, None


def reset() -> None:
    """Let the registry be made anew when it is next asked for."""
    set_source(_source)


def active() -> Registry:
    """Return the process's registry, made when first asked for."""
    global _active
    with _lock:
        if _active is None:
            _active = _source() if _source else Registry()
        return _active


@contextmanager
def using(registry: Registry) -> Iterator[None]:
    """Let ``registry`` be the active one while it is being filled: a plug-in may name built-in parts when imported."""
    global _active
    with _lock:
        before, _active = _active, registry
        try:
            yield
        finally:
            _active = before


def describe(value: Any) -> str:
    """Return ``value`` as an error message shows it: its repr, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
