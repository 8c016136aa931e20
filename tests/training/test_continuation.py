from __future__ import annotations

import numpy as np
import pytest

from modnet import ConfigError, DataError, Trainer, load, save

X = np.random.default_rng(3).standard_normal((24, 3))
Y = np.repeat(["low", "high"], 12)


def trainer(epochs=2, rule="momentum", layers=(4, 1), **config):
    optimizer = {"batch_size": 24, "rule": rule, "learning_rate": 0.1}
    network = {"layers": list(layers)}
    return Trainer.from_config({"epochs": epochs, "network": network, "optimizer": optimizer, **config})


@pytest.mark.parametrize("rule", ["plain", "momentum", "nesterov", "rmsprop", "adam"])
def test_a_training_from_a_run_goes_on_as_if_it_had_not_ended(rule):
    whole = trainer(6, rule).fit(X, Y)
    first = trainer(2, rule).fit(X, Y)
    before = first.network.parameters.copy(), {name: np.array(value) for name, value in first.rule_state.items()}
    rest = trainer(4, rule).fit(X, Y, initial=first)
    # One batch holds all samples; the order within it differs, and so do the last bits of sums.
    assert rest.network.parameters == pytest.approx(whole.network.parameters, rel=1e-12)
    assert [row["cost"] for row in rest.history] == pytest.approx([row["cost"] for row in whole.history[2:]], rel=1e-12)
    assert np.array_equal(first.network.parameters, before[0])
    assert all(np.array_equal(first.rule_state[name], value) for name, value in before[1].items())


def test_from_a_network_the_rule_starts_anew():
    first = trainer(2).fit(X, Y)
    from_network = trainer(1).fit(X, Y, initial=first.network)
    from_run = trainer(1).fit(X, Y, initial=first)
    step = first.network.parameters - from_network.network.parameters
    velocity = 0.9 * first.rule_state["velocity"]
    assert from_run.network.parameters == pytest.approx(first.network.parameters - step - 0.1 * velocity, rel=1e-9)


def test_the_state_of_another_rule_is_refused():
    with pytest.raises(ConfigError, match=r"rule: adam: the state of the initial run \(velocity\) is not that"):
        trainer(1, "adam").fit(X, Y, initial=trainer(1).fit(X, Y))
    with pytest.raises(ConfigError, match=r"initial: expects a modnet\.Network or a modnet\.Run, got a str"):
        trainer(1).fit(X, Y, initial="runs/first")


def test_the_data_may_have_fewer_classes_than_are_given(tmp_path):
    classes = ["low", "middle", "high"]
    run = trainer(layers=(4, 3)).fit(X, Y, classes=classes)
    assert run.network.classes.tolist() == classes
    labels, outputs = run.network.classify(X), run.network.predict(X)
    assert labels.tolist() == [classes[index] for index in outputs.argmax(axis=1)]
    assert run.evaluate("train")["accuracy"] == np.mean(labels == Y)
    one_hot = np.zeros((24, 3))
    one_hot[:12, 0] = one_hot[12:, 2] = 1.0
    assert run.evaluate("train")["cost"] == pytest.approx(0.5 * np.mean(np.sum((outputs - one_hot) ** 2, axis=1)))
    more = trainer(layers=(4, 3)).fit(X, np.repeat("middle", 24), classes=classes, initial=run)
    save(more.network, tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").classes.tolist() == classes


def test_one_class_alone():
    run = trainer(epochs=20, layers=(4, 1)).fit(X, ["only"] * 24, classes=["only"])
    assert set(run.network.classify(X)) == {"only"}
    assert run.network.predict(X).mean() < 0.2  # it is the first of two: the output goes to 0
    two = trainer(epochs=1, layers=(4, 1)).fit(X, ["b"] * 24, classes=["a", "b"])
    assert two.history[0]["cost"] == pytest.approx(0.5 * np.mean((1.0 - start_outputs((4, 1))) ** 2))


def start_outputs(layers):
    return trainer(0, layers=layers).fit(X, np.arange(24) % 2).network.predict(X)


def test_with_classes_floats_are_labels():
    y = np.repeat([1.5, 2.0], 12)
    assert trainer().fit(X, y).network.classes is None
    network = trainer().fit(X, y, classes=[1.5, 2.0]).network
    assert set(network.classify(X).tolist()) <= {1.5, 2.0}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            ["low", "middle"],
            "training y: row 12 .* is 'high', unseen in training; the labels there are 'low'",
        ),
        (["low", "high", "low"], "training y: classes are 'low', 'high', 'low'; allowed: each once"),
        ([], r"training y: classes has the shape \(0,\); allowed: one label or more, each once"),
        ([["low", "high"]], r"training y: classes has the shape \(1, 2\)"),
        (["low", None], "training y: classes: row 1 .* is None, which cannot be a label"),
    ],
)
def test_classes_that_cannot_be_used(classes, message):
    with pytest.raises(DataError, match=message):
        trainer().fit(X, Y, classes=classes)


def test_a_training_with_given_classes_is_resumed_with_them(tmp_path):
    classes = ["low", "middle", "high"]
    whole = trainer(4, layers=(4, 3)).fit(X, Y, classes=classes)
    trainer(2, layers=(4, 3), callbacks=["checkpoint"]).fit(X, Y, classes=classes, out=tmp_path / "run")
    resumed = Trainer.resume(tmp_path / "run", X, Y, classes=classes, epochs=4)
    assert np.array_equal(resumed.network.parameters, whole.network.parameters)


def test_an_output_of_one_half_means_the_first_class():
    network = trainer(0, layers=(1,)).fit(X, Y, classes=["low", "high"]).network
    network.parameters = np.zeros(4)  # the outputs are exactly ½
    assert set(network.classify(X)) == {"low"}
    two = trainer(0, layers=(2,)).fit(X, Y, classes=["low", "high"])
    two.network.parameters = np.zeros(8)
    assert set(two.network.classify(X)) == {"low"}
    assert two.evaluate("train")["accuracy"] == 0.5
