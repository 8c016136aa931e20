"""Plug-ins that are disabled by the environment or the command line, by either name, before they are imported."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.running import Modnet
from core.plugins.sites import GOOD, Site, activation

from modnet import ConfigError, PluginError, load_config
from modnet.builtin import modnet_components
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
    module: str, rediscover: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MODNET_DISABLE_PLUGINS", name)
    registry = rediscover()
    assert module not in sys.modules
    load_config()
    status = "modnet-good 1.2 is disabled by MODNET_DISABLE_PLUGINS"
    with pytest.raises(ConfigError) as caught:
        load_config(activation("good"))
    assert str(caught.value).startswith("network.layers.0.activation: unknown activation 'good'; ")
    assert str(caught.value).endswith(f" (it may be provided by a plug-in that is not available: {status})")
    with pytest.raises(PluginError, match=f"^{status}$"):
        registry.find("activation", "modnet-good:good")
    (plugin,) = registry.unavailable
    assert plugin.disabled


@pytest.mark.parametrize("name", ["", " , ", "modnet", "good", "modnet-good-2"])
def test_other_names_disable_nothing(
    module: str, rediscover: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MODNET_DISABLE_PLUGINS", name)
    assert rediscover().find("activation", "good").component.__module__ == module


def test_a_broken_one_that_is_disabled_is_not_reported(
    site: Site, rediscover: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.install("modnet-broken", BOMB)
    monkeypatch.setenv("MODNET_DISABLE_PLUGINS", "modnet-broken")
    monkeypatch.setenv("MODNET_STRICT_PLUGINS", "1")
    assert [plugin.disabled for plugin in rediscover().unavailable] == [True]
    assert caplog.messages == []


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
    assert command("train", *LAYERS, "--out", "run").code == 0  # the option is that of one command


def test_inner_commands_take_the_options_too(module: str, command: Modnet) -> None:
    del module
    lists = [
        command("--no-plugins", "plugins", "list", "--json"),
        command("plugins", "--no-plugins", "list", "--json"),
        command("plugins", "list", "--json", "--no-plugins"),
    ]
    (facts,) = json.loads(lists[0].out)
    assert facts == {"name": "modnet-good", "version": "1.2", "status": "disabled", "components": [],
                     "commands": [], "reason": "disabled by --no-plugins"}  # fmt: skip
    assert lists[0] == lists[1] == lists[2]


def test_a_name_on_the_command_line_that_nothing_has(
    module: str, command: Modnet, caplog: pytest.LogCaptureFixture
) -> None:
    del module
    assert command("config", "--no-plugin", "modnet-god", "fill", "x.toml").code == 2
    Path("x.toml").write_text("")
    caplog.clear()
    assert command("--no-plugin", "modnet-god", "config", "check", "x.toml").out == "x.toml: ok\n"
    problem = "--no-plugin modnet-god: no installed plug-in has this name; did you mean 'modnet-good'?"
    assert caplog.messages == [f"modnet: {problem}"]
    caplog.clear()
    assert command("--no-plugin", "a\nb", "config", "check", "x.toml").code == 0
    assert caplog.messages == ["modnet: --no-plugin a\\nb: no installed plug-in has this name"]


@pytest.mark.parametrize("name", ["all", "*", "modnet-framework", "builtin", "modnet"])
def test_the_built_ins_cannot_be_disabled(
    module: str, rediscover: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MODNET_DISABLE_PLUGINS", name)
    registry = rediscover()
    for component in modnet_components():
        assert registry.find(component.family, component.kind_name()).provider.builtin
    assert [plugin.provider.distribution for plugin in registry.unavailable] == (
        ["modnet-good"] if name in ("all", "*") else []
    )
    assert (module in sys.modules) == (name not in ("all", "*"))


@pytest.mark.parametrize("options", [("--no-plugins",), ("--no-plugin", "all"), ("--no-plugin", "modnet-framework")])
def test_a_training_without_plug_ins_has_the_built_ins(
    module: str, command: Modnet, caplog: pytest.LogCaptureFixture, options: tuple[str, ...]
) -> None:
    del module
    assert command(*options, "train", "--epochs", 0, "--quiet", "--out", "run").code == 0
    unknown = ["modnet: --no-plugin modnet-framework: no installed plug-in has this name"]
    assert caplog.messages == (unknown if "modnet-framework" in options else [])
