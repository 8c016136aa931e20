"""The configuration: what may be written, what it means, and what is written back."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

from modnet import Activation, RunConfig, Trainer, load, load_config
from modnet.components.activations import LeakyRelu
from modnet.components.layers import Dense
from modnet.components.optimizers import Batch, MiniBatch
from modnet.config.run_config import iter_components
from modnet.core import registry
from modnet.core.component import Component
from modnet.core.errors import ConfigError


class Swing(Activation):
    """An activation of a plug-in."""

    kind: Literal["swing"] = "swing"
    rate: float = Field(default=2.0, gt=0, description="how fast")
    times: tuple[int, ...] = Field(default=(1, 2), strict=False, description="a list")
    note: str | None = Field(default=None, description="may be missing")

    def __call__(self, z: Any) -> Any:
        return self.rate * z

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        del z, a
        return self.rate * upstream


@pytest.fixture
def plugin() -> Iterator[None]:
    """The process's registry, with the component of a plug-in while the test runs."""
    extended = registry.active().copy()
    extended.add([Swing], registry.Provider("modnet-swing", "0.3"))
    with registry.using(extended):
        yield


REQUIRED: dict[str, dict[str, Any]] = {
    "dense": {"units": 3},
    "chain": {"layers": [3]},
    "residual": {"layers": [3]},
    "parallel": {"branches": [3, [4]]},
}


def test_every_option_of_every_component_is_in_the_filled_configuration() -> None:
    def check(component: Any, table: Any) -> int:
        if isinstance(table, str):
            assert type(component).option_names() == []
            return 1
        names = type(component).model_fields
        assert set(names) - set(table) <= {name for name in names if getattr(component, name) is None}
        count = 1
        for name in table:
            value = getattr(component, name)
            if isinstance(value, Component):
                count += check(value, table[name])
            elif isinstance(value, tuple):
                count += sum(check(item, row) for item, row in zip(value, table[name], strict=True))
        return count

    for cls in [entry.component for entry in registry.active()]:
        if cls.family in ("layer", "optimizer", "metric", "schedule", "rule"):
            component = cls(**REQUIRED.get(cls.kind_name(), {}))
            assert check(component, component.to_config()) >= 1
    config = load_config()
    assert check(config.network, config.to_config()["network"]) == 1 + 2 * (1 + 3) + 1


def test_the_filled_configuration_is_a_fixed_point_in_toml() -> None:
    source = {
        "network": {
            "layers": [{"kind": "dropout"}, 5, {"kind": "dense", "units": 2, "activation": {"kind": "leaky-relu"}}],
            "cost": "binary-cross-entropy",
            "regularizers": ["l2", {"kind": "l1", "strength": 0.5}],
        },
        "optimizer": {"kind": "stochastic", "rule": "adam", "schedule": {"kind": "step", "every": 2}},
        "metrics": ["accuracy", {"kind": "cost", "cost": "quadratic"}],
        "callbacks": ["early-stopping"],
        "data": {"kind": "csv", "path": "größe \"x\".csv", "target": "y"},
    }  # fmt: skip
    filled = load_config(source)
    text = filled.to_toml()
    again = load_config(tomllib.loads(text))
    assert again == filled
    assert again.to_toml() == text
    assert filled.to_config()["network"]["layers"][2]["activation"] == {"kind": "leaky-relu", "slope": 0.01}
    assert filled.to_config()["data"]["path"] == 'größe "x".csv'


def test_a_configuration_may_be_a_path_a_dict_a_model_or_nothing(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('seed = 4\noptimizer = "batch"\n')
    by_path = load_config(file)
    assert (by_path.seed, by_path.optimizer, by_path.epochs) == (4, Batch(), 30)
    assert load_config(str(file)) == by_path
    assert load_config({"seed": 4, "optimizer": "batch"}) == by_path
    assert load_config(by_path) is by_path
    assert load_config(by_path, ["seed=5"]).seed == 5
    assert by_path.seed == 4
    assert load_config() == load_config({}) == RunConfig()
    assert Trainer.from_config(file).config == by_path
    assert Trainer.from_config(by_path).config is by_path
    assert Trainer.from_config().config == RunConfig()


def test_a_configuration_given_as_a_dict_is_not_changed() -> None:
    source: dict[str, Any] = {"network": {"layers": [3, {"kind": "dense", "units": 2}]}, "optimizer": {"eta": 1.0}}
    copy = {"network": {"layers": [3, {"kind": "dense", "units": 2}]}, "optimizer": {"eta": 1.0}}
    load_config(source, ["network.layers.1.units=7", "optimizer.kind=batch", "seed=3"])
    assert source == copy


@pytest.mark.parametrize(
    ("written", "layer"),
    [
        (12, Dense(units=12)),
        ({"kind": "dense", "units": 12}, Dense(units=12)),
        ({"kind": "dense", "units": 12, "activation": "leaky-relu"}, Dense(units=12, activation=LeakyRelu())),
        (
            {"kind": "dense", "units": 12, "activation": {"kind": "leaky-relu", "slope": 0.5}},
            Dense(units=12, activation=LeakyRelu(slope=0.5)),
        ),
        (Dense(units=12), Dense(units=12)),
    ],
)
def test_the_forms_in_which_a_layer_may_be_written(written: Any, layer: Dense) -> None:
    assert load_config({"network": {"layers": [written]}}).network.layers == (layer,)


def test_a_table_without_a_kind_gives_options_to_the_default_kind() -> None:
    config = load_config({"optimizer": {"batch_size": 3, "rule": "momentum"}, "data": {"transforms": ["standard"]}})
    assert isinstance(config.optimizer, MiniBatch)
    assert (config.optimizer.batch_size, config.optimizer.rule.kind) == (3, "momentum")
    assert (config.data.kind, config.data.transforms[0].kind) == ("digits", "standard")


def test_eta_means_learning_rate_and_is_dumped_as_such() -> None:
    config = load_config({"optimizer": {"eta": 0.25}})
    assert config.optimizer.learning_rate == 0.25
    assert "eta" not in config.to_config()["optimizer"]
    assert config == load_config({"optimizer": {"learning_rate": 0.25}})


@pytest.mark.parametrize(
    ("rule", "rate"), [("plain", 3.0), ("momentum", 0.3), ("nesterov", 0.3), ("rmsprop", 0.001), ("adam", 0.001)]
)
def test_each_rule_has_a_usual_rate(rule: str, rate: float) -> None:
    assert load_config({"optimizer": {"rule": rule}}).optimizer.learning_rate == rate
    assert load_config({"optimizer": {"rule": rule, "learning_rate": 2.0}}).optimizer.learning_rate == 2.0


def test_only_the_configured_callbacks_run_and_the_history_needs_none(tmp_path: Path) -> None:
    assert load_config().callbacks == ()
    assert [callback.kind for callback in load_config({"callbacks": ["progress"]}).callbacks] == ["progress"]
    with pytest.raises(ConfigError, match=r"callbacks\.0: unknown callback 'history'"):
        load_config({"callbacks": ["history"]})
    run = Trainer.from_config({"epochs": 2, "callbacks": []}).fit(out=tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert rows == run.history
    assert [row["epoch"] for row in rows] == [0, 1]


@pytest.mark.usefixtures("plugin")
def test_a_component_of_a_plug_in_is_always_written_with_its_distribution(tmp_path: Path) -> None:
    activation = {"kind": "swing", "rate": 4.5, "times": [3, 4, 5], "note": "mine"}
    layers = [{"kind": "dense", "units": 4, "activation": activation}, 10]
    config = load_config({"epochs": 0, "network": {"layers": layers}})
    assert config.network.layers[0].activation == Swing(rate=4.5, times=(3, 4, 5), note="mine")
    assert load_config(tomllib.loads(config.to_toml())) == config
    full = {**activation, "kind": "modnet-swing:swing"}
    assert config.to_config()["network"]["layers"][0]["activation"] == full
    assert config.network.model_dump(mode="json")["layers"][0]["activation"] == full
    assert config.network.layers[0].activation.to_config() == {**full, "times": (3, 4, 5)}

    run = Trainer(config).fit(out=tmp_path / "run")
    assert load_config(tmp_path / "run" / "config.toml") == config
    loaded = load(tmp_path / "run")
    assert loaded.config == config
    assert loaded.layers[0].activation == config.network.layers[0].activation
    assert "modnet-swing 0.3" in (tmp_path / "run" / "config.toml").read_text()
    x = [[0.5] * 64]
    assert loaded.predict(x).tolist() == run.network.predict(x).tolist()


@pytest.mark.usefixtures("plugin")
def test_an_option_of_a_plug_in_is_checked_under_its_own_key() -> None:
    table = {"network": {"layers": [10, {"kind": "dense", "units": 3, "activation": {"kind": "swing", "rat": 1.0}}]}}
    with pytest.raises(ConfigError) as caught:
        load_config(table)
    assert str(caught.value).startswith(
        "network.layers.1.activation.rat: unknown option; did you mean 'rate'? (allowed: rate, times, note)"
    )


@pytest.mark.usefixtures("plugin")
def test_a_distribution_may_be_named_with_the_kind() -> None:
    config = load_config({"network": {"layers": [{"kind": "dense", "units": 3, "activation": "modnet-swing:swing"}]}})
    assert config.network.layers[0].activation == Swing()


def test_a_configuration_cannot_be_changed() -> None:
    config = load_config()
    with pytest.raises(ValidationError):
        config.seed = 3
    with pytest.raises(ValidationError):
        config.optimizer.learning_rate = 1.0


def test_components_are_listed_with_their_key_paths() -> None:
    config = load_config({"network": {"layers": [{"kind": "dropout"}, 2]}, "callbacks": ["progress"]})
    assert {path: component.kind for path, component in iter_components(config)} == {
        "engine": "numpy",
        "data": "digits",
        "network.layers.0": "dropout",
        "network.layers.1": "dense",
        "network.layers.1.activation": "sigmoid",
        "network.layers.1.initializer": "standard-normal",
        "network.layers.1.bias_initializer": "standard-normal",
        "network.cost": "quadratic",
        "optimizer": "mini-batch",
        "optimizer.rule": "plain",
        "optimizer.schedule": "constant",
        "callbacks.0": "progress",
    }


@pytest.mark.parametrize("source", [3, [1], b"my.toml"])
def test_something_else_than_a_configuration_is_refused(source: Any) -> None:
    with pytest.raises(ConfigError, match="is not a configuration; allowed: a TOML file's path, a dict"):
        load_config(source)


@pytest.mark.parametrize(
    "name",
    ["no\nsuch.toml", "null\0byte.toml", "a" * 300, ".", "\udcff.toml"],
    ids=["line break", "null", "too long", "folder", "not UTF-8"],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"^[^\n]*: (cannot be read: [^\n]+|is a folder; a file is expected)$"):
        load_config(tmp_path / name)


def test_a_file_with_a_line_break_in_its_name_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a\nb.toml").write_text("epochs = -1\n")
    with pytest.raises(ConfigError, match=r"^[^\n]*a\\nb.toml: epochs: -1 should be greater than or equal to 0$"):
        load_config(tmp_path / "a\nb.toml")


def test_a_configuration_may_come_through_a_pipe() -> None:
    for content, epochs in ((b"epochs = 7\n", 7), (b"", None)):
        ours, theirs = os.pipe()
        os.write(theirs, content)
        os.close(theirs)
        if epochs is None:
            with pytest.raises(ConfigError, match="is no regular file, and nothing is in it"):
                load_config(f"/dev/fd/{ours}")
        else:
            assert load_config(f"/dev/fd/{ours}").epochs == epochs
        os.close(ours)
