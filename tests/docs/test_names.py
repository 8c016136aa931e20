"""Names in prose: each that is mentioned exists, and each public one is in the reference."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from inspect import get_annotations
from pathlib import Path
from typing import Any

import pytest

import modnet
import modnet.testing
from modnet.core.plugins.installed import COMMAND_GROUP

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MENTIONS = [
    *(path for folder in ("src", "plugins", "docs") for path in (ROOT / folder).rglob("*.py")),
    *DOCS.rglob("*.md"),
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
]
DOTTED = re.compile(r"(?<![\w./@-])modnet(?:\.[A-Za-z_]\w*)+")
FILE = re.compile(r"`((?:src|tests|docs|plugins|benchmarks|examples)/[\w./-]+)`")
ATTRIBUTE = re.compile(r"`([A-Z]\w+)\.([a-z_]\w*)(?:\([^`]*\))?`")


def public_names() -> list[str]:
    """Return the names in the stub."""
    stub = ast.parse((ROOT / "src/modnet/__init__.pyi").read_text(encoding="utf-8"))
    return [str(alias.asname) for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names]


def has(owner: Any, name: str) -> bool:
    """Return whether an object has an attribute; those of a class's instances are annotated or in its docstring."""
    classes = owner.__mro__ if isinstance(owner, type) else ()
    documented = re.search(rf"^ +{name}: ", getattr(owner, "__doc__", None) or "", re.MULTILINE)
    return hasattr(owner, name) or bool(documented) or any(name in get_annotations(cls) for cls in classes)


def exists(dotted: str) -> bool:
    """Return whether a name such as ``modnet.core.component.Slot`` can be imported or looked up."""
    owner: Any = modnet
    path, *names = dotted.split(".")
    for name in names:
        path = f"{path}.{name}"
        if not has(owner, name):
            try:
                import_module(path)
            except ModuleNotFoundError:
                return False
        owner = getattr(owner, name, None)
    return True


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("modnet.Layer", True),
        ("modnet.Layer.forward", True),
        ("modnet.ParameterSpec.shape", True),
        ("modnet.core.plugins.hookspecs.Events", True),
        ("modnet.callbacks.events", False),
        ("modnet.Layer.net_input", False),
        ("modnet.ParameterSpec.size", False),
        ("modnet.core.interfaces.Layers", False),
    ],
)
def test_a_name_that_does_not_exist_is_told_from_one_that_does(name: str, expected: bool) -> None:
    assert exists(name) is expected


def test_every_name_that_is_mentioned_exists() -> None:
    mentions = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in MENTIONS
        for name in DOTTED.findall(path.read_text(encoding="utf-8"))
        if not name.endswith(".json") and name != COMMAND_GROUP  # a file, a group of entry points
    }
    assert len(mentions) > 500
    known = {name: exists(name) for _, name in mentions}
    assert [mention for mention in sorted(mentions) if not known[mention[1]]] == []


def test_every_attribute_of_a_public_class_that_is_mentioned_exists() -> None:
    public = public_names()
    mentions = {
        (path.relative_to(ROOT).as_posix(), owner, name)
        for path in MENTIONS
        if path.stem != "CHANGELOG"  # it names what is gone
        for owner, name in ATTRIBUTE.findall(path.read_text(encoding="utf-8"))
        if owner in public
    }
    assert len(mentions) > 10
    assert [mention for mention in sorted(mentions) if not has(getattr(modnet, mention[1]), mention[2])] == []


def test_every_file_that_a_page_names_exists() -> None:
    mentions = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in MENTIONS
        if path.suffix == ".md"
        for name in FILE.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(mentions) > 10
    assert [mention for mention in mentions if not (ROOT / mention[1]).exists()] == []


def test_every_public_name_is_in_the_reference() -> None:
    pages = [path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md")]
    documented = re.findall(r"^::: (\S+)$", "\n".join(pages), re.MULTILINE)
    assert len(documented) == len(set(documented))
    public = {*public_names(), *(f"testing.{name}" for name in modnet.testing.__all__)}
    assert {f"modnet.{name}" for name in public} - set(documented) == set()
    for name in documented:
        assert exists(name)
