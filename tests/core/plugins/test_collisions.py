"""Two plug-ins that claim the same: seen, listed, and an error only where it is used and nothing decides."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest
from cli.running import Modnet
from core.plugins.sites import GOOD, Site, activation

from modnet import ConfigError, PluginError, load_config
from modnet.components.activations import Sigmoid
from modnet.core.plugins.discovery import discover
from modnet.core.registry import Registry, UnknownKindError

BOTH = "2 plug-ins give the activation 'wanted': write 'modnet-one:wanted' or 'modnet-two:wanted', or decide by "


@pytest.fixture
def rivals(site: Site) -> tuple[str, str]:
    """Two plug-ins that give one kind, and the modules that they are."""
    one = site.install("modnet-one", GOOD.format(kind="wanted"))
    return one, site.install("modnet-two", GOOD.format(kind="wanted"))


def test_a_kind_of_two_plug_ins_is_an_error_only_where_it_is_used(
    site: Site, found: Callable[[], Registry], caplog: pytest.LogCaptureFixture
) -> None:
    one = site.install("modnet-one", GOOD.format(kind="wanted"))
    two = site.install("modnet-two", GOOD.format(kind="wanted"))
    registry = found()
    load_config()
    assert caplog.messages == []
    assert registry.failures == {}
    with pytest.raises(ConfigError) as caught:
        load_config(activation("wanted"))
    assert str(caught.value).startswith("network.layers.0.activation: 2 plug-ins give the activation 'wanted'")
    assert "'modnet-one:wanted'" in str(caught.value)
    assert "'modnet-two:wanted'" in str(caught.value)

    for distribution, module in (("modnet-one", one), ("modnet-two", two)):
        name = f"{distribution}:wanted"
        part = registry.find("activation", name).component
        assert part.__module__ == module
        config = load_config(activation(name))
        assert type(config.network.layers[0].activation_function()) is part
        plain = config.to_config()
        assert plain["network"]["layers"][0]["activation"] == name
        assert load_config(plain) == config

    with pytest.raises(UnknownKindError, match="unknown activation 'modnet-three:wanted'"):
        registry.find("activation", "modnet-three:wanted")


def test_one_kind_in_two_families_is_no_conflict(site: Site, found: Callable[[], Registry]) -> None:
    site.install("modnet-one", GOOD.format(kind="wanted"))
    site.install("modnet-two", GOOD.format(kind="wanted").replace("modnet.Activation", "modnet.UpdateRule"))
    registry = found()
    assert registry.find("activation", "wanted").owner.distribution == "modnet-one"
    assert registry.find("rule", "wanted").owner.distribution == "modnet-two"


def test_a_built_in_keeps_its_name(site: Site, found: Callable[[], Registry]) -> None:
    module = site.install("modnet-thief", GOOD.format(kind="sigmoid"))
    registry = found()
    assert type(load_config().network.layers[0].activation_function()) is Sigmoid
    assert type(load_config(activation("sigmoid")).network.layers[0].activation_function()) is Sigmoid
    assert registry.find("activation", "modnet-framework:sigmoid").component is Sigmoid
    config = load_config(activation("modnet-thief:sigmoid"))
    assert type(config.network.layers[0].activation_function()).__module__ == module
    assert config.to_config()["network"]["layers"][0]["activation"] == "modnet-thief:sigmoid"
    assert registry.kinds("activation").count("sigmoid") == 1


@pytest.mark.parametrize("written", ["modnet-two", "Modnet_Two", "MODNET.two"])
def test_a_preference_decides_and_is_kept(rivals: tuple[str, str], found: Callable[[], Registry], written: str) -> None:
    found()
    config = load_config({"prefer": {"activation:wanted": written}, **activation("wanted")})
    assert type(config.network.layers[0].activation_function()).__module__ == rivals[1]
    plain = config.to_config()
    assert plain["prefer"] == {"activation:wanted": "modnet-two"}
    assert plain["network"]["layers"][0]["activation"] == "modnet-two:wanted"
    assert load_config(plain) == config
    assert "prefer" not in load_config().to_config()
    with pytest.raises(ConfigError, match="2 plug-ins give"):
        load_config(activation("wanted"))  # a preference lasts as long as its configuration is read


@pytest.mark.parametrize(
    ("prefer", "error"),
    [
        (
            {"activation:wanted": "modnet-three"},
            "the activation 'wanted' should be that of modnet-three, but modnet-three gives no such part; there is",
        ),
        (
            {"activaton:wanted": "modnet-two"},
            "prefer.activaton:wanted: 'activaton:wanted' should be a family and a kind, such as 'activation:swish'; di",
        ),
        ({"wanted": "modnet-two"}, "prefer.wanted: 'wanted' should be a family and a kind, such as "),
        (
            {"activation:sigmoid": "modnet-two"},
            "prefer.activation:sigmoid: the activation 'sigmoid' is built in and keeps its name; a plug-in's is 'DISTR",
        ),
        ({"activation:wanted": 2}, "prefer.activation:wanted: 2 should be a valid string"),
        ({"activation:wanted": "modnet two"}, "prefer.activation:wanted: 'modnet two' should match pattern "),
        ("modnet-two", "prefer: 'modnet-two' should be a valid dictionary"),
    ],
)
def test_a_preference_that_cannot_be(
    rivals: tuple[str, str], found: Callable[[], Registry], prefer: object, error: str
) -> None:
    del rivals
    found()
    with pytest.raises(ConfigError) as caught:
        load_config({"prefer": prefer, **activation("wanted")})
    assert error in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_preference_for_one_that_was_set_aside_tells_why(site: Site, found: Callable[[], Registry]) -> None:
    site.install("modnet-one", GOOD.format(kind="wanted"))
    site.install("modnet-two", "import no_such_module")
    found()
    with pytest.raises(ConfigError, match=r"modnet-two 1.2 was set aside: ModuleNotFoundError"):
        load_config({"prefer": {"activation:wanted": "modnet-two"}, **activation("wanted")})


@pytest.mark.parametrize("name", ["MODNET_One:wanted", "modnet.one:wanted", "modnet--one:wanted"])
def test_a_distributions_name_may_be_spelt_as_packages_are(
    rivals: tuple[str, str], found: Callable[[], Registry], name: str
) -> None:
    part = found().find("activation", name).component
    assert part.__module__ == rivals[0]


@pytest.mark.parametrize("name", [":sigmoid", "modnet-framework:", "a:modnet-framework:sigmoid", "sigmoid:"])
def test_half_a_qualified_name_is_unknown(found: Callable[[], Registry], name: str) -> None:
    with pytest.raises(UnknownKindError, match=f"unknown activation '{name}'"):
        found().find("activation", name)


def test_both_are_listed_as_a_conflict(rivals: tuple[str, str], command: Modnet) -> None:
    del rivals
    one, two = json.loads(command("plugins", "list", "--json").out)
    assert (one["name"], one["status"], one["components"]) == ("modnet-one", "conflict", ["activation:wanted"])
    assert one["reason"] == "the activation 'wanted' is also given by modnet-two 1.2"
    assert two["reason"] == "the activation 'wanted' is also given by modnet-one 1.2"


def test_who_claims_a_built_in_is_listed_as_a_conflict(site: Site, command: Modnet) -> None:
    site.install("modnet-thief", GOOD.format(kind="sigmoid"))
    (thief,) = json.loads(command("plugins", "list", "--json").out)
    assert thief["status"] == "conflict"
    assert thief["reason"] == "the activation 'sigmoid' is built in: 'modnet-thief:sigmoid' names this one"


def test_two_entry_points_with_one_name_are_told_and_both_used(
    site: Site, found: Callable[[], Registry], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("modnet-one", GOOD.format(kind="first"), entry_points="same = {module}")
    site.install("modnet-two", GOOD.format(kind="second"), entry_points="same = {module}")
    registry = found()
    told = "the plug-ins modnet-one 1.2 and modnet-two 1.2 have one entry point name, 'same'"
    assert caplog.messages == [f"modnet: {told}"]
    assert registry.find("activation", "first").owner.distribution == "modnet-one"
    assert registry.find("activation", "second").owner.distribution == "modnet-two"
    assert registry.failures == {}
    assert registry.conflicts("modnet-one") == registry.conflicts("modnet-two") == [told]
    monkeypatch.setenv("MODNET_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=told):
        discover()
    monkeypatch.setenv("MODNET_DISABLE_PLUGINS", "modnet-one")
    caplog.clear()
    assert discover().conflicts("modnet-two") == []
    assert caplog.messages == []


def test_an_entry_point_that_stands_twice_in_one_distribution(
    site: Site, found: Callable[[], Registry], caplog: pytest.LogCaptureFixture
) -> None:
    site.install("modnet-one", GOOD.format(kind="first"), entry_points="same = {module}\nsame = {module}")
    assert found().find("activation", "first").owner.distribution == "modnet-one"
    assert caplog.messages == ["modnet: plug-in modnet-one 1.2 has the entry point 'same' twice"]


def test_no_collision_is_told_before_it_is_used(
    rivals: tuple[str, str], command: Modnet, caplog: pytest.LogCaptureFixture
) -> None:
    del rivals
    caplog.set_level(logging.WARNING, "modnet")
    assert command("train", "--epochs", 0, "--quiet", "--out", "run").code == 0
    assert caplog.messages == []
    layers = 'network.layers=[{kind="dense", units=3, activation="wanted"}, 10]'
    refused = command("train", "--epochs", 0, "--set", layers)
    assert refused.code == 2
    assert f"modnet: network.layers.0.activation: {BOTH}" in refused.err
    decided = command("train", "--epochs", 0, "--quiet", "--set", layers, "--set",
                      'prefer={"activation:wanted"="modnet-two"}', "--out", "decided")  # fmt: skip
    assert decided.code == 0
