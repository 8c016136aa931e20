"""Components with one fault each, the check that is meant to find it, and words of its message."""

from testing.faulty import (
    engine_promises,
    engines,
    every_family,
    functions,
    layers,
    metrics,
    optimizers,
    transforms,
    unusual,
)
from testing.faulty.record import FAULTS

__all__ = [
    "FAULTS",
    "NOTES",
    "engine_promises",
    "engines",
    "every_family",
    "functions",
    "layers",
    "metrics",
    "optimizers",
    "transforms",
    "unusual",
]

NOTES = unusual.NOTES
