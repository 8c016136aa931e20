"""What a newcomer writes first: each guess is answered in one line with what was meant, and that line works.

The table is of names in scikit-learn, Keras and PyTorch, and of keys at a wrong place. A suggestion is read from the
message and applied to the configuration, which must then be valid and say what the table says.
"""

from __future__ import annotations

import contextlib
import math
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from cli.running import Modnet, runner

from modnet import ConfigError, PluginError, Trainer, hookimpl, load_config
from modnet.components.activations import Relu, Sigmoid
from modnet.config.overrides import apply_override, parse
from modnet.config.run_config import RunConfig
from modnet.config.suggest import for_option
from modnet.core import registry
from modnet.core.plugins.validation import components_of_plugin

CSV = {"kind": "csv", "path": "x.csv", "target": "TARGET"}
GUESSES: dict[str, tuple[str, Any]] = {
    # a guess, the key that was meant, and what it should have there
    "lr = 0.1": ("optimizer.learning_rate", 0.1),
    "LR = 0.1": ("optimizer.learning_rate", 0.1),
    "learning_rate = 0.1": ("optimizer.learning_rate", 0.1),
    "learning-rate = 0.1": ("optimizer.learning_rate", 0.1),
    "lerning_rate = 0.1": ("optimizer.learning_rate", 0.1),
    "optimizer.lr = 0.1": ("optimizer.learning_rate", 0.1),
    "network.lr = 0.1": ("optimizer.learning_rate", 0.1),
    "training.lr = 0.1": ("optimizer.learning_rate", 0.1),
    "training.epochs = 3": ("epochs", 3),
    "batch_size = 20": ("optimizer.batch_size", 20),
    "batchSize = 20": ("optimizer.batch_size", 20),
    "mini_batch_size = 20": ("optimizer.batch_size", 20),
    "data.batch_size = 20": ("optimizer.batch_size", 20),
    "layers = [20, 10]": ("network.layers", [20, 10]),
    "network = [20, 10]": ("network.layers", [20, 10]),
    "model.layers = [20, 10]": ("network", {"layers": [20, 10]}),
    "batch = 20": ("optimizer.batch_size", 20),
    "slope = 9": ("network.layers.0.activation", "leaky-relu"),
    "hidden = '40,20'": ("network.layers", [40, 20, 10]),
    "hidden_layer_sizes = '(40,)'": ("network.layers", [40, 10]),
    "hidden = 20": ("network.layers", [20, 10]),
    "hidden_layer_sizes = [40, 20]": ("network.layers", [40, 20, 10]),
    "network.hidden = [40, 20]": ("network.layers", [40, 20, 10]),
    "units = 20": ("network.layers.0.units", 20),
    "network.layers.0.neurons = 20": ("network.layers.0.units", 20),
    "activation = 'ReLU'": ("network.layers.0.activation", "relu"),
    "network.activation = 'tanh'": ("network.layers.0.activation", "tanh"),
    "network.layers.0.activation = 'ReLU'": ("network.layers.0.activation", "relu"),
    "network.layers.0.activation = 'LeakyReLU'": ("network.layers.0.activation", "leaky-relu"),
    "network.layers.0.activation = 'leaky_relu'": ("network.layers.0.activation", "leaky-relu"),
    "network.layers.0.activation = 'logistic'": ("network.layers.0.activation", "sigmoid"),
    "network.layers.0.activation = 'linear'": ("network.layers.0.activation", "identity"),
    "network.layers.0.activation = 'none'": ("network.layers.0.activation", "identity"),
    "network.layers.0.activation = 'rectify'": ("network.layers.0.activation", "swung"),
    "network.layers = [30, 'ReLU', 10]": ("network.layers.0.activation", "relu"),
    "network.layers = [{kind = 'Dense', units = 9}, 10]": ("network.layers.0.kind", "dense"),
    "network.layers = [{kind = 'Linear', units = 9}, 10]": ("network.layers.0.kind", "dense"),
    "slope = 0.1": ("network.layers.0.activation", {"kind": "leaky-relu", "slope": 0.1}),
    "dropout = 0.5": ("network.layers", [30, {"kind": "dropout", "rate": 0.5}, 10]),
    "network.regularizers = ['dropout']": ("network.layers", [30, "dropout", 10]),
    "l2 = 0.01": ("network.regularizers", [{"kind": "l2", "strength": 0.01}]),
    "network.regularizer = 'l2'": ("network.regularizers", ["l2"]),
    "network.regularizers = ['ridge']": ("network.regularizers.0", "l2"),
    "network.layers.0.initializer = 'xavier'": ("network.layers.0.initializer", "glorot-uniform"),
    "network.layers.0.initializer = 'GlorotUniform'": ("network.layers.0.initializer", "glorot-uniform"),
    "network.layers.0.initializer = 'kaiming_normal_'": ("network.layers.0.initializer", "he-normal"),
    "network.layers.0.initializer = 'he'": ("network.layers.0.initializer", "he-normal"),
    "cost = 'mse'": ("network.cost", "quadratic"),
    "loss = 'squared_error'": ("network.cost", "quadratic"),
    "network.loss = 'CrossEntropy'": ("network.cost", "binary-cross-entropy"),
    "network.cost = 'mean_squared_error'": ("network.cost", "quadratic"),
    "network.cost = 'MSELoss'": ("network.cost", "quadratic"),
    "network.cost = 'cross_entropy'": ("network.cost", "categorical-cross-entropy"),
    "network.cost = 'crossentropy'": ("network.cost", "categorical-cross-entropy"),
    "network.cost = 'log_loss'": ("network.cost", "binary-cross-entropy"),
    "network.cost = 'bce'": ("network.cost", "binary-cross-entropy"),
    "network.cost = 'nll'": ("network.cost", "categorical-cross-entropy"),
    "optimizer = 'adam'": ("optimizer.rule", "adam"),
    "optimizer.kind = 'adam'": ("optimizer.rule", "adam"),
    "optimizer = {kind = 'RMSprop', learning_rate = 0.01}": ("optimizer.rule", "rmsprop"),
    "solver = 'adam'": ("optimizer.rule", "adam"),
    "rule = 'adam'": ("optimizer.rule", "adam"),
    "optimizer = 'SGD'": ("optimizer", "mini-batch"),
    "optimizer = 'sgd'": ("optimizer", "stochastic"),
    "optimizer = 'gd'": ("optimizer", "batch"),
    "optimizer = 'minibatch'": ("optimizer", "mini-batch"),
    "optimizer = 'full-batch'": ("optimizer", "batch"),
    "optimizer.rule = 'sgd'": ("optimizer.rule", "plain"),
    "optimizer.rule = 'nesterov_momentum'": ("optimizer.rule", "nesterov"),
    "momentum = 0.8": ("optimizer.rule", {"kind": "momentum", "momentum": 0.8}),
    "optimizer.momentum = 0.8": ("optimizer.rule", {"kind": "momentum", "momentum": 0.8}),
    "weight_decay = 0.02": ("optimizer.rule", {"kind": "adamw", "weight_decay": 0.02}),
    "network.epsilon = 0.001": ("network.layers", [30, {"kind": "batch-norm", "epsilon": 0.001}, 10]),
    "optimizer.eps = 0.001": ("optimizer.rule", {"kind": "adam", "epsilon": 0.001}),
    "betas = [0.8, 0.9]": ("optimizer.rule", "adam"),
    "beta1 = 0.8": ("optimizer.rule", {"kind": "adam", "beta1": 0.8}),
    "adam = {beta1 = 0.8}": ("optimizer.rule", {"kind": "adam", "beta1": 0.8}),
    "lr_scheduler = 'cosine'": ("optimizer.schedule", "cosine"),
    "optimizer.schedule = 'StepLR'": ("optimizer.schedule", "step"),
    "shuffle = false": ("optimizer.shuffle", False),
    "metric = 'acc'": ("metrics", ["accuracy"]),
    "metrics = ['mse']": ("metrics.0", "mean-squared-error"),
    "n_epochs = 3": ("epochs", 3),
    "max_iter = 3": ("epochs", 3),
    "optimizer.epochs = 3": ("epochs", 3),
    "random_state = 3": ("seed", 3),
    "n_jobs = 2": ("engine.threads", 2),
    "verbose = 1": ("callbacks", ["progress"]),
    "patience = 3": ("callbacks", [{"kind": "early-stopping", "patience": 3}]),
    "early_stopping = true": ("callbacks", ["early-stopping"]),
    "callbacks = ['EarlyStopping']": ("callbacks.0", "early-stopping"),
    "callbacks = ['ReduceLROnPlateau']": ("callbacks.0", "reduce-on-plateau"),
    "validation_split = 0.2": ("data.validation_share", 0.2),
    "data.validation_split = 0.2": ("data.validation_share", 0.2),
    "data.test_size = 0.2": ("data.test_share", 0.2),
    "dataset = 'digits'": ("data", "digits"),
    "path = 'x.csv'": ("data", CSV),
    "data.path = 'x.csv'": ("data", CSV),
    "data = 'x.csv'": ("data", CSV),
    "data.target = 'TARGET'": ("data", {**CSV, "path": "PATH"}),
}  # fmt: skip


class Swung(Sigmoid):
    """An activation of a plug-in, with a name that other libraries have for it; those of its base are not its own."""

    kind: Literal["swung"] = "swung"  # type: ignore[assignment] # a kind of its own
    also_known_as: ClassVar[tuple[str, ...]] = ("Rectify",)


@pytest.fixture(autouse=True)
def plugin() -> Iterator[None]:
    extended = registry.active().copy()
    extended.add([Swung], registry.Provider("modnet-swung", "1"))
    with registry.using(extended):
        yield


def at(node: Any, key: str) -> Any:
    for part in key.split("."):
        node = node[int(part)] if isinstance(node, list) else node[part]
    return node


def has(filled: Any, written: Any) -> bool:
    """Return whether everything that was written is in what a configuration says with its defaults."""
    if isinstance(written, dict):
        table = {"kind": filled} if isinstance(filled, str) else filled
        return all(has(table.get(key), value) for key, value in written.items())
    if isinstance(written, list):
        return len(written) == len(filled) and all(map(has, filled, written))
    if isinstance(filled, dict):
        return written in (filled["units"] if isinstance(written, int) else filled["kind"],)
    return bool(str(filled).rpartition(":")[2] == written if isinstance(written, str) else filled == written)


def suggestions(message: str) -> list[str]:
    found = re.search(r"; did you mean '(.*)'\?(?: \(allowed: |$)", message)
    assert found, message
    return found[1].split("' or '")


def check(message: str, table: dict[str, Any], key: str, value: Any) -> None:
    """Check that one of the suggestions in a message, applied, gives a configuration with this value."""
    assert "\n" not in message
    place, found = message.partition(":")[0], []
    for suggestion in suggestions(message):
        if " = " in suggestion:
            found.append(load_config({}, [suggestion]))
            assert suggestion.startswith(f"{key} = ")
        else:  # a kind, or the name of an option in its table
            inner = ".kind" if isinstance(at(table, place), dict) else ""
            is_option = "unknown option" in message
            assert key == (suggestion if is_option else place + inner)
            changed = {suggestion: at(table, place)} if is_option else None
            found.append(load_config(changed or apply_override(table, f"{place}{inner}={suggestion}")))
    assert any(has(at(config.to_config(), key), value) for config in found), message


@pytest.mark.parametrize("guess", GUESSES)
def test_a_first_guess_is_answered_with_what_works(guess: str) -> None:
    table = apply_override({}, guess)
    with pytest.raises(ConfigError) as caught:
        load_config(table)
    check(str(caught.value), table, *GUESSES[guess])


def test_the_line_is_the_same_for_a_file_an_override_and_a_dict(tmp_path: Path) -> None:
    guesses = [guess for guess in GUESSES if ".0" not in guess]
    assert len(guesses) > 60
    for guess in guesses[::7]:
        (tmp_path / "my.toml").write_text(guess + "\n")
        lines = []
        for source, overrides in ((tmp_path / "my.toml", ()), (None, [guess]), (tomllib.loads(guess), ())):
            with pytest.raises(ConfigError) as caught:
                load_config(source, overrides)
            lines.append(str(caught.value).removeprefix(f"{tmp_path / 'my.toml'}: "))
        assert lines[0] == lines[1] == lines[2]


OPTIONS = {
    ("--lr", "0.1"): ("optimizer.learning_rate", 0.1),
    ("--lr=0.1",): ("optimizer.learning_rate", 0.1),
    ("--learning-rate", "0.1"): ("optimizer.learning_rate", 0.1),
    ("--lerning-rate", "0.1"): ("optimizer.learning_rate", 0.1),
    ("--batch-size", "20"): ("optimizer.batch_size", 20),
    ("--hidden", "20"): ("network.layers", [20, 10]),
    ("--hidden", "40,20"): ("network.layers", [40, 20, 10]),
    ("--batch", "20"): ("optimizer.batch_size", 20),
    ("--layers", "20,10"): ("network.layers", [20, 10]),
    ("--layers", "[20, 10]"): ("network.layers", [20, 10]),
    ("--activation", "ReLU"): ("network.layers.0.activation", "relu"),
    ("--loss", "mse"): ("network.cost", "quadratic"),
    ("--optimizer", "adam"): ("optimizer.rule", "adam"),
    ("--optimizer", "gd"): ("optimizer", "batch"),
    ("--momentum", "0.8"): ("optimizer.rule", {"kind": "momentum", "momentum": 0.8}),
    ("--dropout", "0.5"): ("network.layers", [30, {"kind": "dropout", "rate": 0.5}, 10]),
    ("--early-stopping",): ("callbacks", ["early-stopping"]),
    ("--data", "x.csv"): ("data", CSV),
    ("--random-state", "3"): ("seed", 3),
    ("--max-iter", "3"): ("epochs", 3),
    ("--n-jobs", "2"): ("engine.threads", 2),
    ("--lr", "-1"): ("optimizer.learning_rate", 0.5),
    ("--lr=fast",): ("optimizer.learning_rate", 0.5),
    ("--lr", ""): ("optimizer.learning_rate", 0.5),
    ("--lr", "9" * 5000): ("optimizer.learning_rate", 0.5),
    ("--lr", "[" * 5000 + "]" * 5000): ("optimizer.learning_rate", 0.5),
}


@pytest.fixture
def modnet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Modnet:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


@pytest.mark.parametrize("arguments", OPTIONS, ids=lambda arguments: " ".join(arguments)[:30])
def test_an_option_that_is_a_key_says_which_set_was_meant(modnet: Modnet, arguments: tuple[str, ...]) -> None:
    result = modnet("train", *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    _, asked, answer = result.err.rstrip("\n?").partition("; did you mean ")
    name, value, *rest = shlex.split(answer)
    assert asked
    assert not rest
    setting = value.replace("VALUE", "0.5") if name == "--set" else f"{name.removeprefix('--')}={value}"
    key, expected = OPTIONS[arguments]
    assert setting.startswith(f"{key}=")
    assert has(at(load_config(None, [setting]).to_config(), key), expected)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("trian",), "'train' or 'trace'"),
        (("fit",), "'train'"),
        (("eval", "runs/a"), "'evaluate'"),
        (("Train",), "'train'"),
        (("verify_resume",), "'verify-resume'"),
        (("resume", "runs/a"), "'train --resume'"),
        (("schema",), "'config schema'"),
        (("run.toml",), "'train run.toml'"),
        (("--verison",), "--version"),
        (("train", "--epoch", "3"), "--epochs"),
        (("train", "--continue", "a"), "--resume"),
        (("-V",), "--version"),
        (("train", "--output", "a"), "--out"),
        (("train", "--config", "run.toml"), "run.toml"),
        (("train", "-c", "run.toml"), "run.toml"),
        (("compare", "--optimizer", "batch"), "--optimizers"),
        (("evaluate", "runs/a", "--dataset", "x.csv"), "--data"),
        (("predict", "runs/a", "x.csv", "--lr", "3"), ""),
        (("train", "--zzz"), ""),
        (("zzzzz",), ""),
    ],
)
def test_a_misspelt_command_or_option(modnet: Modnet, arguments: tuple[str, ...], meant: str) -> None:
    result = modnet(*arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    kind, name = (
        ("option", next((a for a in arguments if a.startswith("-")), "")) if "-" in str(arguments) else ("", "")
    )
    assert result.err.startswith(f"modnet: No such {'option' if name else 'command'} '{name or arguments[0]}'"), kind
    assert result.err.partition("; did you mean ")[2].rstrip("?\n") == meant


@pytest.mark.parametrize(
    ("group", "word", "meant"),
    [("config", "chek", "'check' or 'schema'"), ("plugins", "lst", "'list'"), ("plugins", "zzz", "")],
)
def test_a_misspelt_command_of_a_group(modnet: Modnet, group: str, word: str, meant: str) -> None:
    hint = f"; did you mean {meant}?" if meant else ""
    assert modnet(group, word).err == f"modnet: No such command '{word}'{hint}\n"


def test_a_file_of_data_in_place_of_a_configuration(modnet: Modnet) -> None:
    Path("my.csv").write_text("a,b\n1,2\n")
    result = modnet("train", "my.csv")
    assert (result.code, result.err.count("\n")) == (2, 1)
    line = result.err.rstrip().rpartition("; if it is data: ")[2]
    assert load_config({}, [line]).data.to_config()["path"] == "my.csv"


def test_all_keys_that_are_missing_are_named() -> None:
    with pytest.raises(ConfigError, match=r"^data\.path, data\.target: are required$"):
        load_config({"data": {"kind": "csv"}})
    with pytest.raises(ConfigError, match=r"^data\.path, data\.target: are required \(and 1 more\)$"):
        load_config({"data": {"kind": "csv"}, "optimizer": {"learning_rate": -1.0}})


@pytest.mark.parametrize(
    "value", [object(), [None], "x" * 200, math.nan, "größe\n\u202e", 10**5000], ids=lambda value: type(value).__name__
)
def test_a_value_that_is_long_or_none_of_toml_is_left_out_or_escaped(value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"lr": value})
    message = str(caught.value)
    assert "did you mean 'optimizer.learning_rate" in message
    assert message.isprintable()
    assert len(message) < 250


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (
            {"optimizer": {"kind": "batch", "learning_rate": 0.5, "rule": "adam"}, "batch_size": 20},
            'optimizer = {kind = "mini-batch", rule = "adam", learning_rate = 0.5, batch_size = 20}',
        ),
        (
            {"network": {"layers": [7, {"kind": "dense", "units": 5, "activation": "relu"}]}, "dropout": 0.5},
            "network.layers",
        ),
        (
            {"network": {"layers": [7, 8, 9]}, "dropout": 0.5},
            'network.layers = [7, 8, {kind = "dropout", rate = 0.5}, 9]',
        ),
        ({"network": {"layers": [7, 8]}, "hidden": 20}, "network.layers = [20, 8]"),
        ({"callbacks": ["progress"], "early_stopping": True}, 'callbacks = ["progress", "early-stopping"]'),
        ({"optimizer": {"rule": "adam"}, "beta1": 0.8}, "optimizer.rule.beta1 = 0.8"),
    ],
)
def test_a_suggestion_keeps_what_was_written_beside_it(table: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"did you mean '{line}'? (allowed: ")):
        load_config(table)
    if "=" in line:
        load_config({key: value for key, value in table.items() if key in RunConfig.model_fields}, [line])


NEARLY_TOML = {
    "callbacks=[early-stopping]": ("callbacks", ["early-stopping"]),
    "callbacks=progress, checkpoint": ("callbacks", ["progress", "checkpoint"]),
    "metrics=accuracy": ("metrics", ["accuracy"]),
    "network.layers=20,10": ("network.layers", [20, 10]),
    "network.layers=(20, 10)": ("network.layers", [20, 10]),
    "network.layers=[20, {kind=dense, units=10, activation=relu}]": ("network.layers", [20, {"activation": "relu"}]),
    "optimizer.rule={kind=adam, beta1=.8}": ("optimizer.rule", {"kind": "adam", "beta1": 0.8}),
    "data={kind=csv, path=a/b.csv, target=y}": ("data", {"kind": "csv", "path": "a/b.csv", "target": "y"}),
    "network.regularizers=[l2]": ("network.regularizers", ["l2"]),
    "network.regularizers=Ridge": ("network.regularizers", ["l2"]),
    "callbacks=EarlyStopping": ("callbacks", ["early-stopping"]),
    "metrics=acc": ("metrics", ["accuracy"]),
    "optimizer.shuffle=TRUE": ("optimizer.shuffle", True),
    "optimizer.shuffle=False": ("optimizer.shuffle", False),
    "optimizer.learning_rate=.5": ("optimizer.learning_rate", 0.5),
    "epochs='3'": ("epochs", 3),
}


@pytest.mark.parametrize("guess", NEARLY_TOML)
def test_a_value_that_lacks_quotes_or_is_spelt_as_in_python(guess: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, [guess])
    message, (key, value) = str(caught.value), NEARLY_TOML[guess]
    assert "\n" not in message
    answer = message.partition("; did you mean ")[2].removesuffix("?")
    setting = shlex.split(answer)[1] if answer.startswith("--set ") else answer.strip("'")
    assert has(at(load_config(None, [setting]).to_config(), key), value)


@pytest.mark.parametrize(
    "guess",
    ["epochs=3.5", "epochs=many", "seed=True", "optimizer.learning_rate=fast", "optimizer.shuffle='perhaps'",
     "network.layers=[30, relu", "network.layers=[30,,]", "data={a b}", "callbacks=" + "(" * 3000 + ")" * 3000,
     "epochs='" + "9" * 5000 + "'", "callbacks=none"],
    ids=lambda guess: guess[:30],
)  # fmt: skip
def test_a_value_that_means_nothing_gets_no_suggestion(guess: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, [guess])
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("guess", ["adam = {zzz = true}", "standardize = true", "optimizer = 'foo'", "lr = 'fast'"])
def test_a_value_that_would_be_refused_is_not_suggested(guess: str) -> None:
    key, value = guess.split(" = ", 1)
    found = for_option({}, (key,), key, parse(value))
    assert found is not None
    assert found.text == ('"adam"' if key == "adam" else None)


def test_text_in_quotes_is_text() -> None:
    config = load_config(
        {"data": {"kind": "csv", "path": "x", "target": "y"}}, ['data.path="(copy)"', "data.target='[y]'"]
    )
    assert has(config.data.to_config(), {"kind": "csv", "path": "(copy)", "target": "[y]"})


@pytest.mark.parametrize("setting", ["network.layers=[30,", "optimizer={kind", "network.layers=[{units=3},"])
def test_a_list_that_the_shell_has_split(modnet: Modnet, setting: str) -> None:
    for more in (["10]"], ["20,", "10]"]):
        result = modnet("train", "--set", setting, *more)
        whole = f"{setting} …{']' if '[' in setting else '}'}"
        line = f"--set {setting}: the value has no end; with spaces it needs quotes: --set '{whole}'"
        assert (result.code, result.err) == (2, f"modnet: {line}\n")


def test_a_file_in_place_of_a_configuration_is_called_no_component(tmp_path: Path) -> None:
    (tmp_path / "l1").write_text("no TOML")
    with pytest.raises(ConfigError, match="is not TOML") as caught, contextlib.chdir(tmp_path):
        load_config("l1")
    assert "if it is data" not in str(caught.value)


def test_an_override_in_place_of_the_file() -> None:
    with pytest.raises(ConfigError, match=r"^epochs=3: cannot be read: [^;]*; did you mean '--set epochs=3'\?$"):
        load_config("epochs=3")


def test_a_run_in_place_of_the_file(tmp_path: Path) -> None:
    run = Trainer.from_config({"epochs": 0, "seed": 3}).fit(out=tmp_path / "run").folder
    with pytest.raises(ConfigError) as caught:
        load_config(run)
    assert str(caught.value) == (
        f"{run}: is a folder; a file is expected; it is a run: its configuration is {run}/config.toml, and "
        f"--resume {run} goes on with it"
    )
    assert load_config(f"{run}/config.toml").seed == 3
    with pytest.raises(ConfigError, match=r"is a folder; a file is expected$"):
        load_config(tmp_path)


def test_nothing_is_suggested_that_means_something_else() -> None:
    for guess, line in {
        "optimizer.schedule=linear": "optimizer.schedule: unknown schedule 'linear'; known: constant, ",
        "engine=gpu": "engine: unknown engine 'gpu'; known: numpy",
        "zzz=3": "zzz: unknown option (allowed: seed, ",
        "network.cost=hinge": "network.cost: unknown cost 'hinge'; known: ",
    }.items():
        with pytest.raises(ConfigError) as caught:
            load_config(None, [guess])
        assert str(caught.value).startswith(line)


def test_what_two_plug_ins_provide_is_not_suggested_elsewhere() -> None:
    known = registry.active().copy()
    for name in ("modnet-one", "modnet-two"):
        known.add([type("Swung", (Swung,), {"__doc__": "The same."})], registry.Provider(name, "1"))
    with (
        registry.using(known),
        pytest.raises(ConfigError, match=r"^metrics\.0: unknown metric 'swung'; known: [\w, -]+$"),
    ):
        load_config({"metrics": ["swung"]})


def test_a_component_has_no_names_from_its_base() -> None:
    class Soft(Sigmoid):
        """An activation of a plug-in that is not a sigmoid any more."""

        kind: Literal["soft"] = "soft"  # type: ignore[assignment] # a kind of its own

    known = registry.active().copy()
    known.add([Soft], registry.Provider("modnet-soft", "1"))
    assert known.meant("activation", "Logistic") == ["sigmoid"]
    assert known.meant("activation", "SOFT") == ["soft"]
    assert known.meant("activation", "rectify") == ["swung"]


def test_no_name_of_another_library_is_the_kind_of_another_component_of_its_family() -> None:
    for entry in registry.active():
        family, names = entry.component.family, vars(entry.component).get("also_known_as", ())
        assert not {*names} & {*registry.active().kinds(family)}


def test_other_names_that_are_no_tuple_of_text_are_refused() -> None:
    class Wrong(Relu):
        """A plug-in's component that gives one name as text."""

        kind: Literal["wrong"] = "wrong"  # type: ignore[assignment] # a kind of its own
        also_known_as: ClassVar[str] = "name"  # type: ignore[assignment,misc] # which would be four names

    class Plugin:
        @hookimpl
        def modnet_components(self) -> list[Any]:
            return [Wrong]

    with pytest.raises(PluginError, match="Wrong sets also_known_as = 'name'; a tuple of names is expected"):
        components_of_plugin(Plugin())
