"""``modnet config``."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from cli.running import Modnet
from jsonschema import Draft202012Validator

import modnet as framework
from modnet import load_config
from modnet.config.json_schema import schema_of

FILES = {
    "nothing": "",
    "a comment": "# only this\n",
    "short forms": "metrics = 'auto'\noptimizer = { eta = 2.0, rule = 'adam' }\n"
    "[network]\nlayers = [12, 'dropout', 10]\n",
    "long forms": "[network]\nlayers = [{ kind = 'dense', units = 3, activation = { kind = 'leaky-relu' } }]\n"
    "regularizers = ['l1', { kind = 'l2', strength = 0.5 }]\n[optimizer]\nkind = 'batch'\n"
    "schedule = { kind = 'step', every = 3 }\n",
    "words of its own": "[data]\nkind = 'csv'\npath = 'größe \"x\".csv'\ntarget = 'α'\n",
    "a qualified name": "optimizer = 'modnet-framework:stochastic'\n",
    "callbacks": "callbacks = ['early-stopping', { kind = 'checkpoint' }]\n",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_filling_twice_changes_nothing(trained: Modnet, text: str) -> None:
    Path("my.toml").write_text(text, encoding="utf-8")
    assert trained("config", "check", "my.toml").out == "my.toml: ok\n"
    once = trained("config", "fill", "my.toml").out
    assert trained("config", "fill", "my.toml", "--out", "once.toml").out == ""
    assert Path("once.toml").read_text(encoding="utf-8") == once
    assert trained("config", "fill", "once.toml").out == once
    assert trained("config", "check", "once.toml").out == "once.toml: ok\n"
    assert load_config("once.toml") == load_config("my.toml")
    assert Path("my.toml").read_text(encoding="utf-8") == text
    assert trained("config", "fill", "once.toml", "--out", "once.toml").out == ""
    assert Path("once.toml").read_text(encoding="utf-8") == once


def test_everything_is_written_out(trained: Modnet) -> None:
    Path("my.toml").write_text("", encoding="utf-8")
    filled = tomllib.loads(trained("config", "fill", "my.toml").out)
    assert filled == load_config().to_config()
    keys = {"seed", "epochs", "dtype", "data", "network", "optimizer", "metrics", "callbacks"}
    assert keys <= set(filled)
    assert filled["network"]["layers"][0] == {
        "kind": "dense", "trainable": True, "units": 30, "activation": "sigmoid", "bias": True,
        "initializer": "standard-normal", "bias_initializer": "standard-normal",
    }  # fmt: skip


@pytest.mark.parametrize("command", ["check", "fill"])
@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, "my.toml: cannot be read: No such file or directory"),
        ("seed = ", "my.toml: is not TOML: "),
        ("[optimizer]\nbach_size = 3\n", "my.toml: optimizer.bach_size: unknown option; did you mean 'batch_size'?"),
        ("[network]\nlayers = [30, 'dense']\n", "my.toml: network.layers.1.units: is required"),
    ],
)
def test_a_file_that_does_not_hold(modnet: Modnet, command: str, text: str | None, error: str) -> None:
    if text is not None:
        Path("my.toml").write_text(text)
    result = modnet("config", command, "my.toml", *(("--out", "out.toml") if command == "fill" else ()))
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")
    assert not Path("out.toml").exists()


@pytest.mark.parametrize("arguments", [("config", "fill", "my.toml"), ("config", "schema")])
def test_a_place_that_cannot_be_written(modnet: Modnet, arguments: tuple[str, ...]) -> None:
    Path("my.toml").write_text("")
    Path("folder").mkdir()
    for place in ("no/such/place", "folder"):
        result = modnet(*arguments, "--out", place)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert result.err.startswith(f"modnet: --out {place}: cannot be written: ")


def test_the_schema_is_printed_and_written(trained: Modnet) -> None:
    printed = trained("config", "schema").out
    assert json.loads(printed) == schema_of(framework.RunConfig)
    assert trained("config", "schema", "--out", "modnet.json").out == ""
    assert Path("modnet.json").read_text(encoding="utf-8") == printed
    validator = Draft202012Validator(json.loads(printed))
    for text in FILES.values():
        assert validator.is_valid(tomllib.loads(text))
    assert not validator.is_valid({"optimizer": {"bach_size": 3}})
