"""Layers, costs and initial numbers of an estimator's network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from modnet import Activation, Cost, Initializer, Layer, Network
from modnet.components.costs import BinaryCrossEntropy, CategoricalCrossEntropy, Poisson, Quadratic
from modnet.components.initializers import Zeros
from modnet.components.layers import Dense
from modnet.config.load import explain
from modnet.core.component import Component
from modnet.core.messages import counted, short_repr
from modnet.training.sanity_checks import ignores_zeros, output_range
from modnet_sklearn.parts import BinaryLogLoss, LogLoss, SquaredError

__all__ = [
    "check_outputs",
    "component",
    "for_files",
    "hidden_layers",
    "initialize",
    "layers_of",
    "listed",
    "training_cost",
    "weighted_layers",
]

KINDS = {"logistic": "sigmoid"}
"""scikit-learn's names of activations that have another one here."""

Vector = NDArray[Any]


def component(family: type[Component], value: Any, option: str) -> Any:
    """Return the component that an estimator's option means: one, a kind, or a table.

    Raises:
        ValueError: it means none.
    """
    try:
        return family.resolve(value)
    except ValidationError as error:
        raise ValueError(f"{option}: {explain(error)}") from None
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None


def listed(value: Any, option: str) -> list[Any]:
    """Return what an option that is a list has; None is an empty one.

    Raises:
        ValueError: it is no list.
    """
    if value is None or isinstance(value, list | tuple):
        return list(value or ())
    raise ValueError(f"{option}: {short_repr(value)} should be a list; did you mean [{short_repr(value)}]?")


def activation(value: Any, option: str) -> Activation:
    """Return the activation that scikit-learn's name, a kind or a table means."""
    found: Activation = component(Activation, KINDS.get(value, value) if isinstance(value, str) else value, option)
    return found


def hidden_layers(sizes: Any) -> list[Any]:
    """Return what ``hidden_layer_sizes`` lists: numbers of units, and layers by kind or table.

    Raises:
        ValueError: a number is not above 0.
    """
    hidden = [sizes] if isinstance(sizes, Integral | dict | str) or not isinstance(sizes, Iterable) else list(sizes)
    if any(isinstance(entry, Integral) and entry <= 0 for entry in hidden):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
    return hidden


def layers_of(hidden: Sequence[Any], hidden_activation: Any, outputs: int, output_activation: Any) -> list[Layer]:
    """Return the layers from the first hidden one to the output."""
    zeros = Zeros()
    layers: list[Layer] = []
    for index, entry in enumerate(hidden):
        if isinstance(entry, Integral):
            function = activation(hidden_activation, "activation")
            layers.append(Dense(units=int(entry), activation=function, initializer=zeros, bias_initializer=zeros))
        else:
            layers.append(component(Layer, entry, f"hidden_layer_sizes.{index}"))
    function = activation(output_activation, "output_activation")
    layers.append(Dense(units=outputs, activation=function, initializer=zeros, bias_initializer=zeros))
    return layers


def training_cost(cost: Any, out_activation: str) -> Cost:
    """Return the cost: the one that is asked for, or scikit-learn's for the task."""
    if cost is not None:
        found: Cost = component(Cost, cost, "cost")
        return found
    costs: dict[str, Cost] = {
        "softmax": LogLoss(),
        "logistic": BinaryLogLoss(),
        "exp": Poisson(),
        "identity": SquaredError(),
    }
    return costs[out_activation]


def check_outputs(network: Network, *, has_labels: bool) -> None:
    """Refuse an output activation and a cost that cannot learn; with ``has_labels`` each output is 0 or 1 by itself.

    Raises:
        ValueError: with these outputs, the activation is constant, or the cost is the same for all that should be 0.
    """
    function, cost, count = network.layers[-1].activation, network.cost, network.outputs
    possible = None if function is None else output_range(function, cost, count)
    if function is not None and possible is not None and possible[0] == possible[1]:
        remedy = "'logistic'" if has_labels else "'identity'"
        raise ValueError(
            f"output_activation: {function.kind} of {counted(count, 'output')} is always {possible[0]:g}; use {remedy}"
        )
    if has_labels and ignores_zeros(cost, count):
        problem = f"{cost.kind} does not depend on outputs that should be 0, so all would become 1"
        raise ValueError(f"cost: {problem}; use 'binary-cross-entropy'")


def for_files(cost: Cost) -> Cost:
    """Return the built-in cost that predicts alike, which a model file can name without this distribution."""
    alike = {LogLoss: CategoricalCrossEntropy, BinaryLogLoss: BinaryCrossEntropy, SquaredError: Quadratic}
    return alike[type(cost)]() if type(cost) in alike else cost


def weighted_layers(network: Network) -> list[Any]:
    """Return the layers that have weights W, from the first above the input."""
    return [layer for layer in network.layers if layer.weights is not None]


def initialize(
    network: Network, hidden: Sequence[Any], random: np.random.RandomState, logistic: bool, initializer: Any
) -> None:
    """Write the initial parameters: scikit-learn's numbers of layers that are given by their size.

    Layers that are given by tables take their own initializers; so do all with an ``initializer``.
    """
    is_size = [*(isinstance(entry, Integral) for entry in hidden), True]
    of_size: Initializer | None = None if initializer is None else component(Initializer, initializer, "initializer")
    is_original = all(is_size) and of_size is None  # then scikit-learn's source of randomness is asked as by itself
    rng = np.random.default_rng(0 if is_original else random.randint(2**31 - 1))
    for layer, sized in zip(network.layers, is_size, strict=True):
        if sized and of_size is None:
            units, inputs = layer.specs["weights"].shape
            bound = np.sqrt((2.0 if logistic else 6.0) / (inputs + units))
            layer.weights = random.uniform(-bound, bound, (inputs, units)).T
            layer.biases = random.uniform(-bound, bound, units)
        else:
            for name, spec in layer.specs.items():
                chosen = of_size if sized and of_size is not None and name == "weights" else spec.initializer
                layer.parameters[name][...] = chosen(rng, spec.shape, spec.fan_in, spec.fan_out)
