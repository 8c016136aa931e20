"""One sample's way through a network and back: what every layer made of it, and the same gradient by differences.

All numbers are those of the network's own passes (`modnet.engines.numpy.workspace.Workspace`), on a copy of it: nothing is disturbed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from modnet.analysis.trace.abbreviate import excerpt, plain_excerpt, shown
from modnet.analysis.trace.gradient_check import copy_network, sample_gradient
from modnet.core.component import Component
from modnet.core.errors import DataError
from modnet.core.interfaces import Cost
from modnet.core.numerical_gradient import STEP
from modnet.core.random import Stream, generator
from modnet.data.labels import Targets
from modnet.data.validation import as_array, as_samples
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import BoundLayer, Network, Vector
from modnet.network.summary import LayerSummary, acts_elementwise, summary

__all__ = ["LayerTrace", "Trace", "trace"]

Form: TypeAlias = Literal["chain", "difference", "own"]


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """One layer, with the sample in it. Arrays have no axis for samples: there is one.

    Attributes:
        number: Its number l, from 1 for the first above the input.
        kind: Its kind.
        about: What its documentation says of it first.
        activation: The kind of its σ, or None where a is z.
        activation_about: What its documentation says of it first; empty without an activation.
        affine: Whether z = W x + b, ∇W = δ xᵀ, ∇b = δ and ∂C/∂x = Wᵀ δ hold, which is seen from the numbers.
        parameters: Its parameters by name.
        x: Its input, a^{l−1}.
        z: Its net input.
        a: Its activation.
        slope: σ′(z); None without an activation, and where the activation mixes its neurons (softmax).
        jacobian: Σ′(z), ∂aᵢ/∂zⱼ for the neurons i and j that are `shown`, where the activation mixes them; else None.
        upstream: ∂C/∂a, as it came from above: ∇_a C at the output.
        delta: δ = ∂C/∂z.
        gradients: ∂C/∂θ of its parameters by name.
        differences: The same by central differences; NaN where they were not asked for.
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
    jacobian: Vector | None
    upstream: Vector
    delta: Vector
    gradients: dict[str, Vector]
    differences: dict[str, Vector]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON has them, each array as its `excerpt`."""
        plain: dict[str, Any] = {item.name: _plain(getattr(self, item.name)) for item in fields(self)}
        plain["jacobian"] = None if self.jacobian is None else plain_excerpt(self.jacobian, self.a.size, self.a.size)
        return plain


@dataclass(frozen=True, eq=False)
class Trace:
    """One sample's way through a network and back.

    Attributes:
        title: The network: its sizes, how many parameters, and their dtype.
        dtype: The dtype that it computes with.
        raw: The sample as it was given, where it is scaled before it enters; else None.
        x: The sample as it enters.
        label: Its class, or None where targets are numbers.
        y: Its target, (outputs,).
        layers: The layers, from the first above the input.
        cost: C.
        cost_kind: The kind of the cost.
        cost_about: What its documentation says of it first.
        output_form: How the cost gives δ^L: ``chain`` as BP1 says, ``difference`` directly as a − y, or in a form of
            its ``own``.
        chain: What BP1 step by step gives for δ^L; the same as ``layers[-1].delta`` where ``output_form`` is ``chain``.
        random: Whether a layer drew random numbers; they are the same for the differences.
        penalties: The kinds of the network's regularizers, which are no part of C here.
        step: h, for a parameter of size 1; for larger ones times their size.
        compared: How many entries of the gradient were compared.
        parameters: How many entries it has.
        largest_absolute: The largest difference among them, in absolute terms.
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
    penalties: tuple[str, ...]
    step: float
    compared: int
    parameters: int
    largest_absolute: float
    largest_relative: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON has them, each array as its `excerpt`; what is not finite is None."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}

    def to_markdown(self, title: str = "One sample, there and back", heading: str = "#") -> str:
        """Return the way step by step, each equation with its numbers, as Markdown with formulae in LaTeX.

        Args:
            title: The first heading.
            heading: Its mark; those below have a ``#`` more.
        """
        from modnet.analysis.trace.markdown import markdown

        return markdown(self, title, heading)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def trace(network: Network, x: ArrayLike, y: Any, *, seed: int = 0) -> Trace:
    """Return one sample's way through feedforward and backpropagation, and its gradient by central differences.

    Args:
        network: The network; it stays as it is.
        x: One raw sample, as `Network.predict` takes rows: (features,).
        y: Its label, as in training; for a network without labels its target, (outputs,) or one number.
        seed: Where layers that draw random numbers (dropout) get them from.

    Raises:
        DataError: the sample or its target does not fit the network, or its cost is not finite.

    >>> import modnet
    >>> net = modnet.NeuralNetwork([2, 2, 1], seed=0)
    >>> way = modnet.trace(net.network, [1.0, 0.5], [1.0])
    >>> [layer.delta.shape for layer in way.layers]
    [(2,), (1,)]
    >>> way.largest_relative < 1e-8
    True
    """
    rows = as_samples(as_array(x, "x")[np.newaxis], "x")
    if rows.shape[1:] != network.input_shape:
        raise DataError(f"x: the network takes one sample of shape {network.input_shape}, got {rows.shape[1:]}")
    entering = network.preprocess(rows)
    given = [y] if network.classes is not None else np.reshape(as_array(y, "y"), (1, -1))
    targets = Targets.transform(given, 1, "y", network.classes, network.outputs)
    wanted = targets.astype(network.dtype, "y").batch(slice(0, 1), network.dtype, network.outputs)

    about = summary(network)
    with np.errstate(all="ignore"):  # what leaves the finite numbers is found below
        random, passed = _passes(network, entering, wanted, seed)
        cost = float(network.cost(passed[-1]["a"][None], wanted)[0])
        if not np.isfinite(cost):
            raise DataError(f"x: the cost of this sample is {cost}; the numbers may be too large")
        form, chain = _output(network, passed[-1], wanted)
        numeric, compared = sample_gradient(network, entering, wanted, seed)
        layers = tuple(map(_layer, network.layers, about.layers, passed, network.views(numeric)))
    absolute, relative = _largest_difference(layers)
    return Trace(
        title=about.title,
        dtype=str(network.dtype),
        raw=None if network.scaling is None else rows[0],
        x=entering[0],
        label=None if network.classes is None else y,
        y=np.array(wanted[0]),
        layers=layers,
        cost=cost,
        cost_kind=network.cost.kind,
        cost_about=_about(network.cost),
        output_form=form,
        chain=chain,
        random=random,
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
    gradient, numeric = (
        np.concatenate([values.ravel() for layer in layers for values in getattr(layer, name).values()]).astype(float)
        for name in ("gradients", "differences")
    )
    asked = ~np.isnan(numeric)
    absolute = float(np.max(np.abs(gradient - numeric)[asked], initial=0.0))
    largest = float(np.abs(gradient).max())
    return absolute, absolute / largest if largest > 0 else None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return excerpt(value)
    if isinstance(value, LayerTrace):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _passes(network: Network, x: Vector, y: Vector, seed: int) -> tuple[bool, list[dict[str, Any]]]:
    """Return whether numbers were drawn, and what every layer's pass left behind, without the axis for samples."""
    other, rng = copy_network(network, str(network.dtype)), generator(seed, Stream.LAYERS)
    before = rng.bit_generator.state
    workspace = Workspace(other, rng)
    a = workspace.forward(x)
    random = rng.bit_generator.state != before
    workspace.backward(y, 1.0)
    gradients = other.views(workspace.gradient.copy())
    passed: list[dict[str, Any]] = [
        {"x": ctx.x[0], "z": ctx.z[0], "a": ctx.a[0], "delta": ctx.delta[0], "gradients": gradient}
        for ctx, gradient in zip(workspace.passes, gradients, strict=True)
    ]
    passed = [{name: _copied(value) for name, value in one.items()} for one in passed]
    passed[-1]["upstream"] = np.array(network.cost.gradient(a, y)[0])
    for index, ctx in enumerate(workspace.passes[1:], 1):  # asked again, because a workspace does not keep it
        upstream: Any = other.layers[index].component.backward(ctx.delta, ctx)[0]
        passed[index - 1]["upstream"] = np.array(upstream[0])
    return random, passed


def _copied(value: Any) -> Any:
    return {name: np.array(item) for name, item in value.items()} if isinstance(value, dict) else np.array(value)


def _output(network: Network, last: dict[str, Any], y: Vector) -> tuple[Form, Vector]:
    """Return in which form the cost gives δ at the output, and what BP1 gives step by step."""
    activation = network.layers[-1].activation
    z, a = last["z"][None], last["a"][None]
    chain: Vector = np.array(Cost.delta(network.cost, activation, z, a, y)[0])
    if type(network.cost).delta is Cost.delta:
        return "chain", chain
    close = 100 * float(np.finfo(z.dtype).eps)
    if np.allclose(last["delta"], (a - y)[0], rtol=close, atol=0):
        return "difference", chain
    return ("chain" if np.array_equal(chain, last["delta"]) else "own"), chain


def _layer(
    layer: BoundLayer, about: LayerSummary, passed: dict[str, Any], differences: dict[str, Vector]
) -> LayerTrace:
    activation, z, a = layer.activation, passed["z"], passed["a"]
    slope = jacobian = None
    if activation is not None and about.elementwise and acts_elementwise(activation, z[None]):
        slope = np.array(activation.backward(np.ones_like(z)[None], z[None], a[None])[0])
    elif activation is not None and z.ndim == 1:
        places = shown(z.size)
        rows = [activation.backward(np.eye(1, z.size, place, z.dtype), z[None], a[None])[0] for place in places]
        jacobian = np.array(rows)[:, places]
    return LayerTrace(
        number=about.number,
        kind=layer.component.kind,
        about=_about(layer.component),
        activation=None if activation is None else activation.kind,
        activation_about="" if activation is None else _about(activation),
        affine=about.affine and _is_affine(layer, passed),
        parameters={name: np.array(value) for name, value in layer.parameters.items()},
        slope=slope,
        jacobian=jacobian,
        differences=differences,
        **passed,
    )


def _is_affine(layer: BoundLayer, passed: dict[str, Any]) -> bool:
    x, delta, gradients = passed["x"], passed["delta"], passed["gradients"]
    weights, biases = layer.parameters["weights"], layer.parameters.get("biases", 0.0)
    close = 1000 * float(np.finfo(x.dtype).eps)
    pairs = [
        (passed["z"], weights @ x + biases, np.abs(weights) @ np.abs(x) + np.abs(biases)),
        (gradients["weights"], np.outer(delta, x), np.abs(np.outer(delta, x))),
        (gradients.get("biases", delta), delta, np.abs(delta)),
    ]
    return all(bool((np.abs(one - other) <= close * size).all()) for one, other, size in pairs)


def _about(part: Component) -> str:
    return " ".join((inspect.getdoc(type(part)) or "").partition("\n\n")[0].split())
