"""Every private name of scikit-learn that the sources use is in one file or in this list, with its reason."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
import sklearn.neural_network as original

import modnet_sklearn
from modnet_sklearn import private

SOURCE = Path(modnet_sklearn.__file__).parent
TREES = {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}

IMPORTED = {
    "sklearn.base._fit_context",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._param_validation.StrOptions",
    "sklearn.utils.multiclass._check_partial_fit_first_call",
    "sklearn.utils.optimize._check_optimize_result",
    "sklearn.utils.validation._check_sample_weight",
}
ATTRIBUTES = {
    "_parameter_constraints": "what the parameters allow, the same as scikit-learn's",
    "_optimizer": "an MLP's optimizer, whose moments are taken over",
    "_best_coefs": "an MLP's best weights, which early stopping restores",
    "_best_intercepts": "the same of the biases",
    "_coef_indptr": "how lbfgs finds the weights in one vector; not copied",
    "_intercept_indptr": "the same of the biases",
    "_label_binarizer": "an MLP's labels, which are taken over",
    "_no_improvement_count": "the epochs without improvement, which are taken over",
    "_random_state": "the source of randomness, which is taken over",
}


def imported_privately(tree):
    """Return the names of scikit-learn's that a module imports and that have a part with an underscore before it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("sklearn.") and "._" in name}


def test_they_are_imported_in_one_file_with_a_reason_each():
    assert imported_privately(TREES["private.py"]) == IMPORTED
    assert not {file for file, tree in TREES.items() if file != "private.py" and imported_privately(tree)}
    lines = (SOURCE / "private.py").read_text(encoding="utf-8").splitlines()
    names = {name.rpartition(".")[2] for name in IMPORTED}
    for line in (line for line in lines if any(f" {name}" in line for name in names) and '"' not in line):
        assert "# " in line, f"no reason: {line}"
    assert set(private.__all__) <= vars(private).keys()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # two epochs are enough
def test_the_private_attributes_are_known():
    x = np.random.default_rng(0).standard_normal((30, 2))
    theirs = set()
    for solver in ("adam", "sgd", "lbfgs"):
        for kind, y in ((original.MLPClassifier, x[:, 0] > 0), (original.MLPRegressor, x[:, 0])):
            theirs |= set(dir(kind(solver=solver, max_iter=2).fit(x, y)))
    theirs = {name for name in theirs if name.startswith("_") and not name.endswith("__")}
    used, own = set(), {"_score"}  # where a criterion keeps the name of its score
    for node in (node for tree in TREES.values() for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef):
            own.add(node.name)
        elif isinstance(node, ast.Attribute):
            used.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            used.add(node.value)
    assert (used & theirs) - own == ATTRIBUTES.keys()


def test_the_two_that_are_called_with_positions_still_take_them():
    assert [*inspect.signature(private.AdamOptimizer).parameters][:5] == [
        "params",
        "learning_rate_init",
        "beta_1",
        "beta_2",
        "epsilon",
    ]
    assert [*inspect.signature(private.SGDOptimizer).parameters][2:6] == [
        "lr_schedule",
        "momentum",
        "nesterov",
        "power_t",
    ]
