"""Plug-ins that are broken, or claim what others have: each is named, and hurts only who asks for what it gives."""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

import modnet
from modnet import ConfigError, PluginError, load_config
from modnet.components.activations import Sigmoid
from modnet.plugins.discovery import discover
from modnet.registry import Registry, UnknownKindError

PARTS = """
from typing import Literal
import modnet

class Part(modnet.Activation):
    kind: Literal["{kind}"] = "{kind}"

    def __call__(self, z):
        return z

    def backward(self, upstream, z, a):
        return upstream
"""


def hook(body: str, name: str = "modnet_components", arguments: str = "") -> str:
    return f"import modnet\n@modnet.hookimpl\ndef {name}({arguments}):\n    {body}\n"


GOOD = PARTS + hook("return [Part]")
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
    "an option of a type that only type checkers see": (LATE + hook("return [Part, Late]"), "'Decimal'"),
}


class Site:
    """A folder of distributions, as pip leaves them behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def install(self, distribution: str, source: str = "", version: str = "1.2", entry_points: str = "{module}") -> str:
        """Install a distribution with one module; ``entry_points`` is ``VALUE`` or ``NAME = VALUE`` lines."""
        module = f"modnet_test_plugin_{next(_numbers)}"
        self.modules.append(module)
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        lines = entry_points.format(module=module)
        lines = lines if "=" in lines else f"{distribution} = {lines}"
        information = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        information.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (information / "METADATA").write_text(metadata, encoding="utf-8")
        (information / "entry_points.txt").write_text(f"[modnet]\n{lines}\n", encoding="utf-8")
        return module


_numbers = count()


@pytest.fixture
def make_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[[], Site]]:
    """Make folders that stand on Python's path, an earlier one before a later one, until the test ends."""
    caplog.set_level(logging.WARNING, "modnet")
    monkeypatch.delenv("MODNET_STRICT_PLUGINS", raising=False)
    sites: list[Site] = []

    rest = list(sys.path)

    def make() -> Site:
        sites.append(Site(tmp_path / f"site{len(sites)}"))
        sites[-1].folder.mkdir()
        monkeypatch.setattr(sys, "path", [*(str(site.folder) for site in sites), *rest])
        importlib.invalidate_caches()
        return sites[-1]

    yield make
    for module in [module for site in sites for module in site.modules]:
        sys.modules.pop(module, None)


@pytest.fixture
def site(make_site: Callable[[], Site]) -> Site:
    return make_site()


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Registry]:
    """Discover, and let the process use what is found until the test ends."""

    def discover_now() -> Registry:
        registry = discover()
        monkeypatch.setattr(modnet.registry, "_active", registry)
        return registry

    return discover_now


def activation(kind: str) -> dict[str, object]:
    return {"network": {"layers": [{"kind": "dense", "units": 3, "activation": kind}, 10]}}


def assert_set_aside(registry: Registry, distribution: str, reason: str) -> None:
    """The default configuration holds, and who asks for the missing kind learns the true reason."""
    load_config()
    assert reason in registry.failures[distribution]
    with pytest.raises(ConfigError) as caught:
        load_config(activation("wanted"))
    message = str(caught.value)
    assert message.startswith("network.layers.0.activation: unknown activation 'wanted'")
    assert distribution in message
    assert reason in message
    assert "\n" not in message
    with pytest.raises(PluginError, match=re.escape(f"{distribution} was set aside: ")) as named:
        registry.find("activation", f"{distribution}:wanted")
    assert reason in str(named.value)


def test_a_good_plug_in(site: Site, found: Callable[[], Registry], caplog: pytest.LogCaptureFixture) -> None:
    site.install("modnet-good", GOOD.format(kind="good"))
    registration = found().find("activation", "good")
    assert str(registration.owner) == "modnet-good 1.2"
    assert not registration.owner.builtin
    config = load_config(activation("good"))
    assert config.to_plain()["network"]["layers"][0]["activation"] == "good"
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


def test_two_entry_points_with_one_name(
    site: Site, found: Callable[[], Registry], caplog: pytest.LogCaptureFixture
) -> None:
    site.install("modnet-one", GOOD.format(kind="wanted"), entry_points="same = {module}")
    site.install("modnet-two", GOOD.format(kind="other"), entry_points="same = {module}")
    registry = found()
    assert set(registry.failures) == {"modnet-one", "modnet-two"}
    assert len(caplog.messages) == 2
    assert all("two installed distributions have an entry point 'same'" in line for line in caplog.messages)
    assert_set_aside(registry, "modnet-one", "two installed distributions have an entry point 'same'")


def test_two_entry_points_with_one_module(
    site: Site, found: Callable[[], Registry], caplog: pytest.LogCaptureFixture
) -> None:
    site.install("modnet-good", GOOD.format(kind="good"), entry_points="one = {module}\ntwo = {module}")
    registry = found()
    assert registry.find("activation", "good").owner.distribution == "modnet-good"
    assert all(len(line) < 200 for line in caplog.messages), "no line shows pluggy's tables"


def test_two_reasons_of_one_distribution_are_both_kept(site: Site, found: Callable[[], Registry]) -> None:
    site.install("modnet-broken", "import first_missing", entry_points="one = {module}\ntwo = second_missing")
    with pytest.raises(UnknownKindError) as caught:
        found().find("activation", "wanted")
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
        plain = config.to_plain()
        assert plain["network"]["layers"][0]["activation"] == name
        assert load_config(plain) == config

    with pytest.raises(UnknownKindError, match="unknown activation 'modnet-three:wanted'"):
        registry.find("activation", "modnet-three:wanted")


def test_one_kind_in_two_families_is_no_conflict(site: Site, found: Callable[[], Registry]) -> None:
    site.install("modnet-one", GOOD.format(kind="wanted"))
    site.install("modnet-two", GOOD.format(kind="wanted").replace("modnet.Activation", "modnet.Rule"))
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
    assert config.to_plain()["network"]["layers"][0]["activation"] == "modnet-thief:sigmoid"
    assert registry.kinds("activation").count("sigmoid") == 1


def in_a_process(site: Site, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MODNET_")}
    path = os.pathsep.join([str(site.folder), str(Path(modnet.__file__ or "").parents[1])])
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
    assert "modnet-broken: ModuleNotFoundError: No module named 'no_such_module'" in error
