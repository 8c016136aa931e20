"""Programs: functions compiled for the shapes that they are called with, and kept on disk between runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import jax

from modnet import ConfigError
from modnet.engines.compiled.parts import RetraceError
from modnet.engines.compiled.share import Share
from modnet_jax.cache import ProgramCache
from modnet_jax.device import Device
from modnet_jax.program import Program

__all__ = ["JaxPrograms"]


class JaxPrograms:
    """A training's `Program` on a device; `modnet.engines.compiled.programs.Programs` says what the methods do.

    Args:
        program: The functions.
        device: What they are compiled for.
        cache: Where they are kept.
    """

    share = Share()

    def __init__(self, program: Program, device: Device, cache: ProgramCache) -> None:
        self._program, self._device, self._cache = program, device, cache
        self._compiled: dict[Hashable, Callable[..., Any]] = {}

    def call(self, name: str, shapes: tuple[Hashable, ...], *args: Any, **static: Any) -> Any:
        """Call a function of the program."""
        key = name, shapes, *static.values()
        compiled = self._compiled.get(key)
        while compiled is None:
            with suppress(RetraceError):
                donated = (0,) if name == "place" else ()
                lowered = jax.jit(self._function(name, len(args), **static), donate_argnums=donated).lower(*args)
                compiled = self._compiled[key] = self._cache.compile(lowered, kept=self._is_kept(name))
        return compiled(*args)

    def _is_kept(self, name: str) -> bool:
        """Return whether the compiled function is kept for other trainings."""
        del name
        return not self._program.calls.parts

    def _function(self, name: str, count: int, **static: Any) -> Callable[..., Any]:
        """Return a function of so many arguments, ready to be compiled."""
        del count
        return partial(getattr(self._program, name), **static)

    def put(self, tree: Any) -> Any:
        """Return arrays on the device."""
        return jax.device_put(tree, self._device.device)

    put_rows = put

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Hold the settings that everything else is called in; raise what a part has raised."""
        try:
            with self._device.settings():
                yield
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            fewer = "engine.device_memory keeps fewer samples there"
            raise ConfigError(
                f"engine: {self._device.device} has too little memory for the training; {fewer}"
            ) from None
        self._program.calls.raise_error()
