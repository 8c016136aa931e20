"""scikit-learn's checks of estimators, on all four."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from modnet_sklearn import MLPClassifier, MLPRegressor, ModnetClassifier, ModnetRegressor

BATCH = {"epochs": 300, "optimizer": {"kind": "batch", "learning_rate": 0.03}}
ESTIMATORS = [
    MLPClassifier(max_iter=30),
    MLPRegressor(max_iter=30),
    ModnetClassifier(),
    ModnetRegressor(),
    ModnetClassifier({"optimizer": {"kind": "batch"}}),
    ModnetRegressor(BATCH),
]


def not_expected(estimator):
    """Return the checks that cannot succeed, with the reason."""
    if isinstance(estimator, ModnetClassifier | ModnetRegressor) and estimator.config is None:
        reason = "mini-batches: where a sample of weight 2 is in one, its two copies may be in two"
        return {f"check_sample_weight_equivalence_on_{rows}_data": reason for rows in ("dense", "sparse")}
    return {}


@pytest.fixture(autouse=True)
def _with_array_api(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # else the checks of arrays of other libraries are skipped


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # the checks set few iterations
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")  # of checks for other kinds of estimators
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=not_expected)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
