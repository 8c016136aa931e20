"""Programs: functions compiled for the shapes that they are called with, and kept on disk between runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import jax

from modnet_jax.device import Device
from modnet_jax.program import Program

__all__ = ["Programs"]


class Programs:
    """The functions of a training's `Program`, compiled when they are first called.

    Args:
        program: The functions.
        device: What they are compiled for.
    """

    def __init__(self, program: Program, device: Device) -> None:
        self._program, self._device = program, device
        self._compiled: dict[Hashable, Callable[..., Any]] = {}

    def call(self, name: str, shapes: tuple[Hashable, ...], *args: Any, **static: Any) -> Any:
        """Call a function of the program.

        Args:
            name: Its name.
            shapes: What tells the shapes of these arguments from those of other calls.
            args: Its arguments: arrays and trees of them.
            static: Arguments that are compiled in.
        """
        key = name, shapes, *static.values()
        compiled = self._compiled.get(key)
        if compiled is None:
            lowered = jax.jit(partial(getattr(self._program, name), **static)).lower(*args)
            compiled = self._compiled[key] = lowered.compile(compiler_options=self._device.compiler_options)
        return compiled(*args)
