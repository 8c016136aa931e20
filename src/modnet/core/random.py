"""One seed, and a generator of its own for every purpose, so that no purpose disturbs another."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

__all__ = ["Stream", "generator"]


class Stream(IntEnum):
    """What randomness is for; the numbers are part of what a seed means, so they never change."""

    PARAMETERS = 0
    ORDER = 1
    LAYERS = 2
    SPLIT = 3
    SAMPLE = 4
    DIRECTIONS = 5


def generator(seed: int | None, purpose: Stream, *place: int) -> np.random.Generator:
    """Return the generator of one purpose, and of one place where a purpose has several; with no seed, a new one."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(purpose), *place)))
