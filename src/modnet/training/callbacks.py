"""How a training's events reach the listeners of its callbacks, and what the listeners remember of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pluggy

from modnet.config.run_config import RunConfig
from modnet.core import registry
from modnet.core.errors import ModelFileError
from modnet.core.plugins.hookspecs import Events
from modnet.training.state import CallbackState

__all__ = ["CallbackRunner", "with_context"]


class CallbackRunner:
    """The listeners of one training.

    Attributes:
        events: The hooks; the listeners hear in the order of the configured callbacks.
    """

    def __init__(self, config: RunConfig) -> None:
        self._manager = pluggy.PluginManager("modnet")
        self._manager.add_hookspecs(Events)
        self._listeners = [(callback.kind, callback.listener()) for callback in config.callbacks]
        for index, callback in reversed(list(enumerate(config.callbacks))):  # pluggy calls the latest first
            owner = registry.active().provider_of(type(callback)) or type(callback).__module__
            name = f"{owner}: callback '{callback.kind}' (callbacks.{index})"
            self._manager.register(self._listeners[index][1], name=name)
        self._manager.check_pending()
        self.events: pluggy.HookRelay = self._manager.hook

    def call_all(self, event: str, **told: Any) -> None:
        """Let every listener hear of an event, also where one before it fails.

        Raises:
            BaseException: the first error, with notes of the others.
        """
        first: BaseException | None = None
        hook = getattr(self.events, f"modnet_{event}")
        for heard in reversed(hook.get_hookimpls()):
            others = [plugin for plugin in self._manager.get_plugins() if plugin is not heard.plugin]
            try:
                with with_context(self.events, event):
                    self._manager.subset_hook_caller(f"modnet_{event}", others)(**told)
            except BaseException as error:
                if first is None:
                    first = error
                else:
                    first.add_note(f"then a listener failed in the event '{event}': {error!r}")
        if first is not None:
            raise first

    def state_dicts(self) -> list[CallbackState]:
        """Return what the listeners that have a memory keep."""
        return [CallbackState(kind=kind, memory=listener.state_dict()) for kind, listener in self._remembering()]

    def load_state_dicts(self, state_dicts: Sequence[CallbackState]) -> None:
        """Give the listeners back what `state_dicts` returned; of several of one kind, in their order.

        Raises:
            ModelFileError: one cannot take it.
        """
        left: dict[str, list[Any]] = {}
        for each in state_dicts:
            left.setdefault(each.kind, []).append(each.memory)
        for kind, listener in self._remembering():
            if left.get(kind):
                try:
                    listener.load_state_dict(left[kind].pop(0))
                except Exception as error:  # whatever a stranger raises
                    raise ModelFileError(f"callback '{kind}' cannot take its memory back: {error!r}") from error

    def _remembering(self) -> Iterator[tuple[str, Any]]:
        for kind, listener in self._listeners:
            if callable(getattr(listener, "state_dict", None)) and callable(getattr(listener, "load_state_dict", None)):
                yield kind, listener


@contextmanager
def with_context(events: pluggy.HookRelay, event: str) -> Iterator[None]:
    """Let a listener's error go on with a note that names the listener and the event."""
    try:
        yield
    except Exception as error:  # whatever a stranger raises goes on, with a note
        heard = getattr(events, f"modnet_{event}").get_hookimpls()
        names = {(getattr(each.function, "__code__", None), id(each.plugin)): each.plugin_name for each in heard}
        trace = error.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            name = names.get((frame.f_code, id(frame.f_locals.get("self"))))
            if name is not None:
                error.add_note(f"raised by {name} in the event '{event}'")
                break
            trace = trace.tb_next
        raise
