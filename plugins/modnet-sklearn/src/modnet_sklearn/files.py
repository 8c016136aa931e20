"""Estimators in model files, which hold no pickle and no code."""

from __future__ import annotations

from os import PathLike
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import is_classifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from modnet import ModelFileError, ModnetError, Network, load_config
from modnet.core.messages import short_repr
from modnet.storage.model_file import load_with_state, save_with_state
from modnet_sklearn.base import BaseMLP
from modnet_sklearn.classifier import MLPClassifier
from modnet_sklearn.configured import ModnetClassifier, ModnetRegressor
from modnet_sklearn.criterion import EpochRate
from modnet_sklearn.regressor import MLPRegressor
from modnet_sklearn.stored import decode, encode

__all__ = ["load", "save"]

Estimator: TypeAlias = MLPClassifier | MLPRegressor | ModnetClassifier | ModnetRegressor

KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (MLPClassifier, MLPRegressor, ModnetClassifier, ModnetRegressor)
}
_PRIVATE = ("_no_improvement_count", "_rule_state")
_OF_NETWORK = ("coefs_", "intercepts_", "network_")
"""Attributes that are the network, or views of its θ."""
RATES = "learning_rates"
"""What stands for the optimizer of an MLP: its initial learning rate, and the one in force."""


def save(estimator: Estimator, path: str | PathLike[str]) -> None:
    """Write a fitted estimator to a model file: its parameters, attributes and network, and the state of its optimizer.

    `load` returns the estimator, and `modnet.load` its network. Requests of metadata routing are not kept, nor is a
    path in ``config``: the configuration itself is.

    Args:
        estimator: One of the four estimators of this distribution; for one of scikit-learn, use `from_sklearn` first.
        path: The file.

    Raises:
        ValueError: it is none of these or not fitted, a parameter cannot be stored (a function in ``callbacks``, say),
            or the file cannot be written; an earlier file is unchanged.
    """
    kind = type(estimator).__name__
    if KINDS.get(kind) is not type(estimator):
        hint = "; use from_sklearn first" if type(estimator).__module__.startswith("sklearn.neural_network.") else ""
        raise ValueError(f"got a {kind}; allowed: a fitted {', '.join(KINDS)} of modnet_sklearn{hint}")
    check_is_fitted(estimator)
    parameters = estimator.get_params(deep=False)
    kept = {name: value for name, value in vars(estimator).items() if _is_kept(name, parameters)}
    if isinstance(estimator, BaseMLP):
        rate = vars(estimator).get("_optimizer")
        kept[RATES] = None if rate is None else [rate.initial, rate.learning_rate]
    elif isinstance(parameters["config"], str | PathLike) and not estimator._is_suggested():
        parameters["config"] = estimator.config_.to_config()
    state = {
        "estimator": kind,
        "parameters": {name: encode(value, name) for name, value in parameters.items()},
        "attributes": {name: encode(value, name) for name, value in kept.items()},
    }
    try:
        save_with_state(estimator.network_, path, state)
    except ModnetError as error:
        raise ValueError(str(error)) from None


def load(path: str | PathLike[str]) -> Estimator:
    """Return the estimator in a model file that `save` has written: it predicts the same to the bit.

    ``partial_fit`` and a warm start go on as they would have. Of a model file, checkpoint or run folder of modnet, it
    returns a `ModnetClassifier` or `ModnetRegressor` with the network. No code in the file is run.

    Raises:
        ValueError: the file cannot be read, its contents are not those that were written, or it needs a part that is
            not installed.
    """
    try:
        network, state = load_with_state(path)
        is_estimator = state is not None and "estimator" in state
        estimator: Estimator = _estimator(network, state) if is_estimator else _of_network(network)
    except ModnetError as error:
        message = str(error)
        raise ValueError(message if message.startswith(str(path)) else f"{path}: {message}") from None
    return estimator


def _is_kept(name: str, parameters: dict[str, Any]) -> bool:
    is_attribute = name.endswith("_") and not name.startswith("_")
    return name not in parameters and name not in _OF_NETWORK and (is_attribute or name in _PRIVATE)


def _estimator(network: Network, state: Any) -> Any:
    """Return the estimator that a file holds, with its network."""
    try:
        name, parameters, attributes = state["estimator"], dict(state["parameters"]), dict(state["attributes"])
        rates = attributes.pop(RATES, None)
        if rates is not None:
            rates = EpochRate(float(rates[0]), float(rates[1]))
    except (LookupError, TypeError, ValueError):
        raise ModelFileError("its contents are not those that were written") from None
    if not isinstance(name, str) or name not in KINDS:
        raise ModelFileError(f"{short_repr(name)} is none of {', '.join(KINDS)}")
    if unknown := parameters.keys() - KINDS[name]().get_params(deep=False).keys():
        raise ModelFileError(f"{name} has no parameter {short_repr(min(unknown))}")
    if unknown := {each for each in attributes if not _is_kept(each, parameters)}:
        raise ModelFileError(f"{name} has no attribute {short_repr(min(unknown))}")
    estimator = KINDS[name](**{each: decode(value, each) for each, value in parameters.items()})
    vars(estimator).update({each: decode(value, each) for each, value in attributes.items()})
    for each, value in (("n_features_in_", network.raw_shape[0]), ("classes_", network.classes)):
        found: Any = getattr(estimator, each, None)
        if value is not None and not np.array_equal(found, value):
            raise ModelFileError(f"{each} = {short_repr(found)} does not fit its network")
    if network.classes is not None:
        network.classes = estimator.classes_  # of the dtype that the labels had
    if isinstance(estimator, BaseMLP):
        _give_network(estimator, network, rates)
    else:
        estimator.network_ = network
    return estimator


def _give_network(estimator: Any, network: Network, rates: EpochRate | None) -> None:
    """Make a network that of an MLP, and its labels those that the MLP knows."""
    estimator._adopt(network)
    estimator._best = None
    if rates is not None:
        estimator._optimizer = rates
    if is_classifier(estimator):
        rows = np.arange(2).repeat(network.target_width).reshape(2, -1)  # no label, and all of them
        estimator._label_binarizer = LabelBinarizer().fit(rows if network.multi_label else network.classes)


def _of_network(network: Network) -> ModnetClassifier | ModnetRegressor:
    """Return an estimator of a network that none has trained."""
    if len(network.raw_shape) != 1:
        shape = "×".join(map(str, network.raw_shape))
        raise ModelFileError(f"its network takes samples of shape {shape}; estimators take rows of numbers")
    config = network.config
    if config is None:
        layers = [layer.component for layer in network.layers]
        parts = {"layers": layers, "cost": network.cost, "regularizers": network.regularizers}
        config = load_config({"network": parts, "dtype": network.dtype.name})
    is_for_classes = network.classes is not None or network.multi_label
    estimator = (ModnetClassifier if is_for_classes else ModnetRegressor)(config)
    estimator.network_, estimator.config_, estimator.history_, estimator.n_iter_ = network, config, [], 0
    estimator.n_features_in_ = network.raw_shape[0]
    if network.features is not None and all(isinstance(name, str) for name in network.features):
        estimator.feature_names_in_ = np.array(network.features, dtype=object)
    if is_for_classes:
        labels = network.classes
        estimator.classes_ = np.arange(network.target_width) if labels is None else labels
    return estimator
