from __future__ import annotations

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
    """A stranger's activation."""

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
def stranger() -> Iterator[None]:
    """The process's registry, with one more part while the test runs."""
    own = registry.Registry()
    for part in registry.active():
        own.add([part.component], part.provider)
    own.add([Swing], registry.Provider("modnet-swing", "0.3"))
    before = registry._source
    registry.set_source(lambda: own)
    yield
    registry.set_source(before)


def test_every_field_and_option_of_every_part_is_in_the_filled_configuration() -> None:
    def check(part: Any, table: Any) -> int:
        if isinstance(table, str):
            assert type(part).option_names() == []
            return 1
        names = type(part).model_fields
        assert set(names) - set(table) <= {name for name in names if getattr(part, name) is None}
        count = 1
        for name in table:
            value = getattr(part, name)
            if isinstance(value, Component):
                count += check(value, table[name])
            elif isinstance(value, tuple):
                count += sum(check(item, row) for item, row in zip(value, table[name], strict=True))
        return count

    for part in registry.active():
        if part.component.family in ("layer", "optimizer", "metric", "schedule", "rule"):
            given = {"units": 3} if part.component.kind_name() == "dense" else {}
            made = part.component(**given)
            assert check(made, made.to_config()) >= 1
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


def test_a_dict_that_was_given_stays_as_it_was() -> None:
    source: dict[str, Any] = {"network": {"layers": [3, {"kind": "dense", "units": 2}]}, "optimizer": {"eta": 1.0}}
    copy = {"network": {"layers": [3, {"kind": "dense", "units": 2}]}, "optimizer": {"eta": 1.0}}
    load_config(source, ["network.layers.1.units=7", "optimizer.kind=batch", "seed=3"])
    assert source == copy


@pytest.mark.parametrize(
    ("written", "part"),
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
def test_what_may_stand_where_a_layer_is_named(written: Any, part: Dense) -> None:
    assert load_config({"network": {"layers": [written]}}).network.layers == (part,)


def test_a_table_without_a_kind_gives_options_to_the_default_kind() -> None:
    config = load_config({"optimizer": {"batch_size": 3, "rule": "momentum"}, "data": {"scaling": "standard"}})
    assert isinstance(config.optimizer, MiniBatch)
    assert (config.optimizer.batch_size, config.optimizer.rule.kind) == (3, "momentum")
    assert (config.data.kind, config.data.scaling) == ("digits", "standard")


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


def test_the_history_comes_first_even_where_it_is_not_named() -> None:
    assert [c.kind for c in load_config({"callbacks": []}).callbacks] == ["history"]
    assert [c.kind for c in load_config({"callbacks": ["progress"]}).callbacks] == ["history", "progress"]
    default_part = load_config({"callbacks": ["progress", "history"]})
    assert [c.kind for c in default_part.callbacks] == ["progress", "history"]


@pytest.mark.usefixtures("stranger")
def test_a_strangers_part_with_options_survives_dump_and_load(tmp_path: Path) -> None:
    activation = {"kind": "swing", "rate": 4.5, "times": [3, 4, 5], "note": "mine"}
    layers = [{"kind": "dense", "units": 4, "activation": activation}, 10]
    config = load_config({"epochs": 0, "network": {"layers": layers}})
    assert config.network.layers[0].activation == Swing(rate=4.5, times=(3, 4, 5), note="mine")
    assert load_config(tomllib.loads(config.to_toml())) == config
    assert config.to_config()["network"]["layers"][0]["activation"] == activation

    run = Trainer(config).fit(out=tmp_path / "run")
    assert load_config(tmp_path / "run" / "config.toml") == config
    loaded = load(tmp_path / "run")
    assert loaded.config == config
    assert loaded.layers[0].activation == config.network.layers[0].activation
    assert "modnet-swing 0.3" in (tmp_path / "run" / "config.toml").read_text()
    x = [[0.5] * 64]
    assert loaded.predict(x).tolist() == run.network.predict(x).tolist()


@pytest.mark.usefixtures("stranger")
def test_a_strangers_option_is_checked_under_its_own_key() -> None:
    table = {"network": {"layers": [10, {"kind": "dense", "units": 3, "activation": {"kind": "swing", "rat": 1.0}}]}}
    with pytest.raises(ConfigError) as caught:
        load_config(table)
    assert str(caught.value).startswith(
        "network.layers.1.activation.rat: unknown option; did you mean 'rate'? (allowed: rate, times, note)"
    )


@pytest.mark.usefixtures("stranger")
def test_a_distribution_may_be_named_with_the_kind() -> None:
    config = load_config({"network": {"layers": [{"kind": "dense", "units": 3, "activation": "modnet-swing:swing"}]}})
    assert config.network.layers[0].activation == Swing()


def test_a_configuration_cannot_be_changed() -> None:
    config = load_config()
    with pytest.raises(ValidationError):
        config.seed = 3
    with pytest.raises(ValidationError):
        config.optimizer.learning_rate = 1.0


def test_parts_are_listed_with_their_key_paths() -> None:
    config = load_config({"network": {"layers": [{"kind": "dropout"}, 2]}, "callbacks": ["progress"]})
    assert {path: part.kind for path, part in iter_components(config)} == {
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
        "callbacks.0": "history",
        "callbacks.1": "progress",
    }


@pytest.mark.parametrize("source", [3, [1], b"my.toml"])
def test_what_is_no_configuration_is_refused_as_such(source: Any) -> None:
    with pytest.raises(ConfigError, match="is no configuration; allowed: a TOML file's path, a dict"):
        load_config(source)
