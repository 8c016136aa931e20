"""A training is not resumed with another version of a plug-in, wherever in its configuration the plug-in has a part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import Modnet
from core.plugins.sites import Site
from training.resuming import interrupted

import modnet
from modnet import ModelFileError, Trainer
from modnet.core.registry import Registry

BASES = {
    "Activation": "activations.Tanh",
    "Callback": "callback.EarlyStopping",
    "Cost": "costs.Quadratic",
    "Dataset": "datasets.Digits",
    "Engine": "engine.NumpyEngine",
    "Initializer": "initializers.StandardNormal",
    "Layer": "layers.Dense",
    "Metric": "metrics.MeanSquaredError",
    "Optimizer": "optimizers.MiniBatch",
    "Regularizer": "regularizers.L2",
    "Rule": "update_rules.Momentum",
    "Schedule": "schedules.Constant",
}
SOURCE = """
from typing import Literal
import modnet
from modnet.components import activations, costs, initializers, layers, metrics, optimizers, regularizers, schedules
from modnet.components import update_rules
from modnet.components.callbacks import early_stopping as callback
from modnet.data.datasets import arrays as datasets
from modnet.engines.numpy import engine
"""
SCALED = "    def __call__(self, z):\n        return FACTOR * super().__call__(z)\n"
SOURCE += "".join(
    f'class {name}({base}):\n    kind: Literal["part"] = "part"\n{SCALED * (name in ("Activation", "Schedule"))}'
    for name, base in BASES.items()
)
SOURCE += f"@modnet.hookimpl\ndef modnet_components():\n    return [{', '.join(BASES)}]\n"

LAYER = {"kind": "dense", "units": 4}
PLACES: dict[str, dict[str, Any]] = {
    "network.layers.0.activation": {"network": {"layers": [{**LAYER, "activation": "part"}, 3]}},
    "network.layers.0.layers.0.layers.1.activation": {
        "network": {"layers": [{"kind": "residual", "layers": [[4, {**LAYER, "activation": "part"}]]}, 3]}
    },
    "network.layers.0.branches.0": {
        "network": {"layers": [{"kind": "parallel", "branches": [{**LAYER, "kind": "part"}, []]}, 3]}
    },
    "network.layers.0.initializer": {"network": {"layers": [{**LAYER, "initializer": "part"}, 3]}},
    "network.cost": {"network": {"layers": [3], "cost": "part"}},
    "network.regularizers.0": {"network": {"layers": [3], "regularizers": ["part"]}},
    "optimizer": {"optimizer": {"kind": "part"}},
    "optimizer.rule": {"optimizer": {"rule": "part"}},
    "optimizer.rule.rule": {"optimizer": {"rule": {"kind": "clip-by-norm", "rule": "part"}}},
    "optimizer.schedule": {"optimizer": {"schedule": "part"}},
    "optimizer.schedule.then": {"optimizer": {"schedule": {"kind": "warm-up", "then": "part"}}},
    "metrics.0": {"metrics": ["part"]},
    "metrics.0.cost": {"metrics": [{"kind": "cost", "cost": "part"}]},
    "callbacks.0": {"callbacks": [{"kind": "part", "monitor": "cost"}]},
    "data": {"data": {"kind": "part"}, "network": {"layers": [10]}},
    "engine": {"engine": "part"},
}
DATA = np.random.default_rng(0).normal(size=(24, 4)), np.arange(24) % 3


def config(place: str) -> dict[str, Any]:
    return {"epochs": 3, "network": {"layers": [3]}, **PLACES[place]}


@pytest.fixture
def install(make_site: Callable[[], Site], rediscover: Callable[[], Registry]) -> Callable[[str, float], None]:
    """A function that installs a version of the plug-in in the place of the version before."""
    sites = [make_site() for _ in range(3)]

    def replace(version: str, factor: float) -> None:
        sites.pop().install("modnet-part", SOURCE.replace("FACTOR", str(factor)), version)
        rediscover()

    return replace


REFUSED = (
    r"^[^\n]*: was written with modnet-part \(plug-in\) 1\.0, here it is 1\.1, so the results may differ; allowed "
    r"with --allow-other-engine \(in Python: allow_other_engine=True\)$"
)


@pytest.mark.parametrize("place", PLACES)
def test_another_version_is_refused(place: str, install: Callable[[str, float], None], tmp_path: Path) -> None:
    install("1.0", 1.0)
    data = () if place == "data" else DATA
    interrupted(config(place), data, tmp_path / "run", 3)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    install("1.1", 0.5)
    with pytest.raises(ModelFileError, match=REFUSED):
        Trainer.resume(tmp_path / "run", *data)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    assert Trainer.resume(tmp_path / "run", *data, allow_other_engine=True).history[-1]["epoch"] == 2


def test_the_command_says_it_in_one_line(
    install: Callable[[str, float], None], command: Modnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = (
        "--set",
        'callbacks=["checkpoint"]',
        "--set",
        'network.layers=[[{kind="dense", units=9, activation="part"}], 10]',
    )
    install("1.0", 1.0)
    assert command("train", "--quiet", "--epochs", 1, *kept, "--out", "run").err == ""
    install("1.1", 0.5)
    refused = command("train", "--quiet", "--resume", "run", "--epochs", 2)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "was written with modnet-part (plug-in) 1.0, here it is 1.1, so the results may differ" in refused.err
    allowed = command("train", "--quiet", "--resume", "run", "--epochs", 2, "--allow-other-engine")
    assert (allowed.code, allowed.err) == (0, "")
    install("1.1", 1.0)  # as in development mode: other code of the same version is not noticed, as the docs say
    assert command("train", "--quiet", "--resume", "run", "--epochs", 3).code == 0
    monkeypatch.setattr("modnet.training.fingerprint.__version__", "0.2.0", raising=False)
    other = command("train", "--quiet", "--resume", "run", "--epochs", 4)
    assert (other.code, other.err.count("\n")) == (2, 1)
    assert (
        f"was written with modnet {modnet.__version__}, here it is 0.2.0, so the results may differ; allowed"
        in other.err
    )


def test_a_model_of_another_version_is_loaded_with_a_warning(
    install: Callable[[str, float], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "model.safetensors"
    install("1.0", 1.0)
    network = Trainer.from_config(config("network.layers.0.activation")).fit(*DATA).network
    modnet.save(network, file)
    assert modnet.load(file).predict(DATA[0]).tobytes() == network.predict(DATA[0]).tobytes()
    assert caplog.messages == []
    install("1.1", 0.5)
    assert (modnet.load(file).predict(DATA[0]) != network.predict(DATA[0])).any()
    assert caplog.messages == [
        f"modnet: {file}: was made with modnet-part 1.0, here it is 1.1, so its predictions may differ"
    ]
