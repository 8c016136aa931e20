"""Broken plug-ins: each is reported, and is an error only where one of its components is used."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import NoReturn

import pytest
from cli.running import Modnet
from core.plugins.processes import environment, python
from core.plugins.sites import COMPONENT, GOOD, Site, activation, hook

from modnet import ConfigError, PluginError, builtin, hookimpl, load_config
from modnet.core.interfaces import FAMILIES
from modnet.core.plugins import discovery
from modnet.core.plugins.discovery import discover
from modnet.core.registry import Registry, UnknownKindError

WANTED = COMPONENT.format(kind="wanted")
NAMELESS = "import modnet\nclass Nameless(modnet.Activation): pass\n"
AGAIN = WANTED + "class Again(Part): pass\n"
LOST = WANTED + "class Lost(Part): family = 'wishes'\n"
HALF = "import modnet\nclass Half(modnet.Activation):\n    kind: str = 'half'\n    def __call__(self, z): return z\n"
EMPTY = "import modnet\nclass Empty(modnet.Layer):\n    kind: str = 'empty'\n"
BARE = WANTED + "from modnet.core.component import Component\nclass Bare(Component):\n    kind: Literal['b'] = 'b'\n"
LATE = f"""from __future__ import annotations
{WANTED}
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from decimal import Decimal
class Late(Part):
    kind: Literal["late"] = "late"
    scale: Decimal = 1
"""

# The source of a module, and what the line about it contains.
BROKEN: dict[str, tuple[str, str]] = {
    "a failing import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "a syntax error": ("def (", "SyntaxError: "),
    "an exit at import": ("raise SystemExit(3)", "SystemExit: 3"),
    "a reason of two lines": ("raise RuntimeError('one\\ntwo')", "RuntimeError: one two"),
    "no hook": ("", "implements no hook 'modnet_components'"),
    "an unmarked hook": (WANTED + "def modnet_components(): return [Part]", "is it marked with @modnet.hookimpl?"),
    "a misspelt hook": (WANTED + hook("return [Part]", "modnet_component"), "unknown hook 'modnet_component'"),
    "a misspelt hook beside a right one": (
        WANTED + hook("return [Part]") + hook("return [Part]", "modnet_activations"),
        "unknown hook 'modnet_activations'",
    ),
    "a hook that wants an argument": (WANTED + hook("return [Part]", arguments="more"), "modnet_components"),
    "a misspelt hook, and one that wants an argument": (
        WANTED + hook("return [Part]", "modnet_component") + hook("return [Part]", arguments="more"),
        "modnet_component",
    ),
    "a hook that raises": (hook("raise ValueError('no luck today')"), "ValueError: no luck today"),
    "a hook that exits": (hook("raise SystemExit('bye')"), "SystemExit: bye"),
    "a hook that raises midway": (WANTED + hook("yield Part; raise ValueError('midway')"), "ValueError: midway"),
    "nothing returned": (hook("pass"), "modnet_components returned None; a list of classes is expected"),
    "a class returned": (WANTED + hook("return Part"), "a list of classes is expected"),
    "something else than a component": (
        WANTED + hook("return [Part, int]"),
        "<class 'int'> is not a component class; allowed are subclasses of activation, callback, cost",
    ),
    "a component instead of its class": (
        WANTED + hook("return [Part()]"),
        "Part(kind='wanted') is not a component class",
    ),
    "a kind instead of a class": (hook("return ['wanted']"), "'wanted' is not a component class"),
    "a component without a kind": (NAMELESS + hook("return [Nameless]"), "Nameless sets no kind"),
    "a component without a method of its family": (
        WANTED + HALF + hook("return [Part, Half]"),
        "Half has no backward, which every activation must have",
    ),
    "a component without any method of its family": (
        EMPTY + hook("return [Empty]"),
        "Empty has no backward and no forward, which every layer must have",
    ),
    "a kind with a capital": (GOOD.format(kind="Wanted"), "Part has the kind 'Wanted'; allowed are lower-case words"),
    "a kind with a space": (GOOD.format(kind="is wanted"), "'is wanted'"),
    "a kind with an underscore": (GOOD.format(kind="is_wanted"), "'is_wanted'"),
    "a kind with a colon": (GOOD.format(kind="other:wanted"), "'other:wanted'"),
    "an empty kind": (GOOD.format(kind=""), "Part has the kind ''"),
    "one kind twice": (AGAIN + hook("return [Part, Again]"), "provides the activation 'wanted' twice"),
    "a family that does not exist": (LOST + hook("return [Part, Lost]"), "Lost"),
    "a component of no family": (BARE + hook("return [Part, Bare]"), "Bare'> is not a component class"),
    "a component of a new family": (
        BARE + hook("Bare.family = 'wishes'; return [Part, Bare]"),
        "Bare sets family = 'wishes', but does not derive from the base class of that family",
    ),
    "an error that cannot be shown": (
        "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
        "Mute: its error cannot be shown",
    ),
    "a cancelled import": ("import asyncio\nraise asyncio.CancelledError('gone')", "CancelledError: gone"),
    "a warning that is an error": (
        "import warnings\nwarnings.warn('old', DeprecationWarning)",
        "DeprecationWarning: old",
    ),
    "an option of a type that only type checkers see": (LATE + hook("return [Part, Late]"), "'Decimal'"),
}


def assert_unavailable(registry: Registry, distribution: str, reason: str) -> None:
    """The default configuration is valid, and an error about the missing kind says the true reason."""
    load_config()
    assert [plugin.provider.distribution for plugin in registry.unavailable] == [distribution]
    assert reason in registry.unavailable[0].reason
    with pytest.raises(ConfigError) as caught:
        load_config(activation("wanted"))
    message = str(caught.value)
    assert message.startswith("network.layers.0.activation: unknown activation 'wanted'; ")
    assert f"{distribution} 1.2" in message
    assert reason in message
    assert "\n" not in message
    with pytest.raises(PluginError, match=re.escape(f"{distribution} 1.2")) as refused:
        registry.find("activation", f"{distribution}:wanted")
    assert "could not be loaded: " in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize("source", [source for source, _ in BROKEN.values()], ids=BROKEN.keys())
def test_the_default_training_runs_beside_a_broken_plug_in(site: Site, command: Modnet, source: str) -> None:
    site.install("modnet-broken", source)
    result = command("train", "--epochs", 1, "--quiet", "--out", "run")
    assert result.code == 0
    assert result.out.startswith("Reached test accuracy ")
    (listed,) = json.loads(command("plugins", "list", "--json").out)
    assert (listed["name"], listed["status"], listed["components"]) == ("modnet-broken", "failed", [])


def test_a_good_plug_in(site: Site, rediscover: Callable[[], Registry], caplog: pytest.LogCaptureFixture) -> None:
    site.install("modnet-good", GOOD.format(kind="good"))
    registration = rediscover().find("activation", "good")
    assert str(registration.provider) == "modnet-good 1.2"
    assert not registration.provider.builtin
    config = load_config(activation("good"))
    assert config.to_config()["network"]["layers"][0]["activation"] == "modnet-good:good"
    assert caplog.messages == []


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plug_in_does_not_affect_the_others(
    make_site: Callable[[], Site],
    rediscover: Callable[[], Registry],
    caplog: pytest.LogCaptureFixture,
    source: str,
    reason: str,
) -> None:
    make_site().install("modnet-before", GOOD.format(kind="before"))
    make_site().install("modnet-broken", source)
    make_site().install("modnet-after", GOOD.format(kind="after"))
    registry = rediscover()
    assert registry.find("activation", "before").provider.distribution == "modnet-before"
    assert registry.find("activation", "after").provider.distribution == "modnet-after"
    (line,) = caplog.messages
    assert line.startswith("modnet: plug-in modnet-broken 1.2 could not be loaded: ")
    assert reason in line
    assert "\n" not in line
    assert_unavailable(registry, "modnet-broken", reason)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("{module}:nothing", "AttributeError: "),
        ("{module}:Part", "implements no hook 'modnet_components'"),
        ("not a module!", ""),
    ],
)
def test_an_entry_point_that_names_no_plug_in(
    site: Site, rediscover: Callable[[], Registry], caplog: pytest.LogCaptureFixture, value: str, reason: str
) -> None:
    site.install("modnet-broken", WANTED, entry_points=value)
    assert_unavailable(rediscover(), "modnet-broken", reason)
    (line,) = caplog.messages
    assert line.startswith("modnet: plug-in modnet-broken 1.2 could not be loaded: ")


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_strict_plug_ins_make_it_fatal(site: Site, monkeypatch: pytest.MonkeyPatch, source: str, reason: str) -> None:
    site.install("modnet-broken", source)
    monkeypatch.setenv("MODNET_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError) as caught:
        discover()
    assert str(caught.value).startswith("plug-in modnet-broken 1.2: ")
    assert reason in str(caught.value)
    monkeypatch.setenv("MODNET_STRICT_PLUGINS", "0")
    discover()


def test_an_interrupt_at_import_is_no_broken_plug_in(site: Site) -> None:
    site.install("modnet-slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover()


def test_two_entry_points_with_one_module(
    site: Site, rediscover: Callable[[], Registry], caplog: pytest.LogCaptureFixture
) -> None:
    site.install("modnet-good", GOOD.format(kind="good"), entry_points="one = {module}\ntwo = {module}")
    registry = rediscover()
    assert registry.find("activation", "good").provider.distribution == "modnet-good"
    assert all(len(line) < 200 for line in caplog.messages), "no line shows pluggy's tables"


def test_a_plug_in_is_registered_whole_or_not_at_all(site: Site, rediscover: Callable[[], Registry]) -> None:
    site.install("modnet-broken", AGAIN + hook("return [Part, Again]"))
    registry = rediscover()
    reason = "modnet-broken 1.2 could not be loaded: provides the activation 'wanted' twice"
    with pytest.raises(PluginError, match=f"^{reason}$"):
        registry.find("activation", "modnet-broken:wanted")
    with pytest.raises(UnknownKindError) as caught:
        registry.find("activation", "wanted")
    assert str(caught.value).endswith(f"(it may be provided by a plug-in that is not available: {reason})")


def test_a_plug_in_may_use_built_in_components_while_it_is_imported(
    site: Site, rediscover: Callable[[], Registry]
) -> None:
    more = "\nfirst = modnet.Layer.resolve({'kind': 'dense', 'units': 3})\n"
    site.install("modnet-good", GOOD.format(kind="good") + more)
    assert rediscover().unavailable == []


def test_a_strict_failure_names_the_plug_in_and_no_key(site: Site, command: Modnet) -> None:
    site.install("modnet-broken", "import no_such_module")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODNET_STRICT_PLUGINS", "1")
        result = command("train", "--epochs", 1)
    reason = "ModuleNotFoundError: No module named 'no_such_module'"
    assert (result.code, result.err) == (2, f"modnet: plug-in modnet-broken 1.2: {reason}\n")


def test_two_reasons_of_one_distribution_are_both_kept(site: Site, rediscover: Callable[[], Registry]) -> None:
    site.install("modnet-broken", "import first_missing", entry_points="one = {module}\ntwo = second_missing")
    with pytest.raises(UnknownKindError) as caught:
        rediscover().find("activation", "wanted")
    assert "unknown activation 'wanted'" in str(caught.value)
    assert "(it may be provided by a plug-in that is not available: modnet-broken 1.2 could not be loaded: " in str(
        caught.value
    )
    assert "first_missing" in str(caught.value)
    assert "second_missing" in str(caught.value)


@pytest.mark.parametrize("missing", ["METADATA", "Name", "Version"])
def test_damaged_metadata_does_not_stop_discovery(site: Site, rediscover: Callable[[], Registry], missing: str) -> None:
    site.install("modnet-good", GOOD.format(kind="good"))
    metadata = site.folder / "modnet_good-1.2.dist-info" / "METADATA"
    if missing == "METADATA":
        metadata.unlink()
    else:
        lines = metadata.read_text(encoding="utf-8").splitlines()
        metadata.write_text("\n".join(line for line in lines if not line.startswith(missing)), encoding="utf-8")
    provider = rediscover().find("activation", "good").provider
    assert isinstance(provider.distribution, str)
    assert isinstance(provider.version, str)
    load_config()


def test_entry_points_that_cannot_be_read_do_not_stop_discovery(
    make_site: Callable[[], Site], rediscover: Callable[[], Registry], caplog: pytest.LogCaptureFixture
) -> None:
    """Python's own ``entry_points`` fails as a whole where one of them cannot be read."""
    make_site().install("modnet-good", GOOD.format(kind="good"))
    make_site().install("modnet-broken", entry_points="{module} = {module}\nwithout an equals sign")
    make_site().install("modnet-good", GOOD.format(kind="shadowed"))
    registry = rediscover()
    assert registry.find("activation", "good").provider.distribution == "modnet-good"
    assert "shadowed" not in registry.kinds("activation")
    load_config()
    (line,) = caplog.messages
    assert line.startswith("modnet: plug-in modnet-broken 1.2 could not be loaded: ")


def run_code(site: Site, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return python(site.folder, "-c", code, **environment(site.folder, **variables))


def test_in_a_separate_process(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.install("modnet-gone", "raise SystemExit('gone')")
    site.install("modnet-good", GOOD.format(kind="good"))
    module = site.install("modnet-misspelt", WANTED + hook("return [Part]", "modnet_component"))
    default = run_code(site, "import modnet; print(modnet.load_config().epochs)")
    assert (default.returncode, default.stdout) == (0, "30\n")
    lines = sorted(default.stderr.splitlines())
    assert lines[0] == "modnet: plug-in modnet-gone 1.2 could not be loaded: SystemExit: gone"
    assert lines[1].startswith("modnet: plug-in modnet-misspelt 1.2 could not be loaded: ")
    assert "unknown hook 'modnet_component'" in lines[1]
    assert len(lines) == 2

    # Importing modnet, and its version, load no plug-in: neither the broken ones nor the good one.
    quiet = run_code(site, f"import sys, modnet; modnet.__version__; print({module!r} in sys.modules)")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "False\n", "")

    fatal = run_code(site, "import modnet; modnet.load_config()", MODNET_STRICT_PLUGINS="1")
    assert fatal.returncode == 1
    last = fatal.stderr.splitlines()[-1]
    assert "plug-in modnet-" in last
    assert re.search(r"SystemExit: gone|unknown hook 'modnet_component'", last)


def test_the_command_says_the_true_reason_in_one_line_with_status_2(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.install("modnet-broken", "import no_such_module")
    code = "import sys; from modnet.cli import main; sys.argv[1:] = {}; main()"
    setting = f"network.layers={json.dumps([10])}"
    arguments = ["train", "--set", setting, "--set", "network.layers.0.activation=wanted", "--out", str(tmp_path / "r")]
    refused = run_code(site, code.format(arguments))
    assert refused.returncode == 2
    aside, error = refused.stderr.splitlines()
    assert aside.startswith("modnet: plug-in modnet-broken 1.2 could not be loaded: ModuleNotFoundError")
    assert error.startswith("modnet: network.layers.0.activation: unknown activation 'wanted'")
    assert "modnet-broken 1.2 could not be loaded: ModuleNotFoundError: No module named 'no_such_module'" in error


def test_the_built_ins_come_by_an_entry_point_of_their_own() -> None:
    (point,) = entry_points(group="modnet", name="builtin")
    assert point.load() is builtin
    assert point.dist is not None
    assert point.dist.name == "modnet-framework"
    registry = discover()
    builtins = [entry.component for entry in registry if entry.provider.builtin]
    assert builtins == builtin.modnet_components()
    assert registry.providers[0].distribution == "modnet-framework"
    assert registry.providers[0].version == version("modnet-framework")
    assert {component.family for component in builtins} == set(FAMILIES)


def test_a_missing_distribution_of_modnet_itself_is_one_line(command: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "installed", lambda *_: [])
    reason = "the distribution modnet-framework is not installed, so there are no components"
    with pytest.raises(PluginError, match=f"^{reason}$"):
        discover()
    result = command("train", "--epochs", 1)
    assert (result.code, result.out, result.err) == (2, "", f"modnet: {reason}\n")


def test_a_built_in_that_fails_is_not_taken_for_a_broken_plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> NoReturn:
        raise RuntimeError("a bug in modnet")

    monkeypatch.setattr(builtin, "modnet_components", hookimpl(fail))
    with pytest.raises(RuntimeError, match="a bug in modnet"):
        discover()
