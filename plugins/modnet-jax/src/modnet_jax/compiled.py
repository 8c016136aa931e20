"""Programs: functions compiled for the shapes that they are called with, and kept on disk between runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import jax

from modnet_jax.device import Device
from modnet_jax.program import Program

__all__ = ["JaxPrograms"]


class JaxPrograms:
    """A training's `Program` on a device; `modnet.engines.compiled.programs.Programs` says what the methods do.

    Args:
        program: The functions.
        device: What they are compiled for.
    """

    def __init__(self, program: Program, device: Device) -> None:
        self._program, self._device = program, device
        self._compiled: dict[Hashable, Callable[..., Any]] = {}

    def call(self, name: str, shapes: tuple[Hashable, ...], *args: Any, **static: Any) -> Any:
        """Call a function of the program."""
        key = name, shapes, *static.values()
        compiled = self._compiled.get(key)
        if compiled is None:
            lowered = jax.jit(partial(getattr(self._program, name), **static)).lower(*args)
            compiled = self._compiled[key] = lowered.compile(compiler_options=self._device.compiler_options)
        return compiled(*args)

    def put(self, tree: Any) -> Any:
        """Return arrays on the device."""
        return jax.device_put(tree, self._device.device)

    def settings(self) -> AbstractContextManager[None]:
        """Return a context in which everything else is called."""
        return self._device.settings()
