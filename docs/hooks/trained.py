"""The document's network before and after 30 epochs on the digits, for the figures that show what it has learnt."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import modnet
from modnet import Data, Results, Trainer
from modnet.training.setup import build


@dataclass(frozen=True)
class Trained:
    """A run with the default configuration.

    Attributes:
        data: The digits.
        start, end: W¹ before and after, (30, 64).
        results: Its results on the test samples.
    """

    data: Data
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    results: Results


@cache
def trained() -> Trained:
    config = modnet.load_config()
    data = config.data.load()
    network, _, _ = build(config, data, None)
    start = network.layers[0].parameters["weights"].copy()
    with tempfile.TemporaryDirectory() as folder:
        run = Trainer(config).fit(*data.train, test=data.test, out=Path(folder) / "run")
        results = modnet.results(Path(folder) / "run", mistakes=6, data=data)
    return Trained(data, start, run.network.layers[0].parameters["weights"], results)
