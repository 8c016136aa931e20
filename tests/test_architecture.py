"""Imports go one way, read from the syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import modnet

SOURCE = Path(modnet.__file__).parent

# Each room may import from the rooms before it, and from itself.
ORDER = [
    ["errors"],
    ["arrays", "randomness", "threads", "interruption", "storage.state", "storage.trees"],
    ["ownership"],
    ["registry"],
    ["schema"],
    ["components.base"],
    ["data.dataset"],
    ["components.families"],
    ["preferences"],
    ["plugins.hookspecs", "data"],
    ["components"],
    ["config"],
    ["network"],
    ["passes", "tally", "insight.summary"],
    ["lanes", "insight.flow", "insight.flows", "insight.findings"],
    ["composition", "storage"],
    ["divergence", "feeding", "position"],
    ["training"],
    ["callbacks"],
    ["keeping"],
    ["trainer"],
    ["insight"],
    ["pictures"],
    ["plugins"],
    ["document"],
    ["testing"],
    ["cli"],
]
# What is imported upwards on purpose, inside a function, when it is called.
UPWARDS = {
    ("network", "storage.model"): "save() is the network's own verb",
    ("network", "insight.summary"): "a network prints itself as its summary",
}
# The front door and the composition root see every room.
ROOTS = {"", "__main__"}
BASES = {"components.base", "components.families"}


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> int:
    """Return the place in ORDER of the most special entry that names this module or a folder around it."""
    matches = [
        (len(entry), place)
        for place, entries in enumerate(ORDER)
        for entry in entries
        if module == entry or module.startswith(f"{entry}.")
    ]
    assert matches, f"modnet.{module} has no place in the order of the rooms"
    return max(matches)[1]


def imports_of(path: Path) -> set[str]:
    """Return every modnet module that this file imports while the program runs."""
    found = set()
    for node in ast.walk(without_type_checking(ast.parse(path.read_text(encoding="utf-8")))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "modnet":
            base = node.module.removeprefix("modnet").removeprefix(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".removeprefix(".")
                is_module = (SOURCE / inner.replace(".", "/")).is_dir() or (
                    SOURCE / f"{inner.replace('.', '/')}.py"
                ).is_file()
                found.add(inner if is_module else base)
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("modnet.") for alias in node.names if alias.name.startswith("modnet.")}
    return found


def without_type_checking(tree: ast.Module) -> ast.Module:
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    return tree


FILES = [path for path in sorted(SOURCE.rglob("*.py")) if name_of(path) not in ROOTS]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_one_way(path):
    module = name_of(path)
    upwards = {
        other
        for other in imports_of(path)
        if other and room_of(other) > room_of(module) and (module, other) not in UPWARDS
    }
    assert not upwards


@pytest.mark.parametrize("module", ["network", "passes", "tally", "training", "trainer", "config"])
def test_the_core_knows_no_concrete_part(module):
    imported = {other for other in imports_of(SOURCE / f"{module}.py") if other.startswith("components")}
    assert imported <= BASES


def test_the_exceptions_are_used():
    for module, other in UPWARDS:
        assert other in imports_of(SOURCE / f"{module.replace('.', '/')}.py")


def test_the_registry_knows_no_pluggy():
    assert "pluggy" not in (SOURCE / "registry.py").read_text(encoding="utf-8").replace("knows no pluggy", "").replace(
        "nothing of how plug-ins are found", ""
    )
