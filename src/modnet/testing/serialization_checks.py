"""The check that a network with the part survives its model file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from modnet.components.layers import Dense
from modnet.storage.model_file import load, save
from modnet.testing.case import Case, temporarily_registered
from modnet.testing.fixtures import Flatten, train
from modnet.testing.numeric import normal, same_bits
from modnet.testing.report import FailedError

__all__ = ["save_and_load"]


def save_and_load(case: Case) -> None:
    """Check that a network with it that is trained, saved and loaded predicts the same to the last bit."""
    part, family = case.part, case.cls.family
    shape: tuple[int, ...] = (5,)
    layers: list[Any] = [4, 3]
    network: dict[str, Any] = {}
    if family == "activation":
        layers = [Dense(units=4, activation=part), 3]
    elif family == "layer":
        shape = case.shape()
        flat = [Flatten()] if len(part.output_shape(shape)) != 1 else []
        layers = [part, *flat, 3]
    elif family == "cost":
        network = {"cost": part}
    else:
        network = {"regularizers": [part]}
    with temporarily_registered(Flatten), tempfile.TemporaryDirectory() as folder:
        run = train(layers, shape, network=network)
        path = Path(folder) / "model.safetensors"
        save(run.network, path)
        again = load(path)
        x = normal(51, 6, *shape)
        if not same_bits(run.network.predict(x), again.predict(x)):
            raise FailedError("the network that was saved and loaded predicts something else")
