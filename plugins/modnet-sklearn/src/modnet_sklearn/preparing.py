"""What a training is made of: the samples that are held out, and the configuration that the parameters describe."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split

from modnet import Callback, Metric, Network, Optimizer, Regularizer, RunConfig, Schedule, UpdateRule
from modnet.components.regularizers import L2
from modnet.components.update_rules import Adam, Momentum, Nesterov
from modnet.config.load import explain
from modnet_sklearn.layers import component, listed, training_cost
from modnet_sklearn.parts import Batches, OnEpoch

__all__ = ["listeners", "metric_functions", "optimizer_of", "run_config", "split"]

Vector = NDArray[Any]


def split(estimator: Any, X: Any, y: Any, weights: Vector | None) -> tuple[Any, Any, Any, Any]:
    """Return the training samples, and those that scikit-learn holds out for early stopping."""
    arrays = (X, y) if weights is None else (X, y, weights)
    stratify = estimator._stratify(y) if is_classifier(estimator) and estimator.n_outputs_ == 1 else None
    parts = train_test_split(
        *arrays, random_state=estimator._random_state, test_size=estimator.validation_fraction, stratify=stratify
    )
    if parts[1].shape[0] < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return parts[0], parts[2], (None if weights is None else parts[4]), parts[1::2]


def optimizer_of(estimator: Any, samples: int, on_epoch: OnEpoch | None) -> Batches:
    """Return the batches, the rule and the rate that an estimator's parameters describe, for so many samples."""
    size = min(200, samples)
    if estimator.batch_size != "auto":
        if estimator.batch_size > samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4
            )
        size = int(np.clip(estimator.batch_size, 1, samples))
    rule: UpdateRule
    if estimator.rule is not None:
        rule = component(UpdateRule, estimator.rule, "rule")
    elif estimator.solver == "sgd":
        kind = Nesterov if estimator.nesterovs_momentum else Momentum
        rule = kind(momentum=float(estimator.momentum), velocity_of="steps")
    else:
        beta1, beta2 = float(estimator.beta_1), float(estimator.beta_2)
        rule = Adam(beta1=beta1, beta2=beta2, epsilon=float(estimator.epsilon), epsilon_hat=True)
    schedule = component(Schedule, "constant" if estimator.schedule is None else estimator.schedule, "schedule")
    optimizer = Batches(
        batch_size=size,
        shuffle=bool(estimator.shuffle),
        rule=rule,
        schedule=schedule,
        learning_rate=estimator._optimizer.initial,
    )
    return optimizer.drawing_from(estimator._random_state, on_epoch)


def run_config(estimator: Any, optimizer: Optimizer, epochs: int) -> RunConfig:
    """Return the configuration of a training of an estimator's network.

    Raises:
        ValueError: a parameter is not allowed.
    """
    network = estimator.network_
    penalty = [L2(strength=float(estimator.alpha), divide_by_batch=True)] if estimator.alpha else []
    given = listed(estimator.regularizers, "regularizers")
    own = [component(Regularizer, each, f"regularizers.{i}") for i, each in enumerate(given)]
    chosen = {} if estimator.engine is None else {"engine": estimator.engine}
    table = {
        "epochs": epochs,
        "dtype": network.dtype.name,
        "seed": _seed(estimator, network),
        "terminate_on_nan": False,
        "cost_with_penalty": True,
        "network": {
            "layers": [layer.component for layer in network.layers],
            "cost": training_cost(estimator.cost, estimator.out_activation_),
            "regularizers": (*penalty, *own),
        },
        "optimizer": optimizer,
        "metrics": [each for each in listed(estimator.metrics, "metrics") if isinstance(each, str | dict | Metric)],
        **chosen,
    }
    try:
        return RunConfig.model_validate(table)
    except ValidationError as error:
        raise ValueError(explain(error)) from None


def listeners(estimator: Any) -> list[Any]:
    """Return the listeners that an estimator's ``callbacks`` are."""
    given = listed(estimator.callbacks, "callbacks")
    return [component(Callback, each, "callbacks") if isinstance(each, str | dict) else each for each in given]


def metric_functions(estimator: Any, config: RunConfig, *, is_validated: bool) -> list[Any]:
    """Return the functions among an estimator's ``metrics``.

    Raises:
        ValueError: a metric needs validation samples, and there are none.
    """
    functions = [each for each in listed(estimator.metrics, "metrics") if not isinstance(each, str | dict | Metric)]
    if not is_validated:
        names = [metric.kind for metric in config.metrics or () if metric.needs_all_outputs]
        names += [getattr(function, "__name__", repr(function)) for function in functions]
        if names:
            remedy = "fit(…, validation_data=(X, y)) and early_stopping=True give some"
            raise ValueError(f"metrics: {names[0]} needs validation samples; {remedy}")
    return functions


def _seed(estimator: Any, network: Network) -> int:
    """Return the seed of the layers' randomness; where there is none, scikit-learn's source is not asked."""
    is_plain = all(layer.component.kind == "dense" for layer in network.layers)
    return 0 if is_plain else int(estimator._random_state.randint(2**31 - 1))
