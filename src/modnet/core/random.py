"""One seed, and a separate random generator for every purpose, so that none affects another."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

__all__ = ["Stream", "generator"]


class Stream(IntEnum):
    """What randomness is used for; the numbers are part of what a seed means, so they never change."""

    PARAMETERS = 0
    ORDER = 1
    LAYERS = 2
    SPLIT = 3
    SAMPLE = 4
    DIRECTIONS = 5


def generator(seed: int | None, stream: Stream, *key: int) -> np.random.Generator:
    """Return a new generator for one stream; ``key`` separates several generators of one stream.

    Without a ``seed`` the generator starts from fresh entropy.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(stream), *key)))
