"""Calls of Python functions of NumPy arrays from compiled programs, for parts that cannot be compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from modnet.core import registry
from modnet.core.messages import log_warning, truncate

__all__ = ["HostCalls", "like"]


class HostCalls:
    """What a training's programs call in Python.

    An error of a part must not leave the thread of the runtime, which would print it; it is kept, and the numbers are
    0.

    Attributes:
        refused: What is raised, as a text, instead of the first call, or None.
        parts: The parts that are called.
    """

    def __init__(self) -> None:
        self.refused: str | None = None
        self.parts: list[Any] = []
        self._error: BaseException | None = None

    def add(self, part: Any, error: Exception) -> None:
        """Tell in a line that a part cannot be compiled, and what that costs."""
        if part not in self.parts:
            self.parts.append(part)
            reason = truncate(f"{type(error).__name__}: {' '.join(str(error).split())}", 90)
            name = f"{type(part).family} '{registry.active().full_name(type(part))}'"
            log_warning(f"engine: the {name} cannot be compiled ({reason}); Python runs it, some 0.1 ms a call")

    def raise_error(self) -> None:
        """Raise what a part has raised since this was asked last."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def __call__(self, function: Callable[..., Any], result: Any, *args: Any) -> Any:
        """Return what a function returns for NumPy arrays, when the program runs.

        Args:
            function: The function.
            result: The shapes and dtypes of the tree of arrays that it returns.
            args: Its arguments, trees of arrays.
        """
        leaves, tree = jax.tree.flatten(args)
        forms = [(leaf.shape, np.dtype(leaf.dtype)) for leaf in map(jnp.asarray, leaves)]

        def call(*packed: Any) -> Any:
            given = [_unpacked(array, *form) for array, form in zip(packed, forms, strict=True)]
            try:
                with np.errstate(all="ignore"):  # as on the NumPy engine: a number that is not finite is found later
                    values = function(*jax.tree.unflatten(tree, given))
                    return jax.tree.map(_as_promised, result, values)
            except BaseException as error:
                self._error = self._error or error
                return jax.tree.map(lambda form: _as_promised(form, np.zeros(form.shape)), result)

        packed = jax.pure_callback(call, jax.tree.map(_packed_form, result), *map(_packed, leaves))
        return jax.tree.map(lambda form, value: jax.lax.bitcast_convert_type(value, form.dtype), result, packed)


def like(value: Any) -> Any:
    """Return shape and dtype of an array, or of a tree of them."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.asarray(leaf).dtype), value)


def _as_promised(form: Any, value: Any) -> Any:
    array = np.asarray(value).astype(form.dtype)
    if array.shape != form.shape:
        raise ValueError(f"got an array of shape {array.shape}, expected {form.shape}")
    promised = _packed_form(form)
    return np.ascontiguousarray(array).view(promised.dtype).reshape(promised.shape)


def _packed_form(form: Any) -> Any:
    return jax.ShapeDtypeStruct((*form.shape, 2), np.uint32) if form.dtype.itemsize == 8 else form


def _packed(value: Any) -> Any:
    """Return an array in numbers of 32 bits: the runtime's threads do not know of x64, and would narrow others."""
    array = jnp.asarray(value)
    return jax.lax.bitcast_convert_type(array, np.uint32) if array.dtype.itemsize == 8 else array


def _unpacked(value: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    return np.array(value).view(dtype).reshape(shape)  # a copy, in case that it is written to
