"""One seed, and a separate random generator for every purpose, so that none affects another."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from modnet.core.arrays import Array

__all__ = ["GeneratorRandom", "Stream", "generator"]


class Stream(IntEnum):
    """What randomness is used for; the numbers are part of what a seed means, so they never change."""

    PARAMETERS = 0
    ORDER = 1
    LAYERS = 2
    SPLIT = 3
    SAMPLE = 4
    DIRECTIONS = 5
    STATISTICS = 6
    TEST_SPLIT = 7


def generator(seed: int | None, stream: Stream, *key: int) -> np.random.Generator:
    """Return a new generator for one stream; ``key`` separates several generators of one stream.

    Without a ``seed`` the generator starts from fresh entropy.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(stream), *key)))


class GeneratorRandom:
    """A `modnet.Random` that draws from a NumPy generator, in float64 whatever is asked for.

    Args:
        rng: The generator.
        xp: The namespace of the arrays that are returned.
    """

    def __init__(self, rng: np.random.Generator, xp: Any = np) -> None:
        self._rng, self._xp = rng, xp

    def random(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return numbers that are uniform in [0, 1); in float32 rounded down, as 1 would be none of them."""
        draw = self._rng.random(shape)
        if self._xp.finfo(dtype).bits < 64:
            draw = np.floor(draw * 2.0**24) * 2.0**-24
        return self._xp.astype(self._xp.asarray(draw), dtype, copy=False)

    def standard_normal(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return numbers of the standard normal distribution."""
        return self._xp.astype(self._xp.asarray(self._rng.standard_normal(shape)), dtype, copy=False)
