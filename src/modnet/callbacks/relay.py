"""How a training's events reach the listeners of its callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pluggy

from modnet import registry
from modnet.config import RunConfig
from modnet.plugins.hookspecs import Events

__all__ = ["naming", "relay"]


def relay(config: RunConfig) -> pluggy.HookRelay:
    """Return the events, heard by the listeners of the configured callbacks in their order."""
    manager = pluggy.PluginManager("modnet")
    manager.add_hookspecs(Events)
    for index, callback in reversed(list(enumerate(config.callbacks))):  # pluggy calls the latest first
        owner = registry.active().owner_of(type(callback)) or type(callback).__module__
        name = f"{owner}: callback '{callback.kind}' (callbacks.{index})"
        manager.register(callback.listener(), name=name)
    manager.check_pending()
    return manager.hook


@contextmanager
def naming(events: pluggy.HookRelay, event: str) -> Iterator[None]:
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
