"""The command beside three really installed plug-ins: one good, one that fails on import, one that collides."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from core.plugins.outside import environment, python
from jsonschema import Draft202012Validator

GOOD, FAILS, COLLIDES = "modnet-test-good", "modnet-test-fails-on-import", "modnet-test-collides"
REASON = "ModuleNotFoundError: No module named 'no_such_module'"
ASIDE = f"modnet: plug-in {FAILS} 1.0 was set aside: {REASON}\n"
LAYERS = 'network.layers=[{{kind="dense", units=8, activation="{}"}}, 10]'


class Here:
    """A folder in which the command runs beside the installed plug-ins."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder, self.site = folder, site

    def __call__(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        return python(self.folder, "-W", "error", "-m", "modnet", *arguments, **environment(self.site, **more))


@pytest.fixture
def modnet(installed: Path, tmp_path: Path) -> Here:
    return Here(tmp_path, installed)


def facts(listed: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert listed.returncode == 0, listed.stderr
    plugins = [one for one in json.loads(listed.stdout) if one["name"].startswith("modnet-test-")]
    assert all(list(one) == ["name", "version", "status", "components", "reason"] for one in plugins)
    return {one.pop("name"): one for one in plugins}


def test_the_default_training_is_that_of_modnet_alone(modnet: Here) -> None:
    beside = modnet("train", "--epochs", 1, "--quiet", "--out", "beside")
    assert (beside.returncode, beside.stderr) == (0, ASIDE)
    alone = modnet("--no-plugins", "train", "--epochs", 1, "--quiet", "--out", "alone")
    assert (alone.returncode, alone.stderr) == (0, "")
    both = [(modnet.folder / name / "model.safetensors").read_bytes() for name in ("beside", "alone")]
    assert both[0] == both[1]


def test_what_is_installed_is_listed(modnet: Here) -> None:
    listed = modnet("plugins", "list", "--json")
    assert listed.stderr == ASIDE
    assert facts(listed) == {
        GOOD: {
            "version": "1.0",
            "status": "conflict",
            "components": ["activation:wave", "schedule:waves"],
            "reason": f"the activation 'wave' is also given by {COLLIDES} 1.0",
        },
        FAILS: {"version": "1.0", "status": "failed", "components": [], "reason": REASON},
        COLLIDES: {
            "version": "1.0",
            "status": "conflict",
            "components": ["activation:sigmoid", "activation:wave"],
            "reason": f"the activation 'sigmoid' is built in: '{COLLIDES}:sigmoid' names this one; "
            f"the activation 'wave' is also given by {GOOD} 1.0",
        },
    }
    table = modnet("plugins", "list", COLUMNS="200")
    assert table.returncode == 0
    for word in (GOOD, FAILS, COLLIDES, "conflict", "failed", "activation:wave", REASON):
        assert word in table.stdout


def test_disabled_ones_are_not_imported_and_listed_as_such(modnet: Here) -> None:
    listed = modnet("plugins", "list", "--json", "--no-plugin", FAILS, MODNET_DISABLE_PLUGINS="Modnet_Test_COLLIDES")
    assert listed.stderr == ""
    told = facts(listed)
    assert (told[GOOD]["status"], told[GOOD]["reason"]) == ("ok", "")
    assert (told[FAILS]["status"], told[FAILS]["reason"]) == ("disabled", f"disabled by --no-plugin {FAILS}")
    assert told[COLLIDES]["reason"] == "disabled by MODNET_DISABLE_PLUGINS"


def test_a_collision_is_an_error_where_it_is_used_until_something_decides(modnet: Here) -> None:
    refused = modnet("train", "--epochs", 1, "--set", LAYERS.format("wave"))
    assert refused.returncode == 2
    aside, error = refused.stderr.splitlines(keepends=True)
    assert aside == ASIDE
    assert error.startswith(f"modnet: network.layers.0.activation: 2 plug-ins give the activation 'wave': write "
                            f"'{COLLIDES}:wave' or '{GOOD}:wave', or decide by prefer = ")  # fmt: skip
    default_part = modnet("train", "--epochs", 1, "--quiet", "--set", LAYERS.format(f"{GOOD}:wave"), "--out", "named")
    assert default_part.returncode == 0
    (modnet.folder / "my.toml").write_text(
        f'[prefer]\n"activation:wave" = "{GOOD}"\n'
        '[network]\nlayers = [{kind="dense", units=8, activation="wave"}, 10]'
    )
    decided = modnet("train", "my.toml", "--epochs", 1, "--quiet", "--out", "decided")
    assert decided.returncode == 0
    written = (modnet.folder / "decided/config.toml").read_text()
    assert f"{GOOD} 1.0" in written
    table = tomllib.loads(written)
    assert table["prefer"] == {"activation:wave": GOOD}
    assert table["network"]["layers"][0]["activation"] == {"kind": f"{GOOD}:wave", "height": 1.0}
    assert modnet("evaluate", "decided").returncode == 0
    assert modnet("train", "--epochs", 1, "--quiet", "--no-plugin", COLLIDES, "--set", LAYERS.format("wave"), "--out",
                  "alone").returncode == 0  # fmt: skip


def test_a_model_of_before_goes_on_with_the_plug_in_that_made_it(modnet: Here) -> None:
    alone = ("--no-plugin", COLLIDES, "--no-plugin", FAILS)
    trained = modnet(*alone, "train", "--epochs", 1, "--quiet", "--set", LAYERS.format("wave"), "--out", "run")
    assert (trained.returncode, trained.stderr) == (0, "")
    before = modnet(*alone, "evaluate", "run", "--json")
    after = modnet("evaluate", "run", "--json")
    assert (after.returncode, after.stdout) == (0, before.stdout)
    refused = modnet("--no-plugin", GOOD, "--no-plugin", FAILS, "evaluate", "run")
    assert refused.returncode == 2
    assert (
        f"the activation 'wave' should be that of {GOOD}, but {GOOD} 1.0 is disabled by --no-plugin" in refused.stderr
    )
    gone = modnet("--no-plugins", "evaluate", "run")
    assert gone.returncode == 2
    assert "unknown activation 'wave'" in gone.stderr
    assert "are disabled by --no-plugins)" in gone.stderr
    assert "not installed here" not in gone.stderr


def test_what_the_broken_one_would_have_given_is_refused_with_the_true_reason(modnet: Here) -> None:
    for name in (f"{FAILS}:anything", "anything"):
        refused = modnet("train", "--epochs", 1, "--set", LAYERS.format(name))
        assert refused.returncode == 2
        error = refused.stderr.splitlines()[-1]
        assert error.startswith("modnet: network.layers.0.activation: ")
        assert f"{FAILS} 1.0 was set aside: {REASON}" in error
    strict = modnet("train", "--epochs", 1, MODNET_STRICT_PLUGINS="1")
    assert (strict.returncode, strict.stderr) == (2, f"modnet: plug-in {FAILS} 1.0: {REASON}\n")


def test_the_kit_is_run_on_one_plug_in(modnet: Here) -> None:
    checked = modnet("plugins", "check", "Modnet_Test_Good", "--json", "--no-plugin", FAILS)
    assert (checked.returncode, checked.stderr) == (0, "")
    report = json.loads(checked.stdout)
    assert (report["name"], report["version"], report["ok"]) == (GOOD, "1.0", True)
    assert [part["component"] for part in report["components"]] == ["activation:wave", "schedule:waves"]
    for part in report["components"]:
        assert part["ok"]
        assert part["total"] == len(part["checks"]) > 10
        assert {check["status"] for check in part["checks"]} <= {"passed", "note", "skipped"}
    refused = modnet("plugins", "check", FAILS)
    assert refused.returncode == 2
    assert refused.stderr == f"{ASIDE}modnet: {FAILS} 1.0 cannot be checked: {REASON}\n"


def test_parts_are_shown_and_stand_in_the_schema(modnet: Here) -> None:
    shown = modnet("plugins", "show", "activation", f"{GOOD}:wave")
    assert shown.returncode == 0
    assert shown.stdout == (
        f"activation wave, from {GOOD} 1.0\n\nσ(z) = s · sin z, with σ′ = s · cos z.\n\n"
        "height: number > 0, ≤ 10, default 1.0\n    s, how high a wave is\n"
    )
    schema = modnet("schema")
    assert (schema.returncode, schema.stderr) == (0, ASIDE)
    validator = Draft202012Validator(json.loads(schema.stdout))
    for schedule, expected in (({"kind": "waves", "every": 3}, True), ("waves", False), ({"kind": "waves"}, False)):
        assert validator.is_valid({"optimizer": {"schedule": schedule}}) == expected


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("plugins", "--help"), ("train", "--help")])
def test_a_start_that_needs_no_parts_imports_no_plug_in(modnet: Here, arguments: tuple[str, ...]) -> None:
    started = modnet(*arguments, MODNET_STRICT_PLUGINS="1")
    assert (started.returncode, started.stderr) == (0, "")
