"""Imports go one way. Every import counts: those under TYPE_CHECKING and those inside functions too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import modnet

SOURCE = Path(modnet.__file__).parent
PLUGINS = sorted(path.parent for path in Path(__file__).parents[1].glob("plugins/*/src/*/__init__.py"))

# A room may import from the floors below it, from itself, and not from its neighbours.
FLOORS = [
    ["core"],
    ["data", "components"],
    ["config"],
    ["network"],
    ["engines", "storage"],
    ["training"],
    ["analysis", "testing", "neural_network"],
    ["builtin"],
    ["cli"],
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# What decides how a training runs knows the base classes, and no component by name.
WITHOUT_COMPONENTS = ["config", "network", "engines", "storage", "training"]
MOST_ROOMS, MOST_FLOORS = 11, 10
MOST_LINES, MOST_CLASS_LINES = 300, 200


def module_of(path: Path, folder: Path = SOURCE) -> str:
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    module_of(path): path for path in sorted(SOURCE.rglob("*.py")) if path.parent != SOURCE or path.stem[:2] != "__"
}


def imported_by(tree: ast.Module, module: str = "") -> Iterator[str]:
    """Yield every module of modnet that a syntax tree imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("modnet.") for alias in node.names if alias.name.startswith("modnet."))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            package, _, name = (node.module or "").partition(".")
            if package == "modnet":
                for alias in node.names:
                    inner = f"{name}.{alias.name}".removeprefix(".")
                    yield inner if inner in FILES else name


IMPORTS = {
    module: {other for other in imported_by(ast.parse(path.read_text(encoding="utf-8")), module) if other} - {module}
    for module, path in FILES.items()
}


def room_of(module: str) -> str:
    return module.split(".")[0]


def may_import(module: str, other: str) -> bool:
    here, there = room_of(module), room_of(other)
    return here == there or FLOOR_OF[there] < FLOOR_OF[here]


def circle_in(imports: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.mark.parametrize("module", FILES)
def test_imports_go_one_way(module):
    assert not [other for other in IMPORTS[module] if not may_import(module, other)]


def test_no_file_imports_itself_by_way_of_others():
    assert not circle_in(IMPORTS)


def test_no_folder_imports_itself_by_way_of_others():
    assert not circle_in(folders())


def folders() -> dict[str, set[str]]:
    """Return folder → folders that its files import from; a single file at the top is a folder of its own."""

    def folder(module: str) -> str:
        return module if FILES[module].stem == "__init__" else module.rpartition(".")[0] or module

    arrows: dict[str, set[str]] = {}
    for module, others in IMPORTS.items():
        arrows.setdefault(folder(module), set()).update(folder(other) for other in others)
    return {name: others - {name} for name, others in arrows.items()}


def test_the_house_is_small_enough_to_be_known():
    rooms = [path for path in SOURCE.iterdir() if (path / "__init__.py").exists()]
    assert len(rooms) <= MOST_ROOMS
    assert max(floors().values()) <= MOST_FLOORS


def floors() -> dict[str, int]:
    """Return how many rooms, itself included, the longest way down from each room leads through."""
    below: dict[str, set[str]] = {}
    for module, others in IMPORTS.items():
        below.setdefault(room_of(module), set()).update(map(room_of, others))
    height: dict[str, int] = {}
    for room in TopologicalSorter({room: rooms - {room} for room, rooms in below.items()}).static_order():
        height[room] = 1 + max((height[other] for other in below[room] - {room}), default=0)
    return height


@pytest.mark.parametrize("source", [SOURCE, *PLUGINS], ids=lambda source: source.name)
def test_files_and_classes_can_be_read_in_one_sitting(source):
    paths = list(source.rglob("*.py"))
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= MOST_LINES, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                assert (node.end_lineno or 0) - node.lineno < MOST_CLASS_LINES, f"{path}: {node.name}"


@pytest.mark.parametrize("source", PLUGINS, ids=lambda source: source.name)
def test_no_file_of_a_plug_in_imports_itself_by_way_of_others(source):
    files = {module_of(path, source.parent): path for path in source.rglob("*.py")}
    imports: dict[str, set[str]] = {}
    for module, path in files.items():
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module}: imports are absolute"
                of_package = {f"{node.module}.{alias.name}" for alias in node.names} & files.keys()
                found |= of_package or {node.module or ""}
        imports[module] = (found & files.keys()) - {module}
    assert not circle_in(imports)


@pytest.mark.parametrize("module", [module for module in FILES if room_of(module) in WITHOUT_COMPONENTS])
def test_what_trains_a_network_knows_no_concrete_component(module):
    assert not [other for other in IMPORTS[module] if room_of(other) == "components"]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("__init__.py")), ids=module_of)
def test_every_room_says_what_it_holds(path):
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said
    assert len(said.splitlines()[0]) > 20


@pytest.mark.parametrize(
    "source",
    [
        "from modnet.cli.train import command",
        "import modnet.cli.train",
        "from modnet.cli import train",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from modnet.cli import train",
        "import typing as t\nif t.TYPE_CHECKING:\n    from modnet.cli.train import command",
        "def late():\n    from modnet.cli import train\n    return train",
    ],
)
def test_an_import_upwards_is_seen_wherever_it_stands(source):
    (found,) = imported_by(ast.parse(source))
    assert found == "cli.train"
    assert not may_import("network.network", found)


def test_a_circle_is_seen():
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}})


def test_the_registry_knows_no_pluggy():
    tree = ast.parse(FILES["core.registry"].read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "pluggy" not in names


def imported_at_once(tree: ast.Module) -> set[str]:
    """Return the packages that a module imports while it is imported: not in functions, nor for type checkers."""
    names, nodes = set(), list(tree.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            nodes += ast.iter_child_nodes(node)
    return names


@pytest.mark.parametrize("module", FILES)
def test_what_is_heavy_or_optional_is_imported_where_it_is_needed(module):
    packages = imported_at_once(ast.parse(FILES[module].read_text(encoding="utf-8")))
    assert not packages & {"matplotlib", "rich"}
    assert "click" not in packages or room_of(module) == "cli"


def test_a_heavy_import_is_seen_wherever_it_stands():
    source = """
import matplotlib.pyplot
try:
    from click import echo
except ImportError:
    import numpy
if TYPE_CHECKING:
    import pandas
else:
    import json
class A:
    import os.path
    def method(self):
        import rich
"""
    assert imported_at_once(ast.parse(source)) == {"matplotlib", "click", "numpy", "json", "os"}


def test_the_schema_for_editors_is_imported_by_the_command_alone():
    """Neither loading a configuration nor training needs it."""
    users = {room_of(module) for module, others in IMPORTS.items() if "config.json_schema" in others}
    assert users == {"cli"}
