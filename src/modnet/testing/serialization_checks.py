"""The check that a network with the component can be saved and loaded."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from modnet.components.layers import Dense
from modnet.storage.model_file import load, save
from modnet.testing.case import Case, temporarily_registered
from modnet.testing.fixtures import Flatten, flattened, train
from modnet.testing.numeric import normal, tree_diff
from modnet.testing.report import require


def save_and_load(case: Case) -> None:
    """Check that a trained network with it, saved and loaded, makes the same predictions to the last bit."""
    component, family = case.component, case.cls.family
    shape = case.shape() if family == "layer" else (5,)
    layers: list[Any] = [4, 3]
    network: dict[str, Any] = {}
    if family == "activation":
        layers = [Dense(units=4, activation=component), 3]
    elif family == "layer":
        layers = [*flattened(component, shape), 3]
    elif family == "cost":
        network = {"cost": component}
    else:
        network = {"regularizers": [component]}
    with temporarily_registered(Flatten), tempfile.TemporaryDirectory() as folder:
        trained = train(layers, shape, network=network).network
        path = Path(folder, "model.safetensors")
        save(trained, path)
        x = normal(51, 6, *shape)
        same = not tree_diff(trained.predict(x), load(path).predict(x))
        require(same, "the network predicts something else after it was saved and loaded")
