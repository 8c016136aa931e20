"""Calls of Python from programs of JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.buffer_callback import buffer_callback

from modnet.engines.compiled.host_calls import HostCalls

__all__ = ["JaxHostCalls"]


class JaxHostCalls(HostCalls):
    """The calls of one training.

    Args:
        on_cpu: Whether programs run on the processor. Then Python gets the arrays as they are: what `jax.pure_callback`
            makes of them waits, where there is one core, for the very thread that the program runs in.
    """

    def __init__(self, *, on_cpu: bool) -> None:
        super().__init__()
        self._on_cpu = on_cpu

    def call(self, function: Callable[..., Any], result: Any, *args: Any) -> Any:
        """Return what a function of NumPy arrays returns when the program runs."""
        leaves, tree = jax.tree.flatten(args)
        forms = self.like(leaves)

        def run(*given: Any) -> Any:
            pairs = zip(given, forms, strict=True)
            arrays = [np.array(np.asarray(array)).view(form.dtype).reshape(form.shape) for array, form in pairs]
            zeros = jax.tree.map(lambda form: np.zeros(form.shape), result)
            values = self.guarded(
                lambda: jax.tree.map(_as_promised, result, function(*jax.tree.unflatten(tree, arrays))), lambda: zeros
            )
            return jax.tree.map(_as_promised, result, values)

        def run_in_place(_: Any, places: Any, *given: Any) -> None:
            for place, value in zip(jax.tree.leaves(places), jax.tree.leaves(run(*given)), strict=True):
                np.asarray(place)[...] = value

        if self._on_cpu:
            return buffer_callback(run_in_place, result)(*map(jnp.asarray, leaves))
        # numbers of 64 bits go as pairs of 32, since the threads of the runtime do not know of x64
        halves = jax.pure_callback(
            lambda *given: jax.tree.map(_in_halves, run(*given)),
            jax.tree.map(_in_halves, result),
            *map(_in_halves, leaves),
        )
        return jax.tree.map(lambda form, value: jax.lax.bitcast_convert_type(value, form.dtype), result, halves)

    def form(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return what says that an array is of this shape and dtype."""
        return jax.ShapeDtypeStruct(shape, dtype)

    def like(self, tree: Any) -> Any:
        """Return a tree of arrays with each one's form."""
        return jax.tree.map(lambda leaf: self.form(jnp.shape(leaf), jnp.asarray(leaf).dtype), tree)

    def seed(self, rng: Any) -> Any:
        """Return the numbers of a source's key, and its position."""
        return jnp.append(jax.random.key_data(rng.key), jnp.asarray(rng.position).astype(np.uint32))


def _in_halves(value: Any) -> Any:
    """Return an array, or a form, of 64 bits as one of pairs of 32."""
    if isinstance(value, jax.ShapeDtypeStruct):
        return jax.ShapeDtypeStruct((*value.shape, 2), np.uint32) if value.dtype.itemsize == 8 else value
    if isinstance(value, np.ndarray):
        return value.reshape(-1).view(np.uint32).reshape(*value.shape, 2) if value.dtype.itemsize == 8 else value
    array = jnp.asarray(value)
    return jax.lax.bitcast_convert_type(array, np.uint32) if array.dtype.itemsize == 8 else array


def _as_promised(form: Any, value: Any) -> Any:
    array = np.asarray(value, form.dtype)
    if array.shape != form.shape:
        raise ValueError(f"got an array of shape {array.shape}, expected {form.shape}")
    return np.ascontiguousarray(array).reshape(form.shape)
