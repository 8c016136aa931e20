"""Parts of strangers: callbacks and a metric, for tests of what listeners hear and may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from modnet import Callback, Metric, hookimpl
from modnet.core import registry
from modnet.core.component import Component


@contextmanager
def installed(*parts: type[Component]) -> Iterator[None]:
    """Let the process's registry have more parts for a while, as if a distribution gave them."""
    own = registry.Registry()
    for part in registry.active():
        own.add([part.component], part.provider)
    own.add(parts, registry.Provider("modnet-strange", "0.3"))
    before = registry._source
    registry.set_source(lambda: own)
    try:
        yield
    finally:
        registry.set_source(before)


class Watch(Callback):
    """Writes down every event, and runs what a test asks for at one of them."""

    kind: Literal["watch"] = "watch"
    name: str = "watch"
    stop_after: int | None = None

    heard: ClassVar[list[tuple[str, str, Any]]] = []
    at: ClassVar[dict[str, Any]] = {}

    def listener(self) -> object:
        return _Watching(self)


class _Watching:
    def __init__(self, options: Watch) -> None:
        self.options = options

    def _hear(self, event: str, training: Any, what: Any = None) -> None:
        Watch.heard.append((self.options.name, event, what))
        for key in (event, f"{self.options.name}.{event}"):
            if key in Watch.at:
                Watch.at[key](training)

    @hookimpl
    def modnet_fit_start(self, training: Any) -> None:
        self._hear("fit_start", training)

    @hookimpl
    def modnet_epoch_start(self, training: Any) -> None:
        self._hear("epoch_start", training, training.epoch)

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        self._hear("batch_end", training, training.updates)

    @hookimpl
    def modnet_epoch_end(self, training: Any, row: dict[str, Any]) -> None:
        self._hear("epoch_end", training, row)

    @hookimpl
    def modnet_should_stop(self, training: Any) -> str | None:
        self._hear("should_stop", training)
        stop = self.options.stop_after is not None and training.epoch + 1 >= self.options.stop_after
        return f"{self.options.name} says so" if stop else None

    @hookimpl
    def modnet_fit_end(self, training: Any) -> None:
        self._hear("fit_end", training)


class Scripted(Metric):
    """A figure that takes the next of some values whenever it is asked for the samples of the validation."""

    kind: Literal["scripted"] = "scripted"
    script: ClassVar[Iterator[float]] = iter(())

    def partial(self, a: Any, y: Any, weights: Any) -> Any:
        del weights
        return a[:1] * 0.0 + float(len(y))

    def value(self, total: Any) -> float:
        return next(Scripted.script) if float(total[0, 0]) == 7.0 else 0.0
