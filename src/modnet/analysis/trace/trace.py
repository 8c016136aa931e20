"""One sample's way through a network and back: what every layer computes, and the gradient by central differences.

All numbers are those of the network's own passes (`modnet.engines.numpy.workspace.Workspace`), on a copy of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from modnet.analysis.jsonable import jsonable
from modnet.analysis.summary import LayerSummary, acts_elementwise, summary
from modnet.analysis.trace.abbreviate import Excerpt, abbreviate, shown_indices
from modnet.analysis.trace.gradient_check import copy_network, sample_gradient
from modnet.core.component import Component
from modnet.core.errors import DataError
from modnet.core.interfaces import Cost
from modnet.core.numerical_gradient import STEP
from modnet.core.random import Stream, generator
from modnet.data.labels import Targets
from modnet.data.raw import raw_rows
from modnet.data.table import raw_row
from modnet.data.validation import as_array
from modnet.engines.numpy.workspace import Workspace
from modnet.network.layers import BoundLayer
from modnet.network.network import Network, Vector

__all__ = ["LayerTrace", "Trace", "trace"]

Form: TypeAlias = Literal["chain", "difference", "own"]


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """One layer, with the sample in it. Arrays have no axis for samples: there is one.

    Attributes:
        number: Its number l, from 1 for the first above the input.
        kind, about: Its kind, and the first paragraph of its documentation.
        activation, activation_about: The same of its σ; None and empty where a is z.
        affine: Whether z = W x + b, ∇W = δ xᵀ, ∇b = δ and ∂C/∂x = Wᵀ δ hold, by the numbers.
        parameters: Its parameters by name.
        x, z, a: Its input a^{l−1}, its net input, and its activation.
        slope: σ′(z); None without an activation, and where the activation mixes its neurons (softmax).
        jacobian: An excerpt of Σ′(z), ∂aᵢ/∂zⱼ, where the activation mixes its neurons; else None.
        upstream, delta: ∂C/∂a, as it comes from above (∇_a C at the output), and δ = ∂C/∂z.
        gradients: ∂C/∂θ of its parameters by name.
        differences: The same by central differences; NaN where they were not computed.
    """

    number: int
    kind: str
    about: str
    activation: str | None
    activation_about: str
    affine: bool
    parameters: dict[str, Vector]
    x: Vector
    z: Vector
    a: Vector
    slope: Vector | None
    jacobian: Excerpt | None
    upstream: Vector
    delta: Vector
    gradients: dict[str, Vector]
    differences: dict[str, Vector]


@dataclass(frozen=True, eq=False)
class Trace:
    """One sample's way through a network and back. `modnet.trace_markdown` writes it step by step.

    Attributes:
        title, dtype: The network's sizes and number of parameters, and the dtype that it computes with.
        raw: The sample as it was given, where it is scaled before it enters; else None.
        x: The sample as it enters.
        label, y: Its class (None where targets are numbers), and its target, (outputs,).
        layers: The layers, from the first above the input.
        cost, cost_kind, cost_about: C, its kind, and the first paragraph of its documentation.
        output_form: How the cost provides δ^L: ``chain`` as BP1 says, ``difference`` directly as a − y, or in a form of
            its ``own``.
        chain: δ^L step by step as BP1 says; the same as ``layers[-1].delta`` where ``output_form`` is ``chain``.
        random: Whether a layer drew random numbers; they are the same for the differences.
        running: The kinds of layers that refuse a batch of one sample (batch-norm). All layers go through as frozen
            ones do, so that these use their running averages.
        penalties: The kinds of the network's regularizers, which are no part of C here.
        step: h, for a parameter of size up to 1; for larger ones times their size.
        compared, parameters: The number of entries of the gradient that were compared, and of all.
        largest_absolute: The largest difference among them.
        largest_relative: The same, relative to the largest entry of the gradient; None where that is 0.
    """

    title: str
    dtype: str
    raw: Vector | None
    x: Vector
    label: Any
    y: Vector
    layers: tuple[LayerTrace, ...]
    cost: float
    cost_kind: str
    cost_about: str
    output_form: Form
    chain: Vector
    random: bool
    running: tuple[str, ...]
    penalties: tuple[str, ...]
    step: float
    compared: int
    parameters: int
    largest_absolute: float
    largest_relative: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON has them, each array as its excerpt; what is not finite is null."""
        return {field.name: jsonable(getattr(self, field.name), abbreviate) for field in fields(self)}


def trace(network: Network, x: ArrayLike, y: Any, *, seed: int = 0) -> Trace:
    """Return one sample's way through feedforward and backpropagation, and its gradient by central differences.

    Args:
        network: The network. It is not changed.
        x: One raw sample, as `Network.predict` takes rows: (features,).
        y: Its label, as in training; for a network without labels its target, (outputs,) or one number.
        seed: The seed of layers that draw random numbers (dropout).

    Raises:
        DataError: the sample or its target does not fit the network, or its cost is not finite.

    >>> import modnet
    >>> net = modnet.NeuralNetwork([2, 2, 1], seed=0)
    >>> trace = modnet.trace(net.network, [1.0, 0.5], [1.0])
    >>> [layer.delta.shape for layer in trace.layers]
    [(2,), (1,)]
    >>> trace.largest_relative < 1e-8
    True
    """
    rows = raw_rows(as_array(x, "x")[np.newaxis], None, None, "x", transforms=network.preprocessing is not None)
    if rows.shape[1:] != network.raw_shape:
        raise DataError(f"x: the network takes one sample of shape {network.raw_shape}, got {rows.shape[1:]}")
    inputs = network.preprocess(rows)[:]
    labels = [y] if network.classes is not None else np.reshape(as_array(y, "y"), (1, -1))
    targets = network.preprocess_targets(Targets.transform(labels, 1, "y", network.classes, network.target_width))
    target = targets.batch(slice(0, 1), network.dtype, network.target_width)

    about = summary(network)
    with np.errstate(all="ignore"):  # a cost that is not finite raises below
        random, passes = _passes(network, inputs, target, seed)
        cost = float(network.cost(passes[-1]["a"][None], target)[0])
        if not np.isfinite(cost):
            raise DataError(f"x: the cost of this sample is {cost}; the numbers may be too large")
        form, chain = _output_delta(network, passes[-1], target)
        differences, compared = sample_gradient(network, inputs, target, seed)
        layers = tuple(map(_layer, network.layers, about.layers, passes, network.views(differences)))
    absolute, relative = _largest_difference(layers)
    return Trace(
        title=about.title,
        dtype=str(network.dtype),
        raw=None if network.preprocessing is None else raw_row(rows, 0),
        x=inputs[0],
        label=None if network.classes is None else y,
        y=np.array(target[0]),
        layers=layers,
        cost=cost,
        cost_kind=network.cost.kind,
        cost_about=_about(network.cost),
        output_form=form,
        chain=chain,
        random=random,
        running=_refusing_one_sample(network),
        penalties=tuple(regularizer.kind for regularizer in network.regularizers),
        step=STEP,
        compared=compared,
        parameters=network.parameters.size,
        largest_absolute=absolute,
        largest_relative=relative,
    )


def _largest_difference(layers: Sequence[LayerTrace]) -> tuple[float, float | None]:
    """Return the largest difference between gradient and differences: absolute, and relative to the largest entry."""
    if not any(layer.gradients for layer in layers):
        return 0.0, None
    gradient, differences = (
        np.concatenate([values.ravel() for layer in layers for values in getattr(layer, name).values()]).astype(float)
        for name in ("gradients", "differences")
    )
    absolute = float(np.max(np.abs(gradient - differences)[~np.isnan(differences)], initial=0.0))
    largest = float(np.abs(gradient).max())
    return absolute, absolute / largest if largest > 0 else None


def _passes(network: Network, x: Vector, y: Vector, seed: int) -> tuple[bool, list[dict[str, Any]]]:
    """Return whether random numbers were drawn, and copies of every layer's x, z, a, δ, ∂C/∂a and gradients."""
    copy, rng = copy_network(network, str(network.dtype)), generator(seed, Stream.LAYERS)
    before = rng.bit_generator.state
    workspace = Workspace(copy, rng, as_frozen=True)
    a = workspace.forward(x)
    random = rng.bit_generator.state != before
    workspace.backward(y, 1.0)
    gradients = copy.views(workspace.gradient.copy())
    passes: list[dict[str, Any]] = [
        {name: np.array(getattr(ctx, name)[0]) for name in ("x", "z", "a", "delta")} for ctx in workspace.passes
    ]
    upstreams = [np.array(network.cost.gradient(a, y)[0])]
    for layer, ctx in zip(copy.layers[:0:-1], workspace.passes[:0:-1], strict=True):
        upstream: Any = layer.component.backward(ctx.delta, ctx)[0]  # once more, because a workspace does not keep it
        upstreams.insert(0, np.array(upstream[0]))
    for numbers, upstream, gradient in zip(passes, upstreams, gradients, strict=True):
        numbers |= {"upstream": upstream, "gradients": gradient}
    return random, passes


def _refusing_one_sample(network: Network) -> tuple[str, ...]:
    kinds = []
    for layer in (part for bound in network.layers for part in bound.component.walk(bound.input_shape)):
        try:
            layer.check_batch(1)
        except ValueError:
            kinds.append(layer.kind)
    return tuple(dict.fromkeys(kinds))


def _output_delta(network: Network, last: dict[str, Any], y: Vector) -> tuple[Form, Vector]:
    """Return in which form the cost provides δ at the output, and δ step by step as BP1 says."""
    activation = network.layers[-1].activation
    z, a = last["z"][None], last["a"][None]
    chain: Vector = np.array(Cost.delta(network.cost, activation, z, a, y)[0])
    if type(network.cost).delta is Cost.delta:
        return "chain", chain
    if a.shape == y.shape and np.allclose(last["delta"], (a - y)[0], rtol=100 * float(np.finfo(z.dtype).eps), atol=0):
        return "difference", chain
    return ("chain" if np.array_equal(chain, last["delta"]) else "own"), chain


def _layer(
    layer: BoundLayer, about: LayerSummary, numbers: dict[str, Any], differences: dict[str, Vector]
) -> LayerTrace:
    activation, z, a = layer.activation, numbers["z"], numbers["a"]
    slope = jacobian = None
    if activation is not None and about.elementwise and acts_elementwise(activation, z[None]):
        slope = np.array(activation.backward(np.ones_like(z)[None], z[None], a[None])[0])
    elif activation is not None and z.ndim == 1:
        indices = shown_indices(z.size)
        rows = [activation.backward(np.eye(1, z.size, index, z.dtype), z[None], a[None])[0] for index in indices]
        jacobian = Excerpt(np.array(rows)[:, indices], (z.size, z.size))
    return LayerTrace(
        number=about.number,
        kind=layer.component.kind,
        about=_about(layer.component),
        activation=None if activation is None else activation.kind,
        activation_about="" if activation is None else _about(activation),
        affine=about.affine and _is_affine(layer, numbers),
        parameters={name: np.array(value) for name, value in layer.parameters.items()},
        slope=slope,
        jacobian=jacobian,
        differences=differences,
        **numbers,
    )


def _is_affine(layer: BoundLayer, numbers: dict[str, Any]) -> bool:
    x, delta, gradients = numbers["x"], numbers["delta"], numbers["gradients"]
    weights, biases = layer.parameters["weights"], layer.parameters.get("biases", 0.0)
    tolerance = 1000 * float(np.finfo(x.dtype).eps)
    pairs = [
        (numbers["z"], weights @ x + biases, np.abs(weights) @ np.abs(x) + np.abs(biases)),
        (gradients["weights"], np.outer(delta, x), np.abs(np.outer(delta, x))),
        (gradients.get("biases", delta), delta, np.abs(delta)),
    ]
    return all(bool((np.abs(actual - expected) <= tolerance * size).all()) for actual, expected, size in pairs)


def _about(component: Component) -> str:
    return " ".join((inspect.getdoc(type(component)) or "").partition("\n\n")[0].split())
