"""From scikit-learn's fitted MLPs to these estimators and back, the optimizer's state included."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import sklearn.neural_network as original
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from modnet import Network
from modnet_sklearn.base import BaseMLP
from modnet_sklearn.classifier import MLPClassifier
from modnet_sklearn.criterion import EpochRate
from modnet_sklearn.layers import KINDS
from modnet_sklearn.private import AdamOptimizer, SGDOptimizer
from modnet_sklearn.regressor import MLPRegressor

__all__ = ["from_sklearn", "to_sklearn"]

Vector = NDArray[Any]

ADAM, SGD = {"mean": "ms", "mean_square": "vs"}, {"velocity": "velocities"}
"""The arrays of a rule's state here, and the attributes of scikit-learn's optimizers that hold them layer by layer."""


def from_sklearn(fitted: Any) -> MLPClassifier | MLPRegressor:
    """Return an estimator with the parameters and attributes of a fitted one of scikit-learn.

    Its predictions are the same, and ``partial_fit`` goes on as the other's would: the optimizer's moments and rate are
    taken over. Nothing is shared with ``fitted``. The network is its ``network_``.

    Args:
        fitted: A fitted ``sklearn.neural_network.MLPClassifier`` or ``MLPRegressor``.

    Raises:
        ValueError: it is none of these, or not fitted.
    """
    if not isinstance(fitted, original.MLPClassifier | original.MLPRegressor):
        allowed = "a fitted MLPClassifier or MLPRegressor of sklearn.neural_network"
        raise ValueError(f"got a {type(fitted).__name__}; allowed: {allowed}")
    check_is_fitted(fitted)
    estimator = (MLPClassifier if is_classifier(fitted) else MLPRegressor)(**fitted.get_params(deep=False))
    _copy_attributes(fitted, estimator, estimator.get_params(deep=False))
    network = estimator.network_  # of the copies of coefs_ and intercepts_
    estimator._rule_state = {}
    estimator.history_, estimator.validation_loss_curve_ = [], []
    optimizer = getattr(fitted, "_optimizer", None)
    if optimizer is not None:
        rate = EpochRate(float(optimizer.learning_rate_init))
        if isinstance(optimizer, SGDOptimizer):
            rate.learning_rate = float(optimizer.learning_rate)
        estimator._optimizer = rate
        names = ADAM if isinstance(optimizer, AdamOptimizer) else SGD
        for name, attribute in names.items():
            flat = _flat(network, getattr(optimizer, attribute))
            estimator._rule_state[name] = flat if name in ADAM else -flat  # scikit-learn adds its velocity to θ
        if isinstance(optimizer, AdamOptimizer):
            estimator._rule_state["updates"] = int(optimizer.t)
    estimator._finish()
    return estimator


def to_sklearn(estimator: MLPClassifier | MLPRegressor) -> Any:
    """Return the estimator of scikit-learn with the parameters and attributes of a fitted one from here.

    Nothing is shared with ``estimator``.

    Raises:
        ValueError: it is not fitted, or it has a part that scikit-learn has not: the message names it.
    """
    if not isinstance(estimator, BaseMLP):
        raise ValueError(
            f"got a {type(estimator).__name__}; allowed: a fitted MLPClassifier or MLPRegressor of modnet_sklearn"
        )
    check_is_fitted(estimator, "coefs_")
    theirs: Any = original.MLPClassifier if is_classifier(estimator) else original.MLPRegressor
    known = theirs().get_params(deep=False)
    parameters = estimator.get_params(deep=False)
    if parameters.get("loss") == "squared_error" and "loss" not in known:
        del parameters["loss"]  # the only one before scikit-learn 1.7
    for name, value in parameters.items():
        if (
            name not in known
            and value is not None
            and name not in ("callbacks", "engine", "metrics", "monitor", "class_weight")
        ):
            raise ValueError(f"{name} = {value!r}: scikit-learn has no such parameter")
    kinds = {"identity", "logistic", "tanh", "relu"}
    parameters["activation"] = {kind: name for name, kind in KINDS.items()}.get(
        estimator.activation, estimator.activation
    )
    if not isinstance(parameters["activation"], str) or parameters["activation"] not in kinds:
        raise ValueError(f"activation = {estimator.activation!r}: scikit-learn has {', '.join(sorted(kinds))}")
    network = estimator.network_
    for index, layer in enumerate(network.layers):
        if layer.component.kind != "dense" or layer.biases is None:
            raise ValueError(
                f"layer {index + 1} is of the kind {layer.component.kind}: scikit-learn has dense layers only"
            )
    # hidden layers that tables describe may have activations of their own
    of_hidden = {layer.activation.kind for layer in network.layers[:-1] if layer.activation is not None}
    wanted = KINDS.get(parameters["activation"], parameters["activation"])
    if of_hidden - {wanted}:
        raise ValueError(
            f"hidden layers have the activations {', '.join(sorted(of_hidden))}: scikit-learn has one for all"
        )
    parameters["hidden_layer_sizes"] = tuple(network.sizes[1:-1])
    fitted = theirs(**{name: value for name, value in parameters.items() if name in known})
    _copy_attributes(estimator, fitted, parameters)
    if hasattr(estimator, "_optimizer"):
        fitted._best_coefs, fitted._best_intercepts = fitted.coefs_, fitted.intercepts_
        fitted._optimizer = _optimizer_of(estimator, fitted)
    return fitted


def _optimizer_of(estimator: Any, fitted: Any) -> Any:
    """Return scikit-learn's optimizer in the state of an estimator's."""
    arrays = [*fitted.coefs_, *fitted.intercepts_]
    rate, state = estimator._optimizer, estimator._rule_state
    if estimator.solver == "adam":
        optimizer: Any = AdamOptimizer(arrays, rate.initial, estimator.beta_1, estimator.beta_2, estimator.epsilon)
        optimizer.t = state.get("updates", 0)
    else:
        options = estimator.learning_rate, estimator.momentum, estimator.nesterovs_momentum, estimator.power_t
        optimizer = SGDOptimizer(arrays, rate.initial, *options)
        optimizer.learning_rate = rate.learning_rate
    for name, attribute in (ADAM if estimator.solver == "adam" else SGD).items():
        if name in state:
            sign = 1.0 if name in ADAM else -1.0
            setattr(optimizer, attribute, _by_layer(estimator.network_, sign * state[name]))
    return optimizer


def _copy_attributes(source: Any, target: Any, parameters: dict[str, Any]) -> None:
    """Give an estimator copies of another one's fitted attributes that both have."""
    own = {
        *parameters,
        "loss",
        "_network",
        "_views",
        "_optimizer",
        "_rule_state",
        "_best",
        "_best_coefs",
        "_best_intercepts",
    }
    own |= {"_coef_indptr", "_intercept_indptr", "_sklearn_output_config", "history_", "validation_loss_curve_"}
    for name, value in vars(source).items():
        if name in ("coefs_", "intercepts_"):
            setattr(target, name, [np.array(array, order="C") for array in value])
        elif name not in own:
            setattr(target, name, copy.deepcopy(value))


def _flat(network: Network, arrays: list[Vector]) -> Vector:
    """Return one vector like θ of arrays like ``coefs_`` and then arrays like ``intercepts_``."""
    vector = np.zeros_like(network.parameters)
    views = [view for view in network.views(vector) if view]
    half = len(arrays) // 2
    for view, coef, intercept in zip(views, arrays[:half], arrays[half:], strict=True):
        view["weights"][...], view["biases"][...] = coef.T, intercept
    return vector


def _by_layer(network: Network, vector: Vector) -> list[Vector]:
    """Return arrays like ``coefs_`` and then arrays like ``intercepts_`` of one vector like θ."""
    views = [view for view in network.views(vector) if view]
    coefs = [np.array(view["weights"].T, order="C") for view in views]
    return coefs + [view["biases"].copy() for view in views]
