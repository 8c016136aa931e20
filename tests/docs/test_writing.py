"""The pages on writing components: one a family, which names all that an author may define."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import modnet
from modnet.core.interfaces import FAMILIES, Task

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "writing").glob("*.md"))
RECEIVED: dict[str, list[type]] = {
    "layer": [modnet.LayerContext],
    "rule": [modnet.UpdateContext, modnet.ParameterSlice],
    "schedule": [modnet.Position],
    "optimizer": [modnet.TrainingData],
    "solver": [modnet.Problem],
    "metric": [Task],
    "dataset": [modnet.Data],
    "engine": [modnet.EngineSession, modnet.Block, modnet.TrainingPlan],
}
"""What the methods of a family receive or return, beside arrays."""
NOT_FOR_AUTHORS = {
    "family",
    "shorthand",  # what a plain value means in a configuration
    "history_names",  # follows from label and names
    "walk",  # follows from children
    "place",  # of errors
    "part",  # of the loop
    *("begin", "nested", "inner", "layer", "gradients", "delta"),  # of an engine
}


def members(owner: type) -> set[str]:
    """Return the names that a class itself defines, those of its instances included."""
    annotated = set(inspect.get_annotations(owner))
    return {name for name in annotated | set(vars(owner)) if not name.startswith(("_", "model_"))}


def test_every_family_has_a_page_that_the_others_lead_to() -> None:
    names = {page.stem for page in PAGES}
    assert names == {*FAMILIES, "solver"}
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert names <= set(re.findall(r"writing/([\w-]+)\.md", navigation))
    introduction = (ROOT / "docs" / "writing-a-part.md").read_text(encoding="utf-8")
    assert names <= set(re.findall(r"writing/([\w-]+)\.md", introduction))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_all_that_may_be_defined_and_all_that_is_received(page: Path) -> None:
    base = modnet.Solver if page.stem == "solver" else FAMILIES[page.stem]
    text = page.read_text(encoding="utf-8")
    wanted = set().union(*(members(owner) for owner in [base, *RECEIVED.get(page.stem, [])])) - NOT_FOR_AUTHORS
    words = set(re.findall(r"\w+", "".join(re.findall(r"`[^`\n]+`", text))))
    assert wanted - words == set()
    assert f".md#modnet.{base.__name__}" in text
