"""Two plug-ins that use the same name: reported, listed, and an error only where a configuration uses the name."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest
from cli.running import Modnet
from core.plugins.sites import COMPONENT, GOOD, Site, activation, hook

from modnet import ConfigError, PluginError, load_config
from modnet.components.activations import Sigmoid
from modnet.core.plugins.discovery import discover
from modnet.core.registry import Registry, UnknownKindError

BOTH = "2 plug-ins provide the activation 'wanted': write 'modnet-one:wanted' or 'modnet-two:wanted'"


@pytest.fixture
def rivals(site: Site) -> dict[str, str]:
    """Two plug-ins that provide the same kind: distribution → module."""
    return {name: site.install(name, GOOD.format(kind="wanted")) for name in ("modnet-one", "modnet-two")}


def test_a_kind_of_two_plug_ins_is_an_error_only_where_it_is_used(
    rivals: dict[str, str], rediscover: Callable[[], Registry], caplog: pytest.LogCaptureFixture
) -> None:
    registry = rediscover()
    load_config()
    assert caplog.messages == []
    assert registry.unavailable == []
    with pytest.raises(ConfigError) as caught:
        load_config(activation("wanted"))
    assert str(caught.value) == f"network.layers.0.activation: {BOTH}"

    for distribution, module in rivals.items():
        name = f"{distribution}:wanted"
        component = registry.find("activation", name).component
        assert component.__module__ == module
        config = load_config(activation(name))
        assert type(config.network.layers[0].activation_function()) is component
        table = config.to_config()
        assert table["network"]["layers"][0]["activation"] == name
        assert load_config(table) == config

    with pytest.raises(UnknownKindError, match="unknown activation 'modnet-three:wanted'; did you mean"):
        registry.find("activation", "modnet-three:wanted")


def test_an_override_reports_a_kind_of_two_plug_ins_with_its_key(
    rivals: dict[str, str], rediscover: Callable[[], Registry]
) -> None:
    del rivals
    rediscover()
    with pytest.raises(ConfigError) as caught:
        load_config(activation("tanh"), ["network.layers.0.activation.kind=wanted"])
    assert str(caught.value) == f"network.layers.0.activation: {BOTH}"


def test_one_kind_in_two_families_is_no_conflict(site: Site, rediscover: Callable[[], Registry]) -> None:
    site.install("modnet-one", GOOD.format(kind="wanted"))
    site.install(
        "modnet-two",
        GOOD.format(kind="wanted").replace("modnet.Activation", "modnet.Regularizer").replace("backward", "gradient"),
    )
    registry = rediscover()
    assert registry.find("activation", "wanted").provider.distribution == "modnet-one"
    assert registry.find("regularizer", "wanted").provider.distribution == "modnet-two"


def test_a_built_in_keeps_its_name(site: Site, rediscover: Callable[[], Registry]) -> None:
    module = site.install("modnet-thief", GOOD.format(kind="sigmoid"))
    registry = rediscover()
    assert type(load_config().network.layers[0].activation_function()) is Sigmoid
    assert type(load_config(activation("sigmoid")).network.layers[0].activation_function()) is Sigmoid
    assert registry.find("activation", "modnet-framework:sigmoid").component is Sigmoid
    config = load_config(activation("modnet-thief:sigmoid"))
    assert type(config.network.layers[0].activation_function()).__module__ == module
    assert config.to_config()["network"]["layers"][0]["activation"] == "modnet-thief:sigmoid"
    assert registry.kinds("activation").count("sigmoid") == 1


@pytest.mark.parametrize("name", ["MODNET_One:wanted", "modnet.one:wanted", "modnet--one:wanted"])
def test_a_distributions_name_may_be_spelt_as_pip_accepts_it(
    rivals: dict[str, str], rediscover: Callable[[], Registry], name: str
) -> None:
    component = rediscover().find("activation", name).component
    assert component.__module__ == rivals["modnet-one"]
    assert load_config(activation(name)).to_config() == load_config(activation("modnet-one:wanted")).to_config()


@pytest.mark.parametrize("name", [":sigmoid", "modnet-framework:", "a:modnet-framework:sigmoid", "sigmoid:"])
def test_an_incomplete_full_name_is_unknown(rediscover: Callable[[], Registry], name: str) -> None:
    with pytest.raises(UnknownKindError, match=f"unknown activation '{name}'"):
        rediscover().find("activation", name)


def test_both_are_listed_as_a_conflict(rivals: dict[str, str], command: Modnet) -> None:
    del rivals
    one, two = json.loads(command("plugins", "list", "--json").out)
    assert (one["name"], one["status"], one["components"]) == ("modnet-one", "conflict", ["activation:wanted"])
    assert (two["name"], two["status"], two["components"]) == ("modnet-two", "conflict", ["activation:wanted"])
    assert "modnet-two 1.2" in one["reason"]
    assert "modnet-one 1.2" in two["reason"]


def test_a_plug_in_with_the_kind_of_a_built_in_is_listed_as_a_conflict(site: Site, command: Modnet) -> None:
    site.install("modnet-thief", GOOD.format(kind="sigmoid"))
    (thief,) = json.loads(command("plugins", "list", "--json").out)
    assert thief["status"] == "conflict"
    assert "'modnet-thief:sigmoid'" in thief["reason"]


def test_two_entry_points_with_one_name_are_reported_and_both_loaded(
    site: Site, rediscover: Callable[[], Registry], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("modnet-one", GOOD.format(kind="first"), entry_points="same = {module}")
    site.install("modnet-two", GOOD.format(kind="second"), entry_points="same = {module}")
    registry = rediscover()
    problem = "the entry point name 'same' is used more than once, by modnet-one 1.2 and modnet-two 1.2"
    assert caplog.messages == [f"modnet: {problem}"]
    assert registry.find("activation", "first").provider.distribution == "modnet-one"
    assert registry.find("activation", "second").provider.distribution == "modnet-two"
    assert registry.unavailable == []
    assert registry.conflicts("modnet-one") == registry.conflicts("modnet-two") == [problem]
    monkeypatch.setenv("MODNET_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=problem):
        discover()
    monkeypatch.setenv("MODNET_DISABLE_PLUGINS", "modnet-one")
    caplog.clear()
    assert discover().conflicts("modnet-two") == []
    assert caplog.messages == []


def test_two_entry_points_with_one_name_in_one_distribution(
    site: Site, rediscover: Callable[[], Registry], caplog: pytest.LogCaptureFixture
) -> None:
    site.install("modnet-one", GOOD.format(kind="first"), entry_points="same = {module}\nsame = {module}")
    assert rediscover().find("activation", "first").provider.distribution == "modnet-one"
    assert caplog.messages == ["modnet: the entry point name 'same' is used more than once, by modnet-one 1.2"]


def test_two_entry_points_of_one_distribution_cannot_provide_one_kind(
    site: Site, rediscover: Callable[[], Registry], caplog: pytest.LogCaptureFixture
) -> None:
    again = COMPONENT.format(kind="wanted").replace("Part", "Again")
    other = COMPONENT.format(kind="other").replace("Part", "Other")
    second = site.write_module(again + other + hook("return [Other, Again]"))
    first = site.install("modnet-one", GOOD.format(kind="wanted"), entry_points=f"one = {{module}}\ntwo = {second}")
    registry = rediscover()
    reason = "provides the activation 'wanted' twice"
    assert caplog.messages == [f"modnet: plug-in modnet-one 1.2 could not be loaded: {reason}"]
    assert registry.find("activation", "wanted").component.__module__ == first
    assert registry.find("activation", "modnet-one:wanted").component.__module__ == first
    with pytest.raises(UnknownKindError, match=reason):
        registry.find("activation", "other")


def test_no_collision_is_reported_before_it_is_used(
    rivals: dict[str, str], command: Modnet, caplog: pytest.LogCaptureFixture
) -> None:
    del rivals
    caplog.set_level(logging.WARNING, "modnet")
    assert command("train", "--epochs", 0, "--quiet", "--out", "run").code == 0
    assert caplog.messages == []
    layers = 'network.layers=[{{kind="dense", units=3, activation="{}"}}, 10]'
    refused = command("train", "--epochs", 0, "--set", layers.format("wanted"))
    assert (refused.code, refused.err) == (2, f"modnet: network.layers.0.activation: {BOTH}\n")
    named = command("train", "--epochs", 0, "--quiet", "--set", layers.format("modnet-two:wanted"), "--out", "named")
    assert named.code == 0
