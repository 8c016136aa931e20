"""Samples that callers may hold in many ways, and the messages about invalid ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet import Trainer
from modnet.training.result import Run

X = np.random.default_rng(0).integers(-8, 8, (12, 3)) / 8.0  # what every type of floats holds exactly
Y = np.arange(12) % 2
NAMES = ["no", "yes"]
TEXT = np.array(NAMES)[Y]
MASK = np.arange(36).reshape(12, 3) == 16
AWAY = np.where(MASK, np.nan, X)

NOT_FINITE = "training x: row 5, column 1 (counted from 0) is nan; values must be finite"
MASKED = "training x: row 5, column 1 (counted from 0) is masked; every value is needed"
ALLOWED = "allowed are integers, bools and floats"


def fit(x: Any, y: Any, layers: Any = (2,), **options: Any) -> Run:
    config = {"epochs": 2, "network": {"layers": list(layers)}, "optimizer": {"batch_size": 5}}
    return Trainer.from_config(config).fit(x, y, **options)


def agrees(message: str, expected: str) -> bool:
    """Whether a message is one line and the expected one, as far as "…"."""
    start = expected.rstrip("… ")
    return "\n" not in message and (message == expected or (expected.endswith("…") and message.startswith(start)))
