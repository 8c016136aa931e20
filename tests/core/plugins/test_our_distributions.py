"""The distributions in ``plugins/`` beside each other: their names, entry points and commands do not collide."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from core.plugins.processes import environment, python
from core.plugins.sites import Site

from modnet.cli.common.builtin_commands import COMMANDS
from modnet.core.plugins.installed import COMMAND_GROUP, COMPONENT_GROUP
from modnet.core.registry import KIND, canonical

ROOT = Path(__file__).resolve().parents[3]
PROJECTS: dict[str, dict[str, Any]] = {
    path.parent.name: tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    for path in sorted((ROOT / "plugins").glob("*/pyproject.toml"))
}


def entry_points(project: dict[str, Any], group: str) -> dict[str, str]:
    return dict(project.get("entry-points", {}).get(group, {}))


def test_there_are_some() -> None:
    assert {"modnet-activations", "modnet-onnx", "modnet-sklearn"} <= PROJECTS.keys()


@pytest.mark.parametrize("folder", PROJECTS)
def test_a_distribution_is_what_its_folder_says(folder: str) -> None:
    project = PROJECTS[folder]
    assert project["name"] == canonical(folder) == folder
    assert (ROOT / "plugins" / folder / "src" / folder.replace("-", "_") / "__init__.py").is_file()
    assert any(re.match(r"modnet-framework\b", each) for each in project["dependencies"])
    for requirement in project["dependencies"]:
        assert re.search(r">=\d", requirement), requirement


@pytest.mark.parametrize("group", [COMPONENT_GROUP, COMMAND_GROUP])
def test_no_two_entry_points_have_one_name(group: str) -> None:
    names = Counter(name for project in PROJECTS.values() for name in entry_points(project, group))
    assert set(names.values()) <= {1}
    if group == COMMAND_GROUP:
        assert not names.keys() & COMMANDS.keys()
        assert all(KIND.fullmatch(name) for name in names)


def test_one_command_lists_all_of_them(tmp_path: Path) -> None:
    """With their metadata as pip would write it, and what they depend on as it is installed here, or not."""
    site = Site(tmp_path / "site")
    site.folder.mkdir()
    sources = []
    for folder, project in PROJECTS.items():
        lines = [
            line
            for group, points in project.get("entry-points", {}).items()
            for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
        ]
        site.install(folder, version=project["version"], entry_points="\n".join(lines) or "[none]\nnone = none",
                     more=f"Summary: {project['description']}\n")  # fmt: skip
        sources.append(ROOT / "plugins" / folder / "src")
    env = environment(site.folder, *sources)
    with_entries = {name for name, project in PROJECTS.items() if project.get("entry-points")}
    listed = python(tmp_path, "-W", "error", "-m", "modnet", "plugins", "list", "--json", **env)
    assert listed.returncode == 0, listed.stderr
    found = {each["name"]: each for each in json.loads(listed.stdout) if each["name"] in PROJECTS}
    assert found.keys() == with_entries
    for facts in found.values():
        is_missing = "ModuleNotFoundError" in facts["reason"]  # what it depends on need not be installed here
        assert facts["status"] == "ok" or (facts["status"], is_missing) == ("failed", True), facts
    helped = python(tmp_path, "-m", "modnet", "--help", **env)
    commands = {name for project in PROJECTS.values() for name in entry_points(project, COMMAND_GROUP)}
    assert commands <= set(helped.stdout.split())
