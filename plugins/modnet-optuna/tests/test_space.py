"""The search space: what ranges and values mean, what is drawn, and one line for everything that cannot be searched."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from modnet_optuna.parameters import read_parameters
from modnet_optuna.space import Space


def space_of(*settings: str, table=None) -> Space:
    return Space(table or {}, read_parameters(settings))


RANGES = [
    ("optimizer.learning_rate=log:1e-3..10", FloatDistribution(1e-3, 10.0, log=True)),
    ("optimizer.learning_rate=1..10", FloatDistribution(1.0, 10.0)),  # the key takes floats, so all of them are meant
    ("optimizer.learning_rate=1..10:1", FloatDistribution(1.0, 10.0, step=1.0)),
    ("optimizer.learning_rate=0.1..0.3:0.1", FloatDistribution(0.1, 0.3, step=0.1)),
    ("optimizer.learning_rate=0.1..0.35:0.1", FloatDistribution(0.1, 0.3, step=0.1)),
    ("optimizer.learning_rate= .5 .. 2 ", FloatDistribution(0.5, 2.0)),
    ("network.layers.0.units=8..128", IntDistribution(8, 128)),
    ("network.layers.0.units=8..130:8", IntDistribution(8, 128, step=8)),
    ("network.layers.0.units=log:1_0..1_000", IntDistribution(10, 1000, log=True)),
    ("network.layers.0=8..20", IntDistribution(8, 20)),
    ("network.layers.0.activation=tanh, relu,'softmax'", CategoricalDistribution(["tanh", "relu", "softmax"])),
    ("network.layers=[30, 10],[20, 20, 10]", CategoricalDistribution(["[30, 10]", "[20, 20, 10]"])),
    ("optimizer.batch_size=8,32", CategoricalDistribution([8, 32])),
    ("terminate_on_nan=true,false", CategoricalDistribution([True, False])),
    ("optimizer.eta=0.5..1", FloatDistribution(0.5, 1.0)),
]


@pytest.mark.parametrize(("setting", "expected"), RANGES)
def test_ranges_and_values(setting, expected):
    (parameter,) = space_of(setting).parameters
    assert parameter.distribution == expected


ALLOWED = "allowed: LOW..HIGH, LOW..HIGH:STEP, log:LOW..HIGH, or values separated by commas"
REFUSED = [
    (["epochs"], "search epochs: should be KEY=RANGE or KEY=VALUES"),
    (["=1..3"], "search =1..3: should be KEY=RANGE or KEY=VALUES, with a dotted key"),
    (["epochs=3"], f"search epochs=3: is a single value, which --set sets; {ALLOWED}"),
    (["epochs="], f"search epochs=: is a single value, which --set sets; {ALLOWED}"),
    (["epochs=3,4,3"], "search epochs=3,4,3: 3 is given twice"),
    (["epochs=3,,4"], "search epochs=3,,4: there is no value before or after a comma"),
    (["epochs=8..tanh"], f"search epochs=8..tanh: is no range of numbers; {ALLOWED}"),
    (["epochs=..4"], f"search epochs=..4: is no range of numbers; {ALLOWED}"),
    (["epochs=log:adam"], f"search epochs=log:adam: is no range of numbers; {ALLOWED}"),
    (["epochs=1..8,20"], f"search epochs=1..8,20: mixes a range with other values; {ALLOWED}"),
    (["epochs=10..1"], "search epochs=10..1: 10 is not below 1; allowed: LOW < HIGH"),
    (["epochs=log:0..8"], "search epochs=log:0..8: a logarithmic range begins above 0"),
    (["epochs=log:1..8:2"], "search epochs=log:1..8:2: a logarithmic range has no step"),
    (["epochs=1..8:9"], "search epochs=1..8:9: the step 9 should be above 0, and at most 7"),
    (["epochs=1..8:0"], "search epochs=1..8:0: the step 0 should be above 0, and at most 7"),
    (["epochs=1..99999999999999999"], "search epochs=1..99999999999999999: 99999999999999999 is too large"),
    (["epochs=1..8", "epochs=1,2"], "search epochs=1,2: the key is searched twice; allowed: all of it in one place"),
    (
        ["optimizer.rule=plain,adam", "optimizer.rule.kind=plain,adam"],
        "search optimizer.rule.kind=plain,adam: the key is searched twice; allowed: all of it in one place",
    ),
    (["epochs=1..8.5"], "search epochs=1..8.5: epochs: 1.0 should be a valid integer"),
    (["epochs=-1..8"], "search epochs=-1..8: epochs: -1 should be greater than or equal to 0"),
    (["optimizer.learning_rate=0..1"], "search optimizer.learning_rate=0..1: optimizer.learning_rate: 0 should be gr…"),
    (
        ["optimizer.lerning_rate=1..2"],
        "search optimizer.lerning_rate=1..2: optimizer.lerning_rate: unknown option; did…",
    ),
    (
        ["network.layers.7.units=1..3"],
        "search network.layers.7.units=1..3: 'network.layers' has 2 entries; allowed: 0…",
    ),
    (
        ["network.layers.0.activation=tanh,nope"],
        "search network.layers.0.activation=tanh,nope: network.layers.0.activ…",
    ),
    (
        ["network.layers.0.activation=8..9"],
        "search network.layers.0.activation=8..9: network.layers.0.activation: 8 is…",
    ),
    (
        ["network.layers.0.activation=tanh,leaky-relu", "network.layers.0.activation.slop=0.1..0.3"],
        "search network.layers.0.activation.slop=0.1..0.3: network.layers.0.activation.slop: unknown option…",
    ),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_what_cannot_be_searched_is_one_line(settings, message, refused):
    text = refused(space_of, *settings)
    start, cut, _ = message.partition("…")
    assert text.startswith(start)
    assert cut or text == message


def test_an_empty_search_is_refused(refused):
    assert refused(read_parameters, []).startswith("search: is empty")


def test_python_has_texts_lists_and_optuna_s_distributions(refused):
    search = {
        "optimizer.learning_rate": "log:1e-3..10",
        "network.layers.0.units": IntDistribution(8, 32, step=8),
        "network.layers.0.activation": ["tanh", {"kind": "leaky-relu", "slope": 0.2}],
        "optimizer.batch_size": CategoricalDistribution([10, 20]),
    }
    parameters = Space({}, read_parameters(search)).parameters
    kept = {parameter.key: parameter.distribution for parameter in parameters}
    assert kept["network.layers.0.units"] == IntDistribution(8, 32, step=8)
    assert kept["network.layers.0.activation"].choices == ("tanh", '{kind = "leaky-relu", slope = 0.2}')
    for value, message in (
        (3, "cannot be searched"),
        ({"a": 1}, "cannot be searched"),
        ([1, None], "None is no value of TOML"),
        (FloatDistribution(1, 1), "is empty, or a single value"),
    ):
        assert message in refused(read_parameters, {"epochs": value})


def test_a_table_among_values_becomes_the_component():
    space = space_of('network.layers.0.activation=tanh,{kind = "leaky-relu", slope = 0.2}')
    params = {"network.layers.0.activation": '{kind = "leaky-relu", slope = 0.2}'}
    activation = space.config(params).network.layers[0].activation
    assert (activation.kind, activation.slope) == ("leaky-relu", 0.2)
    assert space.settings(params) == {"network.layers.0.activation": {"kind": "leaky-relu", "slope": 0.2}}


def test_an_option_that_only_some_kinds_have_is_drawn_for_those():
    settings = ["network.layers.0.activation.slope=0.01..0.3", "network.layers.0.activation=tanh,leaky-relu"]
    space, seen = space_of(*settings), set()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        trial = study.ask()
        space.suggest(trial)
        kind = trial.params["network.layers.0.activation"]
        seen.add(kind)
        assert ("network.layers.0.activation.slope" in trial.params) == (kind == "leaky-relu")
        activation = space.config(trial.params).network.layers[0].activation
        assert activation.kind == kind
        if kind == "leaky-relu":
            assert activation.slope == trial.params["network.layers.0.activation.slope"]
    assert seen == {"tanh", "leaky-relu"}


def test_what_follows_from_a_value_that_is_searched_follows():
    table = {"network": {"layers": [8, 10]}}
    config = space_of("network.layers.0.activation=sigmoid,relu", table=table).config(
        {"network.layers.0.activation": "relu"}
    )
    assert config.network.layers[0].initializer.kind == "he-normal"  # that of a relu, not the sigmoid's
