"""What layers draw from: random numbers that depend on seed, update and sample alone, not on how a batch is divided."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["KeyRandom"]


class KeyRandom:
    """A `modnet.Random` over keys of JAX: every sample of a batch has its own.

    Args:
        key: The key of the update.
        first: The position in the batch of the first sample of the piece.
    """

    def __init__(self, key: Any, first: Any) -> None:
        self._key, self._first, self._draws = key, first, 0

    def random(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return numbers that are uniform in [0, 1)."""
        return jax.vmap(lambda key: jax.random.uniform(key, shape[1:], dtype))(self._keys(shape[0]))

    def standard_normal(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return numbers of the standard normal distribution."""
        return jax.vmap(lambda key: jax.random.normal(key, shape[1:], dtype))(self._keys(shape[0]))

    def _keys(self, rows: int) -> Any:
        self._draws += 1
        key = jax.random.fold_in(self._key, self._draws)
        return jax.vmap(lambda row: jax.random.fold_in(key, row))(self._first + jnp.arange(rows))
