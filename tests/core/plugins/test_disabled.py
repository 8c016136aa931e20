"""Plug-ins that are disabled: by file, environment or command line, before they are imported, and by either name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.running import Modnet
from core.plugins.sites import GOOD, Site, activation

from modnet import ConfigError, PluginError, load_config
from modnet.core.registry import Registry

ENTRY = "Good_Entry = {module}"
BOMB = "raise RuntimeError('imported')"


@pytest.fixture
def module(site: Site) -> str:
    """The module of an installed plug-in whose distribution and entry point have different names."""
    return site.install("modnet-good", GOOD.format(kind="good"), entry_points=ENTRY)


@pytest.mark.parametrize(
    "name",
    ["modnet-good", "Modnet_Good", "MODNET.GOOD", "good-entry", "Good_Entry", "other, modnet-good ,", "all", "*"],
)
def test_by_the_environment(
    module: str, found: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MODNET_DISABLE_PLUGINS", name)
    registry = found()
    assert module not in sys.modules
    load_config()
    fate = "modnet-good 1.2 is disabled by MODNET_DISABLE_PLUGINS"
    with pytest.raises(ConfigError) as caught:
        load_config(activation("good"))
    assert str(caught.value).startswith("network.layers.0.activation: unknown activation 'good'; ")
    assert str(caught.value).endswith(f" (it is not known what these would give: {fate})")
    with pytest.raises(PluginError, match=f"^{fate}$"):
        registry.find("activation", "modnet-good:good")
    assert registry.failures == {}


@pytest.mark.parametrize("name", ["", " , ", "modnet", "good", "modnet-good-2"])
def test_other_names_disable_nothing(
    module: str, found: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MODNET_DISABLE_PLUGINS", name)
    assert found().find("activation", "good").component.__module__ == module


def test_a_broken_one_that_is_disabled_is_not_told_of(
    site: Site, found: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.install("modnet-broken", BOMB)
    monkeypatch.setenv("MODNET_DISABLE_PLUGINS", "modnet-broken")
    monkeypatch.setenv("MODNET_STRICT_PLUGINS", "1")
    assert found().failures == {}
    assert caplog.messages == []


@pytest.mark.parametrize("place", ["MODNET_PLUGINS_FILE", "XDG_CONFIG_HOME", "HOME"])
def test_by_a_file(
    module: str, found: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    inner = {"MODNET_PLUGINS_FILE": "my.toml", "XDG_CONFIG_HOME": "modnet/plugins.toml"}
    file = tmp_path / "mine" / inner.get(place, ".config/modnet/plugins.toml")
    file.parent.mkdir(parents=True)
    file.write_text('disabled = ["some-other", "GOOD.entry"]\n')
    monkeypatch.setenv(place, str(file if place == "MODNET_PLUGINS_FILE" else tmp_path / "mine"))
    (absence,) = found().unavailable
    assert str(absence) == f"modnet-good 1.2 is disabled by {file}"
    assert module not in sys.modules
    file.write_text('disabled = ["*"]\n')
    assert len(found().unavailable) == 1
    file.write_text("disabled = []\n")
    assert found().unavailable == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("disabled = 'modnet-good'", "disabled: 'modnet-good' should be a list of names of plug-ins"),
        ("disabled = ['modnet-good', 3]", "disabled: ['modnet-good', 3] should be a list of names of plug-ins"),
        ("disable = []", "disable: unknown option; did you mean 'disabled'? (allowed: disabled)"),
        ("disabled = [", "is not TOML: "),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_says_something_else(
    module: str, command: Modnet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, error: str
) -> None:
    file = tmp_path / "my.toml"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("MODNET_PLUGINS_FILE", str(file))
    result = command("train", "--epochs", 0, "--out", "run")
    assert result.code == 2
    assert result.err.startswith(f"modnet: {file}: {error}")
    assert result.err.count("\n") == 1
    assert module not in sys.modules
    assert command("--version").code == 0


def test_a_file_that_nobody_named_need_not_be_there(module: str, found: Callable[[], Registry]) -> None:
    assert found().find("activation", "good").component.__module__ == module


LAYERS = ("--set", 'network.layers=[{kind="dense", units=3, activation="good"}, 10]', "--epochs", 0, "--quiet")


@pytest.mark.parametrize(
    ("before", "after", "by"),
    [
        (("--no-plugins",), (), "--no-plugins"),
        ((), ("--no-plugins",), "--no-plugins"),
        (("--no-plugin", "modnet-good"), (), "--no-plugin modnet-good"),
        ((), ("--no-plugin=GOOD_entry",), "--no-plugin GOOD_entry"),
        (("--no-plugin", "modnet_good"), ("--no-plugin", "Good-Entry"), "--no-plugin modnet_good"),
    ],
)
def test_by_the_command_line(
    module: str, command: Modnet, before: tuple[str, ...], after: tuple[str, ...], by: str
) -> None:
    refused = command(*before, "train", *LAYERS, *after)
    assert refused.code == 2
    assert f"modnet-good 1.2 is disabled by {by})" in refused.err
    assert refused.err.count("\n") == 1
    assert module not in sys.modules
    assert command("train", *LAYERS, "--out", "run").code == 0  # it holds for one command


def test_inner_commands_take_the_options_too(module: str, command: Modnet) -> None:
    del module
    lists = [
        command("--no-plugins", "plugins", "list", "--json"),
        command("plugins", "--no-plugins", "list", "--json"),
        command("plugins", "list", "--json", "--no-plugins"),
    ]
    (facts,) = json.loads(lists[0].out)
    assert facts == {"name": "modnet-good", "version": "1.2", "status": "disabled", "components": [],
                     "reason": "disabled by --no-plugins"}  # fmt: skip
    assert lists[0] == lists[1] == lists[2]


def test_a_name_on_the_command_line_that_nothing_has(
    module: str, command: Modnet, caplog: pytest.LogCaptureFixture
) -> None:
    del module
    assert command("config", "--no-plugin", "modnet-god", "fill", "x.toml").code == 2
    Path("x.toml").write_text("")
    caplog.clear()
    assert command("--no-plugin", "modnet-god", "config", "check", "x.toml").out == "x.toml: ok\n"
    told = "--no-plugin modnet-god: no installed plug-in has this name; did you mean 'modnet-good'?"
    assert caplog.messages == [f"modnet: {told}"]


def test_a_disabled_plug_in_is_not_preferred(module: str, found: Callable[[], Registry], site: Site) -> None:
    del module
    site.install("modnet-other", GOOD.format(kind="good"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODNET_DISABLE_PLUGINS", "modnet-good")
        found()
    assert load_config(activation("good")).to_config()["network"]["layers"][0]["activation"] == "good"
    with pytest.raises(ConfigError, match=r"that of modnet-good, but modnet-good 1.2 is disabled by MODNET"):
        load_config({"prefer": {"activation:good": "modnet-good"}, **activation("good")})
