"""Calls of Python from compiled programs: what a library has to offer for parts that it cannot compile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from modnet.core import registry
from modnet.core.arrays import Array
from modnet.core.component import Component
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Random
from modnet.core.messages import log_warning, truncate

__all__ = ["REMEDY", "HostCalls"]


REMEDY = "a part that uses modnet.namespace in place of numpy, and asks for no values, is"
"""What to do about a part that cannot be compiled."""


class HostCalls(ABC):
    """What a training's programs call in Python.

    A part may raise in a thread of the library, whose error would be no more than a text: the part's own is kept.

    Attributes:
        parts: The parts that are called.
        refused: Why none may be called, or None.
    """

    refused: str | None = None

    def __init__(self) -> None:
        self.parts: list[Component] = []
        self._error: BaseException | None = None

    @abstractmethod
    def call(self, function: Callable[..., Any], result: Any, *args: Any) -> Any:
        """Return what a function of NumPy arrays returns when the program runs.

        Args:
            function: The function.
            result: A tree of the `form` of every array that it returns.
            args: Its arguments, trees of arrays.
        """

    @abstractmethod
    def form(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return what says that an array is of this shape and dtype."""

    @abstractmethod
    def like(self, tree: Any) -> Any:
        """Return a tree of arrays with each one's `form`."""

    @abstractmethod
    def seed(self, rng: Random) -> Array:
        """Return some numbers, unsigned integers, that a source of random numbers follows from."""

    def add(self, part: Component, error: Exception) -> None:
        """Tell in a line that a part cannot be compiled, and what that costs."""
        if not any(part is known for known in self.parts):
            self.parts.append(part)
            reason = truncate(f"{type(error).__name__}: {' '.join(str(error).split())}", 90)
            name = f"{part.family} '{registry.active().full_name(type(part))}'"
            if self.refused is not None:
                raise ConfigError(f"engine: the {name} cannot be compiled ({reason}); {self.refused}; {REMEDY}")
            log_warning(
                f"engine: the {name} cannot be compiled ({reason}); Python runs it, some 0.1 ms a call; {REMEDY}"
            )

    def guarded(self, function: Callable[..., Any], otherwise: Callable[[], Any]) -> Any:
        """Call a function; keep its error, and call ``otherwise`` instead."""
        try:
            with np.errstate(all="ignore"):  # as on the NumPy engine: what is not finite is found later
                return function()
        except BaseException as error:
            self._error = self._error or error
            return otherwise()

    def raise_error(self) -> None:
        """Raise what a part has raised since this was asked last."""
        error, self._error = self._error, None
        if error is not None:
            raise error
