"""What layers draw from: numbers that depend on seed, update and sample, and not on how a batch is divided."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["KeyRandom", "key_of"]


class KeyRandom:
    """A `modnet.Random` over keys of JAX: every sample of a batch has its own.

    Attributes:
        key: The key of the update.
        position: The position in the batch of the first sample.
        draws: How often it was drawn from.
    """

    def __init__(self, key: Any, position: Any, draws: int = 0) -> None:
        self.key, self.position, self.draws = key, position, draws

    def random(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return numbers that are uniform in [0, 1)."""
        return jax.vmap(lambda key: jax.random.uniform(key, shape[1:], dtype))(self._keys(shape[0]))

    def standard_normal(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return numbers of the standard normal distribution."""
        return jax.vmap(lambda key: jax.random.normal(key, shape[1:], dtype))(self._keys(shape[0]))

    def _keys(self, rows: int) -> Any:
        self.draws += 1
        key = jax.random.fold_in(self.key, self.draws)
        return jax.vmap(jax.random.fold_in, (None, 0))(key, self.position + jnp.arange(rows))


def key_of(data: Any, update: Any) -> Any:
    """Return the key of an update, from the numbers of the key of all."""
    return jax.random.fold_in(jax.random.wrap_key_data(data, impl="threefry2x32"), update)
