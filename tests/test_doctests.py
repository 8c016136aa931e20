"""The examples in docstrings."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import modnet

SOURCE = Path(modnet.__file__).parent
WITH_EXAMPLES = [path for path in sorted(SOURCE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    module = importlib.import_module(".".join(["modnet", *path.relative_to(SOURCE).with_suffix("").parts]))
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
