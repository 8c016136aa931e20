"""Plug-ins that are broken, or claim what others have: each is named, and hurts only who asks for what it gives."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.running import Modnet
from core.plugins.sites import GOOD, PARTS, Site, activation, hook

import modnet
from modnet import ConfigError, PluginError, load_config
from modnet.core.plugins.discovery import discover
from modnet.core.registry import Registry, UnknownKindError

WANTED = PARTS.format(kind="wanted")
NAMELESS = "import modnet\nclass Nameless(modnet.Activation): pass\n"
AGAIN = WANTED + "class Again(Part): pass\n"
LOST = WANTED + "class Lost(Part): family = 'wishes'\n"
LATE = f"""from __future__ import annotations
{WANTED}
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from decimal import Decimal
class Late(Part):
    kind: Literal["late"] = "late"
    scale: Decimal = 1
"""

# What the module says, and what the one line about it has to say.
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
    "a part of the wrong type": (
        WANTED + hook("return [Part, int]"),
        "<class 'int'> is no class of a part; allowed are subclasses of activation, callback, cost",
    ),
    "a part in place of its class": (WANTED + hook("return [Part()]"), "Part(kind='wanted') is no class of a part"),
    "a kind in place of a class": (hook("return ['wanted']"), "'wanted' is no class of a part"),
    "a part without a kind": (NAMELESS + hook("return [Nameless]"), "Nameless"),
    "a kind with a capital": (GOOD.format(kind="Wanted"), "Part has the kind 'Wanted'; allowed are lower-case words"),
    "a kind with a space": (GOOD.format(kind="is wanted"), "'is wanted'"),
    "a kind with an underscore": (GOOD.format(kind="is_wanted"), "'is_wanted'"),
    "a kind with a colon": (GOOD.format(kind="other:wanted"), "'other:wanted'"),
    "an empty kind": (GOOD.format(kind=""), "Part has the kind ''"),
    "one kind twice": (AGAIN + hook("return [Part, Again]"), "gives the activation 'wanted' twice"),
    "a family that does not exist": (LOST + hook("return [Part, Lost]"), "Lost"),
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


def assert_set_aside(registry: Registry, distribution: str, reason: str) -> None:
    """The default configuration holds, and who asks for the missing kind learns the true reason."""
    load_config()
    assert reason in registry.failures[distribution]
    with pytest.raises(ConfigError) as caught:
        load_config(activation("wanted"))
    message = str(caught.value)
    told = (
        "network.layers.0.activation: unknown activation 'wanted'; ",
        f"network.layers.0.activation: the activation 'wanted' is of {distribution} 1.2, which was set aside: ",
    )
    assert message.startswith(told)
    assert distribution in message
    assert reason in message
    assert "\n" not in message
    with pytest.raises(PluginError, match=re.escape(f"{distribution} 1.2")) as refused:
        registry.find("activation", f"{distribution}:wanted")
    assert "was set aside: " in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize("source", [source for source, _ in BROKEN.values()], ids=BROKEN.keys())
def test_the_default_training_goes_on_beside_a_broken_plug_in(site: Site, command: Modnet, source: str) -> None:
    site.install("modnet-broken", source)
    result = command("train", "--epochs", 1, "--quiet", "--out", "run")
    assert result.code == 0
    assert result.out.startswith("Reached test accuracy ")
    (listed,) = json.loads(command("plugins", "list", "--json").out)
    assert (listed["name"], listed["status"], listed["components"]) == ("modnet-broken", "failed", [])


def test_there_are_enough_kinds_of_broken_plug_ins() -> None:
    assert len(BROKEN) >= 20


def test_a_good_plug_in(site: Site, found: Callable[[], Registry], caplog: pytest.LogCaptureFixture) -> None:
    site.install("modnet-good", GOOD.format(kind="good"))
    registration = found().find("activation", "good")
    assert str(registration.provider) == "modnet-good 1.2"
    assert not registration.provider.builtin
    config = load_config(activation("good"))
    assert config.to_config()["network"]["layers"][0]["activation"] == "good"
    assert caplog.messages == []


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plug_in_is_set_aside_and_its_neighbours_are_not(
    make_site: Callable[[], Site],
    found: Callable[[], Registry],
    caplog: pytest.LogCaptureFixture,
    source: str,
    reason: str,
) -> None:
    make_site().install("modnet-before", GOOD.format(kind="before"))
    make_site().install("modnet-broken", source)
    make_site().install("modnet-after", GOOD.format(kind="after"))
    registry = found()
    assert registry.find("activation", "before").owner.distribution == "modnet-before"
    assert registry.find("activation", "after").owner.distribution == "modnet-after"
    (line,) = caplog.messages
    assert line.startswith("modnet: plug-in modnet-broken 1.2 was set aside: ")
    assert reason in line
    assert "\n" not in line
    assert list(registry.failures) == ["modnet-broken"]
    assert_set_aside(registry, "modnet-broken", reason)


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
    site: Site, found: Callable[[], Registry], caplog: pytest.LogCaptureFixture, value: str, reason: str
) -> None:
    site.install("modnet-broken", WANTED, entry_points=value)
    assert_set_aside(found(), "modnet-broken", reason)
    (line,) = caplog.messages
    assert line.startswith("modnet: plug-in modnet-broken 1.2 was set aside: ")


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
    site: Site, found: Callable[[], Registry], caplog: pytest.LogCaptureFixture
) -> None:
    site.install("modnet-good", GOOD.format(kind="good"), entry_points="one = {module}\ntwo = {module}")
    registry = found()
    assert registry.find("activation", "good").owner.distribution == "modnet-good"
    assert all(len(line) < 200 for line in caplog.messages), "no line shows pluggy's tables"


def test_what_a_refused_plug_in_would_have_given_is_known(site: Site, found: Callable[[], Registry]) -> None:
    site.install("modnet-broken", AGAIN + hook("return [Part, Again]"))
    registry = found()
    with pytest.raises(PluginError, match=r"the activation 'wanted' is of modnet-broken 1.2, which was set aside: "):
        registry.find("activation", "wanted")
    with pytest.raises(UnknownKindError) as caught:
        registry.find("activation", "sigmod")
    assert str(caught.value) == "unknown activation 'sigmod'; did you mean 'sigmoid'?"


def test_a_plug_in_may_name_built_in_parts_while_it_is_imported(site: Site, found: Callable[[], Registry]) -> None:
    more = "\nfirst = modnet.Layer.resolve({'kind': 'dense', 'units': 3})\n"
    site.install("modnet-good", GOOD.format(kind="good") + more)
    assert found().failures == {}


def test_a_strict_failure_names_the_plug_in_and_no_key(site: Site, command: Modnet) -> None:
    site.install("modnet-broken", "import no_such_module")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODNET_STRICT_PLUGINS", "1")
        result = command("train", "--epochs", 1)
    reason = "ModuleNotFoundError: No module named 'no_such_module'"
    assert (result.code, result.err) == (2, f"modnet: plug-in modnet-broken 1.2: {reason}\n")


def test_two_reasons_of_one_distribution_are_both_kept(site: Site, found: Callable[[], Registry]) -> None:
    site.install("modnet-broken", "import first_missing", entry_points="one = {module}\ntwo = second_missing")
    with pytest.raises(UnknownKindError) as caught:
        found().find("activation", "wanted")
    assert "unknown activation 'wanted'" in str(caught.value)
    assert "it is not known what these would give: modnet-broken 1.2 was set aside: " in str(caught.value)
    assert "first_missing" in str(caught.value)
    assert "second_missing" in str(caught.value)


@pytest.mark.parametrize("missing", ["METADATA", "Name", "Version"])
def test_damaged_metadata_stop_nothing(site: Site, found: Callable[[], Registry], missing: str) -> None:
    site.install("modnet-good", GOOD.format(kind="good"))
    metadata = site.folder / "modnet_good-1.2.dist-info" / "METADATA"
    if missing == "METADATA":
        metadata.unlink()
    else:
        lines = metadata.read_text(encoding="utf-8").splitlines()
        metadata.write_text("\n".join(line for line in lines if not line.startswith(missing)), encoding="utf-8")
    owner = found().find("activation", "good").owner
    assert isinstance(owner.distribution, str)
    assert isinstance(owner.version, str)
    load_config()


def test_entry_points_that_cannot_be_read_stop_nothing(site: Site, found: Callable[[], Registry]) -> None:
    site.install("modnet-broken", entry_points="{module} = {module}\nwithout an equals sign")
    found()
    load_config()


def in_a_process(site: Site, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MODNET_")}
    path = os.pathsep.join([str(site.folder), str(Path(modnet.__file__ or "").parents[0])])
    environment = {**kept, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **environment}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8")


def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.install("modnet-gone", "raise SystemExit('gone')")
    site.install("modnet-good", GOOD.format(kind="good"))
    module = site.install("modnet-misspelt", WANTED + hook("return [Part]", "modnet_component"))
    default = in_a_process(site, "import modnet; print(modnet.load_config().epochs)")
    assert (default.returncode, default.stdout) == (0, "30\n")
    lines = sorted(default.stderr.splitlines())
    assert lines[0] == "modnet: plug-in modnet-gone 1.2 was set aside: SystemExit: gone"
    assert lines[1].startswith("modnet: plug-in modnet-misspelt 1.2 was set aside: ")
    assert "unknown hook 'modnet_component'" in lines[1]
    assert len(lines) == 2

    # Importing modnet, and its version, load no plug-in: neither the broken ones nor the good one.
    quiet = in_a_process(site, f"import sys, modnet; modnet.__version__; print({module!r} in sys.modules)")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "False\n", "")

    fatal = in_a_process(site, "import modnet; modnet.load_config()", MODNET_STRICT_PLUGINS="1")
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
    refused = in_a_process(site, code.format(arguments))
    assert refused.returncode == 2
    aside, error = refused.stderr.splitlines()
    assert aside.startswith("modnet: plug-in modnet-broken 1.2 was set aside: ModuleNotFoundError")
    assert error.startswith("modnet: network.layers.0.activation: unknown activation 'wanted'")
    assert "modnet-broken 1.2 was set aside: ModuleNotFoundError: No module named 'no_such_module'" in error
