"""The command beside three really installed plug-ins: one good, one that fails on import, one that collides."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from core.plugins.processes import environment, python
from jsonschema import Draft202012Validator

GOOD, FAILS, COLLIDES = "modnet-test-good", "modnet-test-fails-on-import", "modnet-test-collides"
REASON = "ModuleNotFoundError: No module named 'no_such_module'"
WARNING = f"modnet: plug-in {FAILS} 1.0 could not be loaded: {REASON}\n"
KINDS = """
import sys, modnet
network = modnet.load(sys.argv[1])
print(network.layers[0].component.to_config()["activation"]["kind"])
"""
LAYERS = 'network.layers=[{{kind="dense", units=8, activation="{}"}}, 10]'


class Command:
    """The command, run in a folder beside the installed plug-ins."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder, self.site = folder, site

    def __call__(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "modnet", *arguments, **more)

    def python(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        return python(self.folder, "-W", "error", *arguments, **environment(self.site, **more))


@pytest.fixture
def modnet(installed: Path, tmp_path: Path) -> Command:
    return Command(tmp_path, installed)


def plugins_in(listed: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert listed.returncode == 0, listed.stderr
    plugins = [plugin for plugin in json.loads(listed.stdout) if plugin["name"].startswith("modnet-test-")]
    assert all(list(plugin) == ["name", "version", "status", "components", "commands", "reason"] for plugin in plugins)
    return {plugin.pop("name"): plugin for plugin in plugins}


def test_the_default_training_is_that_of_modnet_alone(modnet: Command) -> None:
    beside = modnet("train", "--epochs", 1, "--quiet", "--out", "beside")
    assert (beside.returncode, beside.stderr) == (0, WARNING)
    alone = modnet("--no-plugins", "train", "--epochs", 1, "--quiet", "--out", "alone")
    assert (alone.returncode, alone.stderr) == (0, "")
    both = [(modnet.folder / name / "model.safetensors").read_bytes() for name in ("beside", "alone")]
    assert both[0] == both[1]


def test_what_is_installed_is_listed(modnet: Command) -> None:
    listed = modnet("plugins", "list", "--json")
    assert listed.stderr == WARNING
    assert plugins_in(listed) == {
        GOOD: {
            "version": "1.0",
            "status": "conflict",
            "components": ["activation:wave", "schedule:waves"],
            "commands": [],
            "reason": f"the activation 'wave' is also provided by {COLLIDES} 1.0",
        },
        FAILS: {"version": "1.0", "status": "failed", "components": [], "commands": [], "reason": REASON},
        COLLIDES: {
            "version": "1.0",
            "status": "conflict",
            "components": ["activation:sigmoid", "activation:wave"],
            "commands": [],
            "reason": f"the activation 'sigmoid' is built in; '{COLLIDES}:sigmoid' means this one; "
            f"the activation 'wave' is also provided by {GOOD} 1.0",
        },
    }
    table = modnet("plugins", "list", COLUMNS="200")
    assert table.returncode == 0
    for word in (GOOD, FAILS, COLLIDES, "conflict", "failed", "activation:wave", REASON):
        assert word in table.stdout


def test_disabled_ones_are_not_imported_and_listed_as_such(modnet: Command) -> None:
    listed = modnet("plugins", "list", "--json", "--no-plugin", FAILS, MODNET_DISABLE_PLUGINS="Modnet_Test_COLLIDES")
    assert listed.stderr == ""
    plugins = plugins_in(listed)
    assert (plugins[GOOD]["status"], plugins[GOOD]["reason"]) == ("ok", "")
    assert (plugins[FAILS]["status"], plugins[FAILS]["reason"]) == ("disabled", f"disabled by --no-plugin {FAILS}")
    assert plugins[COLLIDES]["reason"] == "disabled by MODNET_DISABLE_PLUGINS"


def test_a_collision_is_an_error_where_it_is_used(modnet: Command) -> None:
    refused = modnet("train", "--epochs", 1, "--set", LAYERS.format("wave"))
    assert refused.returncode == 2
    warning, error = refused.stderr.splitlines(keepends=True)
    assert warning == WARNING
    assert error == (
        f"modnet: network.layers.0.activation: 2 plug-ins provide the activation 'wave': write '{COLLIDES}:wave' or "
        f"'{GOOD}:wave'\n"
    )
    named = modnet("train", "--epochs", 1, "--quiet", "--set", LAYERS.format(f"{GOOD}:wave"), "--out", "named")
    assert named.returncode == 0
    written = (modnet.folder / "named/config.toml").read_text()
    assert f"{GOOD} 1.0" in written
    activation = tomllib.loads(written)["network"]["layers"][0]["activation"]
    assert activation == {"kind": f"{GOOD}:wave", "height": 1.0}
    assert modnet("evaluate", "named").returncode == 0


def test_a_rival_that_is_installed_later_changes_nothing(modnet: Command) -> None:
    """A run folder's configuration and its model file name the distribution of a plug-in's component."""
    alone = ("--no-plugin", COLLIDES, "--no-plugin", FAILS)
    trained = modnet(*alone, "train", "--epochs", 1, "--quiet", "--set", LAYERS.format("wave"), "--out", "run")
    assert (trained.returncode, trained.stderr) == (0, "")
    layers = tomllib.loads((modnet.folder / "run/config.toml").read_text())["network"]["layers"]
    assert layers[0]["activation"] == {"kind": f"{GOOD}:wave", "height": 1.0}
    before = modnet(*alone, "evaluate", "run", "--json")
    after = modnet("evaluate", "run", "--json")
    assert (after.returncode, after.stdout) == (0, before.stdout)
    shutil.copy(modnet.folder / "run/model.safetensors", modnet.folder / "moved.safetensors")
    assert modnet.python("-c", KINDS, "moved.safetensors").stdout == f"{GOOD}:wave\n"
    again = modnet("train", "run/config.toml", "--quiet", "--out", "again")
    assert again.returncode == 0
    models = [(modnet.folder / run / "model.safetensors").read_bytes() for run in ("run", "again")]
    assert models[0] == models[1]


def test_a_model_without_its_plug_in_says_what_is_missing(modnet: Command) -> None:
    trained = modnet("train", "--epochs", 1, "--quiet", "--set", LAYERS.format(f"{GOOD}:wave"), "--out", "run")
    assert trained.returncode == 0
    disabled = modnet("--no-plugin", GOOD, "--no-plugin", FAILS, "evaluate", "run")
    assert disabled.returncode == 2
    assert f"{GOOD} 1.0 is disabled by --no-plugin {GOOD}" in disabled.stderr
    disabled = modnet("--no-plugins", "evaluate", "run")
    assert disabled.returncode == 2
    assert f"{GOOD} 1.0 is disabled by --no-plugins" in disabled.stderr
    assert "not installed here" not in disabled.stderr


def test_a_component_of_the_broken_one_is_refused_with_the_true_reason(modnet: Command) -> None:
    for name in (f"{FAILS}:anything", "anything"):
        refused = modnet("train", "--epochs", 1, "--set", LAYERS.format(name))
        assert refused.returncode == 2
        error = refused.stderr.splitlines()[-1]
        assert error.startswith("modnet: network.layers.0.activation: ")
        assert f"{FAILS} 1.0 could not be loaded: {REASON}" in error
    strict = modnet("train", "--epochs", 1, MODNET_STRICT_PLUGINS="1")
    assert (strict.returncode, strict.stderr) == (2, f"modnet: plug-in {FAILS} 1.0: {REASON}\n")


def test_the_kit_is_run_on_one_plug_in(modnet: Command) -> None:
    checked = modnet("plugins", "check", "Modnet_Test_Good", "--json", "--no-plugin", FAILS)
    assert (checked.returncode, checked.stderr) == (0, "")
    report = json.loads(checked.stdout)
    assert (report["name"], report["version"], report["ok"]) == (GOOD, "1.0", True)
    assert [component["component"] for component in report["components"]] == ["activation:wave", "schedule:waves"]
    for component in report["components"]:
        assert component["ok"]
        assert component["total"] == len(component["checks"]) > 10
        assert {check["status"] for check in component["checks"]} <= {"passed", "note", "skipped"}
    refused = modnet("plugins", "check", FAILS)
    assert refused.returncode == 2
    assert refused.stderr == f"{WARNING}modnet: {FAILS} 1.0 cannot be checked: {REASON}\n"


def test_components_are_shown_and_are_in_the_schema(modnet: Command) -> None:
    shown = modnet("plugins", "show", "activation", f"{GOOD}:wave")
    assert shown.returncode == 0
    assert shown.stdout == (
        f"activation wave, from {GOOD} 1.0\n\nσ(z) = s · sin z, with σ′ = s · cos z.\n\n"
        "height: number > 0, ≤ 10, default 1.0\n    s, how high a wave is\n"
    )
    schema = modnet("config", "schema")
    assert (schema.returncode, schema.stderr) == (0, WARNING)
    validator = Draft202012Validator(json.loads(schema.stdout))
    for schedule, expected in (({"kind": "waves", "every": 3}, True), ("waves", False), ({"kind": "waves"}, False)):
        assert validator.is_valid({"optimizer": {"schedule": schedule}}) == expected


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("plugins", "--help"), ("train", "--help")])
def test_a_command_that_needs_no_components_imports_no_plug_in(modnet: Command, arguments: tuple[str, ...]) -> None:
    started = modnet(*arguments, MODNET_STRICT_PLUGINS="1")
    assert (started.returncode, started.stderr) == (0, "")
