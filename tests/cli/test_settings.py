"""``--set KEY=VALUE``, in every form."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from cli.running import Modnet

DENSE = {
    "kind": "dense",
    "trainable": True,
    "activation": "sigmoid",
    "bias": True,
    "initializer": "standard-normal",
    "bias_initializer": "standard-normal",
}
SOFTMAX = {"activation": "softmax", "initializer": "glorot-uniform", "bias_initializer": "zeros"}
"""What follows from the activation; the same as for tanh."""


def at(table: Any, path: str) -> Any:
    for key in path.split("."):
        table = table[int(key) if key.isdigit() else key]
    return table


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["epochs=0"], {"epochs": 0}),
        ([" epochs = 0 "], {"epochs": 0}),
        (["optimizer.batch_size=7"], {"optimizer.batch_size": 7, "optimizer.kind": "mini-batch"}),
        (["optimizer.learning_rate=1"], {"optimizer.learning_rate": 1.0}),
        (["optimizer.eta=0.5"], {"optimizer.learning_rate": 0.5}),
        (["dtype=float32"], {"dtype": "float32"}),
        (['dtype="float32"'], {"dtype": "float32"}),
        (["network.cost=binary-cross-entropy"], {"network.cost": "binary-cross-entropy"}),
        (["network.cost.kind=binary-cross-entropy"], {"network.cost": "binary-cross-entropy"}),
        (["network.layers=[12, 10]"], {"network.layers": [DENSE | {"units": 12}, DENSE | {"units": 10}]}),
        (
            ['network.layers=[{kind="dropout", rate=0.25}, 10]'],
            {"network.layers": [{"kind": "dropout", "trainable": True, "rate": 0.25}, DENSE | {"units": 10}]},
        ),
        (["network.layers.0=12"], {"network.layers.0.units": 12, "network.layers.1.units": 10}),
        (["network.layers.0.units=12"], {"network.layers.0.units": 12, "network.layers.1.units": 10}),
        (["network.layers.1.activation=softmax"], {"network.layers.1": DENSE | {"units": 10} | SOFTMAX}),
        (
            ["network.layers.0.activation.slope=0.2", "network.layers.0.activation.kind=leaky-relu"],
            {"network.layers.0.activation": {"kind": "leaky-relu", "slope": 0.2}},
        ),
        (["network.layers.0.kind=dropout"], {"network.layers.0": {"kind": "dropout", "trainable": True, "rate": 0.5}}),
        (
            ['optimizer.schedule={kind="step", every=3}'],
            {"optimizer.schedule": {"kind": "step", "every": 3, "factor": 0.5}},
        ),
        (["optimizer.rule=adam"], {"optimizer.rule.beta1": 0.9, "optimizer.learning_rate": 0.001}),
        (
            ["optimizer.rule=momentum", "optimizer.rule.momentum=0.5"],
            {"optimizer.rule.kind": "momentum", "optimizer.rule.momentum": 0.5, "optimizer.learning_rate": 0.3},
        ),
        (["network.regularizers=[{kind='l2', strength=0.5}, 'l1']"], {"network.regularizers.0.strength": 0.5}),
        (["metrics=['accuracy', 'mean-squared-error']"], {"metrics": ["accuracy", "mean-squared-error"]}),
        (["metrics=auto"], {"metrics": "auto"}),
        (["seed=1", "seed=2", "seed=3"], {"seed": 3}),
        (["seed=1", "optimizer.batch_size=4", "network.cost=quadratic"], {"seed": 1, "optimizer.batch_size": 4}),
        (["optimizer.kind=batch"], {"optimizer.kind": "batch"}),
        (["optimizer=stochastic"], {"optimizer.kind": "stochastic"}),
        (
            ["optimizer.batch_size=7", "optimizer.eta=2.5", "optimizer.kind=stochastic"],
            {"optimizer": {"kind": "stochastic", "learning_rate": 2.5, "rule": "plain", "schedule": "constant"}},
        ),
    ],
    ids=" and ".join,
)
def test_what_a_setting_changes(trained: Modnet, settings: list[str], expected: dict[str, Any]) -> None:
    options = [part for setting in settings for part in ("--set", setting)]
    trained("train", "--set", "epochs=0", *options, "--out", "run")
    table = tomllib.loads(Path("run/config.toml").read_text())
    assert {path: at(table, path) for path in expected} == expected


FILE = """
seed = 3
optimizer = { kind = "mini-batch", batch_size = 20, learning_rate = 0.5 }

[network]
layers = [20, 12, { kind = "dense", units = 10, activation = { kind = "leaky-relu", slope = 0.1 } }]
"""


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("optimizer.kind=batch", {"optimizer.kind": "batch", "optimizer.learning_rate": 0.5}),
        ("optimizer.batch_size=5", {"optimizer.batch_size": 5, "optimizer.learning_rate": 0.5}),
        (
            "network.layers.1.activation=tanh",
            {"network.layers.1": DENSE | {"units": 12} | SOFTMAX | {"activation": "tanh"}},
        ),
        ("network.layers.2.activation.slope=0.3", {"network.layers.2.activation.slope": 0.3}),
        (
            "network.layers.2.activation.kind=tanh",
            {"network.layers.2.activation": "tanh", "network.layers.0.units": 20},
        ),
        ("network.layers.2.activation=tanh", {"network.layers.2.activation": "tanh", "seed": 3}),
    ],
)
def test_what_a_setting_changes_in_a_file(trained: Modnet, setting: str, expected: dict[str, Any]) -> None:
    Path("my.toml").write_text(FILE)
    trained("train", "my.toml", "--set", setting, "--epochs", 0, "--out", "run")
    table = tomllib.loads(Path("run/config.toml").read_text())
    assert {path: at(table, path) for path in expected} == expected
    assert Path("my.toml").read_text() == FILE


def test_a_value_may_hold_an_equals_sign_and_a_dot(modnet: Modnet) -> None:
    result = modnet("train", "--set", "data.kind=csv", "--set", "data.target=y", "--set", "data.path=a=b.v1.csv")
    assert (result.code, result.err) == (2, "modnet: a=b.v1.csv: cannot be read: No such file or directory\n")


@pytest.mark.parametrize("optimizer", ["batch", "stochastic", "mini-batch"])
def test_each_optimizer_makes_its_number_of_updates(trained: Modnet, optimizer: str) -> None:
    updates = {"batch": 2, "stochastic": 2 * 1437, "mini-batch": 2 * 144}[optimizer]
    sentence = trained("train", "--set", f"optimizer.kind={optimizer}", "--epochs", 2, "--quiet", "--out", "run").out
    assert f" after 2 epochs and {updates:,} updates in " in sentence


def test_an_index_into_a_word_is_refused_in_the_users_words(modnet: Modnet) -> None:
    result = modnet("train", "--set", "metrics.0=accuracy", "--epochs", 0)
    assert result.code in (0, 2)
    assert "tuple" not in result.err
    assert "'kind'" not in result.err
