"""The tests that the installed scikit-learn has of its own MLP, with its two estimators replaced; nothing is copied."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

# scikit-learn's suite does not make these warnings errors.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning"),
    pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1 or larger than sample size:UserWarning"),
]

NOT_RUN = {"test_gradient": "calls _loss_grad_lbfgs, a private method; the kit's gradient checks are modnet's own"}
SOURCE = Path(importlib.util.find_spec("sklearn.neural_network").origin).parent / "tests" / "test_mlp.py"


@pytest.fixture
def global_random_seed():
    return 42  # what scikit-learn's own configuration sets where nothing else is asked for


def replaced(source: str) -> ast.Module:
    """Return a module's syntax tree that imports the estimators from here, and lacks the tests that are not run."""
    tree = ast.parse(source)
    imports = [
        node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "sklearn.neural_network"
    ]
    (original,) = imports
    assert {name.name for name in original.names} == {"MLPClassifier", "MLPRegressor"}
    original.module = "modnet_sklearn"
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert names >= NOT_RUN.keys()
    tree.body = [node for node in tree.body if getattr(node, "name", None) not in NOT_RUN]
    return tree


exec(compile(replaced(SOURCE.read_text(encoding="utf-8")), str(SOURCE), "exec"))  # noqa: S102 # the installed scikit-learn's own


def test_these_are_scikit_learns_tests_of_our_estimators():
    assert MLPClassifier.__module__.startswith("modnet_sklearn")  # noqa: F821 # the module above imports it
    assert MLPRegressor.__module__.startswith("modnet_sklearn")  # noqa: F821 # the same
    assert sum(name.startswith("test_") for name in globals()) > 35
