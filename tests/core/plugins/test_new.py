"""What ``modnet plugins new`` writes installs and passes its own tests as it stands, for every family."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from cli.running import Modnet
from core.plugins.processes import environment, install, python

from modnet.core.interfaces import FAMILIES

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
TESTS = Path(__file__).parents[2]
TRAIN = """
import sys
import modnet
from modnet.testing.subprocess_checks import HEAVY

for path in sys.argv[1:]:
    trainer = modnet.Trainer.from_config(path)  # which imports all plug-ins
    assert path != sys.argv[1] or not set(HEAVY) & set(sys.modules)
    trainer.fit(out=path[:-5])
"""


def test_an_activation_as_it_stands(command: Modnet, tmp_path: Path) -> None:
    written = command("plugins", "new", "modnet-bent", "--family", "activation")
    assert (written.code, written.err) == (0, "")
    assert written.lines == [
        "modnet-bent/pyproject.toml",
        "modnet-bent/README.md",
        "modnet-bent/src/modnet_bent/__init__.py",
        "modnet-bent/tests/test_modnet_bent.py",
    ]
    folder, site = Path("modnet-bent"), tmp_path / "site"
    shutil.copytree(folder, tmp_path / "copy")
    install(site, tmp_path / "copy")
    tested = python(folder, *PYTEST, **environment(site))
    assert tested.returncode == 0, tested.stdout
    assert " passed" in tested.stdout
    checked = python(tmp_path, "-m", "modnet", "plugins", "check", "modnet-bent", **environment(site))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.startswith("activation:bent: conforms (")
    listed = python(tmp_path, "-m", "modnet", "plugins", "list", "--json", **environment(site))
    (bent,) = [one for one in json.loads(listed.stdout) if one["name"] == "modnet-bent"]
    assert (bent["version"], bent["status"], bent["components"]) == ("0.1.0", "ok", ["activation:bent"])


def test_a_command_as_it_stands(command: Modnet, tmp_path: Path) -> None:
    assert command("plugins", "new", "modnet-count", "--family", "command").code == 0
    folder, site = Path("modnet-count"), tmp_path / "site"
    for path in (path for path in folder.rglob("*.*") if path.is_file()):
        assert not re.search(r"\b(NAME|MODULE|FAMILY|KIND|CLASS|CONFIG)\b", path.read_text(encoding="utf-8")), path
    shutil.copytree(folder, tmp_path / "copy")
    install(site, tmp_path / "copy")
    tested = python(folder, *PYTEST, "-W", "error", **environment(site, MODNET_STRICT_PLUGINS="1"))
    assert tested.returncode == 0, tested.stdout
    helped = python(tmp_path, "-m", "modnet", "--help", **environment(site))
    assert re.search(r"^  count +modnet-count: The command count for modnet\.$", helped.stdout, re.MULTILINE)
    checked = python(tmp_path, "-m", "modnet", "plugins", "check", "modnet-count", **environment(site))
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (0, "command:count: conforms (2 of 2 checks ran)")


def test_a_command_that_is_built_in(command: Modnet) -> None:
    refused = command("plugins", "new", "modnet-train", "--family", "command")
    assert refused.err == "modnet: --kind: the command 'train' is built in; allowed: another kind\n"


def test_every_family_installs_passes_and_trains(command: Modnet, tmp_path: Path) -> None:
    for family in FAMILIES:
        assert command("plugins", "new", f"my-{family}", "--family", family).code == 0
    folders = [Path(f"my-{family}").absolute() for family in FAMILIES]
    for path in (path for folder in folders for path in folder.rglob("*.*") if path.is_file()):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(NAME|MODULE|FAMILY|KIND|CLASS|CONFIG)\b", text), path
        assert "modnet" in text
    for folder in folders:
        shutil.copytree(folder, tmp_path / "copies" / folder.name)
    install(tmp_path / "site", *sorted((tmp_path / "copies").iterdir()))
    env = environment(tmp_path / "site", TESTS, MODNET_STRICT_PLUGINS="1")
    tested = python(Path(), *PYTEST, "-p", "testing.interpreter", "-W", "error", *folders, **env)
    assert tested.returncode == 0, tested.stdout
    for folder in folders:
        readme = (folder / "README.md").read_text(encoding="utf-8")
        text = readme.partition("```toml\n")[2].partition("```")[0]
        family = folder.name.removeprefix("my-")
        assert f"my-{family}" in text
        Path(f"{family}.toml").write_text(f"epochs = 1\n{text}", encoding="utf-8")
        tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    trained = python(Path(), "-W", "error", "-c", TRAIN, *(f"{family}.toml" for family in FAMILIES), **env)
    assert trained.returncode == 0, trained.stderr


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ("my plug-in",),
            "NAME: 'my plug-in' is not a distribution's name; allowed: letters, digits and . - _ between",
        ),
        (("-",), "NAME: '-' is not a distribution's name; "),
        (("../mine",), "NAME: '../mine' is not a distribution's name; "),
        (("3d",), "NAME: '3d' needs the module '3d', which Python cannot import; try 'modnet-"),
        (("class",), "NAME: 'class' needs the module 'class', which Python cannot import; try 'modnet-"),
        (("json",), "NAME: 'json' needs the module 'json', which exists already; try 'modnet-json'"),
        (("modnet",), "NAME: 'modnet' needs the module 'modnet', which exists already; try 'modnet-modnet'"),
        (("test",), "NAME: 'test' needs the module 'test', which exists already; try 'modnet-test'"),
        (("numpy",), "NAME: 'numpy' needs the module 'numpy', which is installed already; try 'modnet-numpy'"),
        (("NumPy",), "NAME: 'numpy' needs the module 'numpy', which is installed already; try 'modnet-numpy'"),
        (("pil",), "NAME: 'pil' needs the module 'pil', which is installed already; try 'modnet-pil'"),
        (("typing.extensions",), "NAME: 'typing-extensions' needs the module 'typing_extensions', which is installed"),
        (("python-dateutil",), "NAME: 'python-dateutil' needs the module 'python_dateutil', which is installed"),
        (("mine", "--kind", "My_Kind"), "--kind: 'My_Kind' is not a kind; allowed: lower-case words joined by hyphens"),
        (("modnet-3d",), "--kind: '3d' is not a kind; allowed: lower-case words joined by hyphens"),
        (("modnet-tanh",), "--kind: the activation 'tanh' is built in; allowed: another kind"),
        (("there",), "there: exists already; a new plug-in needs a new folder"),
        (("There",), "there: exists already; a new plug-in needs a new folder"),
    ],
)
def test_what_is_refused(command: Modnet, arguments: tuple[str, ...], error: str) -> None:
    Path("there").mkdir()
    result = command("plugins", "new", "--family", "activation", "--", *arguments) if arguments == ("-",) else command(
        "plugins", "new", *arguments, "--family", "activation")  # fmt: skip
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")
    assert [path.name for path in Path().iterdir()] == ["there"]
    assert not list(Path("there").iterdir())


def test_a_family_that_does_not_exist(command: Modnet) -> None:
    result = command("plugins", "new", "mine", "--family", "activations")
    assert result.code == 2
    assert "'activations' is not one of 'activation', 'callback'" in result.err


@pytest.mark.parametrize("kind", ["literal", "none", "field", "listener", "two-words", "activation"])
def test_a_kind_whose_class_would_hide_another_name(
    command: Modnet, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    assert command("plugins", "new", "Mine.Own_1", "--family", "activation", "--kind", kind).code == 0
    specs = spec_from_file_location("mine_own_1", "mine-own-1/src/mine_own_1/__init__.py")
    module = module_from_spec(specs)
    monkeypatch.setitem(sys.modules, "mine_own_1", module)
    specs.loader.exec_module(module)
    (part,) = module.modnet_components()
    assert part.kind_name() == kind
    assert part().kind == kind
