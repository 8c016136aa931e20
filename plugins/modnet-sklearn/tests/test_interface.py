"""The interface is scikit-learn's: parameters, attributes and methods; what is added is searched, copied and shown."""

from __future__ import annotations

import html
import inspect

import numpy as np
import pytest
import sklearn
import sklearn.neural_network as original
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils import estimator_html_repr

import modnet_sklearn
from modnet import Activation
from modnet.components.activations import LeakyRelu
from modnet.components.update_rules import RmsProp
from modnet.testing.case import temporarily_registered
from modnet_sklearn import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(8)
X = RNG.standard_normal((60, 3))
Y = np.where(X[:, 0] + X[:, 1] > 0.5, "rare", "common")
SHORT = {"hidden_layer_sizes": (4,), "max_iter": 4, "random_state": 0, "learning_rate_init": 0.01}
IS_CURRENT = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 7)
KINDS = ["MLPClassifier", "MLPRegressor"]

# Few iterations are enough for what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ADDED = {
    "hidden_layer_sizes": [(5,), [4, {"kind": "dropout", "rate": 0.2}]],
    "activation": ["leaky-relu", LeakyRelu(slope=0.3)],
    "class_weight": ["balanced", {"rare": 3.0}],
    "cost": ["quadratic", {"kind": "binary-cross-entropy"}],
    "rule": [RmsProp(), {"kind": "adamw", "weight_decay": 0.1}],
    "schedule": ["cosine", {"kind": "exponential", "factor": 0.9}],
    "regularizers": [["l1"], [{"kind": "l2", "strength": 0.5}]],
    "initializer": ["he-normal", {"kind": "constant", "value": 0.5}],
    "output_activation": ["sigmoid", "identity"],
    "metrics": [["f1"], [{"kind": "accuracy"}, sklearn.metrics.balanced_accuracy_score]],
    "monitor": ["validation_cost", "validation_score"],
    "callbacks": [[{"kind": "average", "start": 1}], [print]],
    "engine": ["numpy", {"kind": "numpy", "threads": 2}],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_parameters_are_theirs_and_then_ours(kind):
    ours = inspect.signature(getattr(modnet_sklearn, kind)).parameters
    theirs = inspect.signature(getattr(original, kind)).parameters
    if not IS_CURRENT and kind == "MLPRegressor":  # the first one, from scikit-learn 1.7 on
        assert next(iter(ours)) == "loss"
        ours = {name: parameter for name, parameter in ours.items() if name != "loss"}
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert (ours[name].default, ours[name].kind) == (parameter.default, parameter.kind)
    added = set(ours) - set(theirs)
    assert added == set(ADDED) - {"hidden_layer_sizes", "activation"} - ({"class_weight"} if "Reg" in kind else set())
    documented = inspect.getdoc(getattr(modnet_sklearn, kind))
    assert not [name for name in added if f"{name}: " not in documented]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"solver": "sgd", "early_stopping": True}, {"solver": "lbfgs"}])
def test_attributes_and_methods_are_theirs(kind, options):
    y = np.isin(Y, "rare") if kind == "MLPClassifier" else X[:, 0]
    theirs, ours = (getattr(library, kind)(**SHORT, **options).fit(X, y) for library in (original, modnet_sklearn))
    names = {name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")}
    assert names <= set(dir(ours))
    for name in names - {"coefs_", "intercepts_"}:
        assert type(getattr(ours, name)) is type(getattr(theirs, name)) or "loss" in name or "score" in name, name
    methods = {name for name in dir(theirs) if not name.startswith("_")}
    if (kind, options) == ("MLPRegressor", {"solver": "lbfgs"}):
        methods.remove("partial_fit")  # which theirs has by mistake: its documentation says that there is none
    assert methods <= set(dir(ours))
    for name in ("fit", "partial_fit", "predict", "score"):
        wanted, found = (list(inspect.signature(getattr(type(each), name)).parameters) for each in (theirs, ours))
        if not IS_CURRENT and name in ("fit", "partial_fit"):
            found.remove("sample_weight")  # which they take from scikit-learn 1.7 on
        assert found[: len(wanted)] == wanted


@pytest.mark.parametrize("name", ADDED)
def test_what_is_added_is_searched_and_copied(name):
    options = SHORT | ({"early_stopping": True} if name in ("metrics", "monitor") else {})
    search = GridSearchCV(MLPClassifier(**options), {name: ADDED[name]}, cv=2, error_score="raise").fit(X, Y)
    assert [each[name] for each in search.cv_results_["params"]] == ADDED[name]
    assert search.best_estimator_.get_params()[name] in ADDED[name]
    one, other = (MLPClassifier(**{**options, name: value}).fit(X, Y) for value in ADDED[name])
    if name == "monitor":
        assert one.validation_scores_ != other.validation_scores_
    else:
        shapes = [[coef.shape for coef in each.coefs_] for each in (one, other)]
        is_same = shapes[0] == shapes[1] and all(map(np.allclose, one.coefs_, other.coefs_))
        assert is_same == (name in ("metrics", "engine"))
    assert clone(one).get_params()[name] == ADDED[name][0]


@pytest.mark.parametrize("which", [0, 1])
def test_all_of_it_is_shown(which):
    values = {name: each[which] for name, each in ADDED.items()}
    text = estimator_html_repr(MLPClassifier(**values))
    for name, value in values.items():
        assert name in text
        shown = html.escape(value if isinstance(value, str) else str(getattr(value, "kind", name)))
        assert shown in text, (name, shown)
    assert "adamw" in text or "rmsprop" in text
    fitted = MLPClassifier(**{**SHORT, "activation": "leaky-relu"}).fit(X, Y)
    assert "leaky-relu" in estimator_html_repr(fitted)


def test_a_part_of_a_plug_in_by_its_name(tmp_path):
    class Cubic(Activation):
        """a = z³."""

        kind: str = "cubic"

        def __call__(self, z):
            return z**3

        def backward(self, upstream, z, a):
            del a
            return 3.0 * upstream * z**2

    with temporarily_registered(Cubic):
        for hidden in (
            {"activation": "cubic"},
            {"hidden_layer_sizes": [{"kind": "dense", "units": 4, "activation": "cubic"}]},
        ):
            fitted = MLPRegressor(**{**SHORT, **hidden}).fit(X, X[:, 0])
            by_hand = (X @ fitted.coefs_[0] + fitted.intercepts_[0]) ** 3 @ fitted.coefs_[1] + fitted.intercepts_[1]
            assert fitted.predict(X) == pytest.approx(by_hand[:, 0], rel=1e-12)
        modnet_sklearn.save(fitted, tmp_path / "model.safetensors")
        assert np.array_equal(modnet_sklearn.load(tmp_path / "model.safetensors").predict(X), fitted.predict(X))
    with pytest.raises(ValueError, match="activation: unknown activation 'cubic'"):
        MLPRegressor(activation="cubic").fit(X, X[:, 0])
    with pytest.raises(ValueError, match="made with conformance-kit, not available here"):
        modnet_sklearn.load(tmp_path / "model.safetensors")
