"""Calls the listeners of a training's callbacks at its events, and keeps their state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MethodType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import pluggy

from modnet.config.run_config import RunConfig
from modnet.core import registry
from modnet.core.errors import ConfigError, ModelFileError, PluginError
from modnet.core.interfaces import Callback
from modnet.core.interfaces.callback import first_repeated
from modnet.core.plugins.hookspecs import Events
from modnet.training.functions import as_listener

__all__ = ["CallbackRunner"]

EVENTS = tuple(name for name in vars(Events) if name.startswith("modnet_"))
Listener = tuple[str, Callable[..., Any], Sequence[str]]
"""A name for errors, the method, and the names of the arguments that it takes."""


class _Hook(NamedTuple):
    """What a listener's class does at an event.

    That is a function, whether it is bound to the listener, its arguments, and whether it is called before (−1) or
    after (1) those of other listeners.
    """

    event: str
    function: Callable[..., Any]
    is_method: bool
    arguments: Sequence[str]
    turn: int


_hooks: WeakKeyDictionary[type, list[_Hook]] = WeakKeyDictionary()
"""What was read of the classes of listeners, which takes pluggy longer than a small training's updates take."""


class CallbackRunner:
    """The listeners of one training, called in the order of the configured callbacks, and of those given beside them.

    Attributes:
        kinds: The callbacks' kinds, also of those that another process calls.

    Args:
        config: The configuration.
        more: Callbacks that are no part of it, as `as_listener` takes them.
        muted: Whether no listener is called, because another process calls them.

    Raises:
        ConfigError: one of these is no callback, or repeats another.
        PluginError: a listener implements a hook that does not exist, or wraps one.
    """

    def __init__(self, config: RunConfig, more: Iterable[object] = (), *, muted: bool = False) -> None:
        self._listeners: list[tuple[str, object]] = []
        self._methods: dict[str, list[Listener]] = {name: [] for name in EVENTS}
        self._heard: set[str] = set()
        names, callbacks = [], [*config.callbacks, *more]
        repeated = first_repeated(callbacks)
        if repeated is not None:
            raise ConfigError(f"callbacks.{repeated[0]}: {repeated[1]}")
        for index, callback in enumerate(callbacks):
            kind, listener = as_listener(callback)
            self._listeners.append((kind, listener))
            provider = registry.active().provider_of(type(callback)) if isinstance(callback, Callback) else None
            names.append(f"{provider or type(callback).__module__}: callback '{kind}' (callbacks.{index})")
        hooks = [
            (hook, name, listener)
            for name, (_, listener) in zip(names, self._listeners, strict=True)
            for hook in _hooks_of(listener, name)
        ]
        for hook, name, listener in sorted(hooks, key=lambda each: each[0].turn):
            self._heard.add(hook.event)
            if not muted:
                method = MethodType(hook.function, listener) if hook.is_method else hook.function
                self._methods[hook.event].append((name, method, hook.arguments))
        self.kinds = [kind for kind, _ in self._listeners]
        if muted:
            self._listeners = []

    def listens_to(self, event: str) -> bool:
        """Return whether a listener implements an event (``"batch_end"``), here or in the process that calls it."""
        return f"modnet_{event}" in self._heard

    def call(self, event: str, **arguments: Any) -> list[Any]:
        """Call every listener at an event, and return what they return other than None.

        Raises:
            Exception: what a listener raises, with a note that names it and the event.
        """
        results = [_call(event, listener, arguments) for listener in self._methods[f"modnet_{event}"]]
        return [result for result in results if result is not None]

    def call_first(self, event: str, **arguments: Any) -> Any:
        """Call the listeners at an event until one returns something other than None, and return that.

        Raises:
            Exception: as `call`.
        """
        results = (_call(event, listener, arguments) for listener in self._methods[f"modnet_{event}"])
        return next((result for result in results if result is not None), None)

    def call_all(self, event: str, **arguments: Any) -> None:
        """Call every listener at an event, also after one has failed.

        Raises:
            BaseException: the first error, with notes of the others.
        """
        first: BaseException | None = None
        for listener in self._methods[f"modnet_{event}"]:
            try:
                _call(event, listener, arguments)
            except BaseException as error:
                if first is None:
                    first = error
                else:
                    first.add_note(f"then a listener failed in the event '{event}': {error!r}")
        if first is not None:
            raise first

    def state_dicts(self) -> list[dict[str, Any]]:
        """Return kind and state of every listener that has a state."""
        return [{"kind": kind, "state": listener.state_dict()} for kind, listener in self._stateful()]

    def load_state_dicts(self, states: Sequence[dict[str, Any]]) -> None:
        """Restore what `state_dicts` returned; several listeners of one kind in their order.

        Raises:
            ModelFileError: a listener cannot restore its state.
        """
        by_kind: dict[str, list[Any]] = {}
        for entry in states:
            by_kind.setdefault(entry["kind"], []).append(entry["state"])
        for kind, listener in self._stateful():
            if by_kind.get(kind):
                try:
                    listener.load_state_dict(by_kind[kind].pop(0))
                except Exception as error:  # whatever a plug-in raises
                    raise ModelFileError(f"callback '{kind}' cannot restore its state: {error!r}") from error

    def _stateful(self) -> Iterator[tuple[str, Any]]:
        for kind, listener in self._listeners:
            if callable(getattr(listener, "state_dict", None)) and callable(getattr(listener, "load_state_dict", None)):
                yield kind, listener


def _hooks_of(listener: object, name: str) -> list[_Hook]:
    """Return what a listener implements, which pluggy finds and checks once for a class."""
    is_of_class = not any(attribute.startswith("modnet_") for attribute in getattr(listener, "__dict__", ()))
    known = _hooks.get(type(listener)) if is_of_class else None
    if known is None:
        known = list(_read_hooks(listener, name))
        if is_of_class:
            _hooks[type(listener)] = known
    return known


def _read_hooks(listener: object, name: str) -> Iterator[_Hook]:
    manager = pluggy.PluginManager("modnet")
    manager.add_hookspecs(Events)
    manager.register(listener, name=name)
    manager.check_pending()
    for event in EVENTS:
        for implementation in getattr(manager.hook, event).get_hookimpls():
            if implementation.wrapper or implementation.hookwrapper:
                raise PluginError(f"{name}: {event} is a hook wrapper; allowed: a plain method")
            function: Any = implementation.function
            is_method = getattr(function, "__self__", None) is listener
            turn = bool(implementation.trylast) - bool(implementation.tryfirst)
            yield _Hook(event, function.__func__ if is_method else function, is_method, implementation.argnames, turn)


def _call(event: str, listener: Listener, arguments: dict[str, Any]) -> Any:
    name, method, names = listener
    try:
        return method(*(arguments[argument] for argument in names))
    except Exception as error:  # whatever a plug-in raises is passed on, with a note
        error.add_note(f"raised by {name} in the event '{event}'")
        raise
