"""The pages on writing components: one a family, complete, with examples that conform."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
from pathlib import Path
from typing import Any

import pytest
from docs.test_snippets import blocks_of

import modnet
from modnet.core.component import Component
from modnet.core.interfaces import FAMILIES, Task
from modnet.testing import check_component

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(page for page in (ROOT / "docs" / "writing").glob("*.md") if page.stem != "command")
"""The pages on components; a command is none."""
RECEIVED: dict[str, list[type]] = {
    "layer": [modnet.LayerContext],
    "rule": [modnet.UpdateContext, modnet.ParameterSlice],
    "schedule": [modnet.Position],
    "optimizer": [modnet.TrainingData],
    "solver": [modnet.Problem],
    "metric": [Task],
    "dataset": [modnet.Data],
    "transform": [modnet.ColumnBlocks, modnet.CellError],
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
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "balanced": [{}, {"batch_size": 7}],
    "low-rank": [{"units": 3}, {"units": 2, "rank": 1, "activation": "softmax"}],
    "polynomial": [{}, {"power": 2.0, "start_momentum": 0.5}],
    "sam": [{}, {"batch_size": 7}],
    "scaled-residual": [{"inner": {"kind": "chain", "layers": []}}],
    "sum": [{"costs": {"a": "quadratic", "b": "binary-cross-entropy"}, "shares": {"a": 0.1}}],
    "thresholded-relu": [{}, {"threshold": 0.0}],
}
"""Values of the options of the pages' components, where the defaults are not enough."""


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


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs" / "writing-a-part.md"], ids=lambda page: page.stem)
def test_the_components_on_a_page_conform(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "a_page"}
    with contextlib.redirect_stdout(io.StringIO()):
        for block in blocks_of(page):
            if block.language == "python":
                exec(block.code, namespace)  # noqa: S102 -- our own documentation
    parts = [
        value
        for value in namespace.values()
        if isinstance(value, type) and issubclass(value, Component) and value.__module__ == "a_page"
    ]
    assert parts
    for part in parts:
        options = getattr(part, "conformance", {})
        check_component(part, examples=EXAMPLES.get(part.kind_name(), [{}]), **options).raise_for_failures()
