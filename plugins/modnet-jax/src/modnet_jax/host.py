"""Calls of Python from programs of JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from modnet.engines.compiled.host_calls import HostCalls

__all__ = ["JaxHostCalls"]


class JaxHostCalls(HostCalls):
    """The calls of one training.

    Numbers of 64 bits are passed as pairs of 32: JAX's threads do not know of x64, and would narrow them.
    """

    def call(self, function: Callable[..., Any], result: Any, *args: Any) -> Any:
        """Return what a function of NumPy arrays returns when the program runs."""
        leaves, tree = jax.tree.flatten(args)
        forms = self.like(leaves)

        def on_host(*packed: Any) -> Any:
            def run() -> Any:
                given = [
                    np.array(a).view(form.dtype).reshape(form.shape) for a, form in zip(packed, forms, strict=True)
                ]
                return jax.tree.map(_as_promised, result, function(*jax.tree.unflatten(tree, given)))

            return self.guarded(
                run, lambda: jax.tree.map(lambda form: _as_promised(form, np.zeros(form.shape)), result)
            )

        packed = jax.pure_callback(on_host, jax.tree.map(_packed, result), *map(_halves, leaves))
        return jax.tree.map(lambda form, value: jax.lax.bitcast_convert_type(value, form.dtype), result, packed)

    def form(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return what says that an array is of this shape and dtype."""
        return jax.ShapeDtypeStruct(shape, dtype)

    def like(self, tree: Any) -> Any:
        """Return a tree of arrays with each one's form."""
        return jax.tree.map(lambda leaf: self.form(jnp.shape(leaf), jnp.asarray(leaf).dtype), tree)

    def seed(self, rng: Any) -> Any:
        """Return the numbers of a source's key, and its position."""
        return jnp.append(jax.random.key_data(rng.key), jnp.asarray(rng.position).astype(np.uint32))


def _packed(form: Any) -> Any:
    return jax.ShapeDtypeStruct((*form.shape, 2), np.uint32) if form.dtype.itemsize == 8 else form


def _halves(leaf: Any) -> Any:
    array = jnp.asarray(leaf)
    return jax.lax.bitcast_convert_type(array, np.uint32) if array.dtype.itemsize == 8 else array


def _as_promised(form: Any, value: Any) -> Any:
    array, packed = np.ascontiguousarray(value, form.dtype), _packed(form)
    if array.size != np.prod(form.shape):
        raise ValueError(f"got an array of shape {np.shape(value)}, expected {form.shape}")
    return array.view(packed.dtype).reshape(packed.shape)
