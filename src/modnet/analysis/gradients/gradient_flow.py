"""How the error δ flows back through a network: its norm in every layer, and what the norm is made of.

Everything is read from the network's own passes over some samples (`modnet.engines.numpy.workspace.Workspace`).
Letters: δˡ = ∂C/∂zˡ, δˡ = Σ′(zˡ) (W^{l+1})ᵀ δ^{l+1}, with σ′(zˡ) on the diagonal of Σ′(zˡ).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.summary import acts_elementwise
from modnet.core.interfaces import Activation, UpdateContext, UpdateRule
from modnet.core.random import Stream, generator
from modnet.data.prepared import Samples
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network, Vector
from modnet.training.scores import Scorer, Scores

__all__ = ["GradientFlow", "LayerGradientFlow", "backpropagate", "flow_through", "norm", "subsample"]

SATURATED = 0.05
"""A neuron is saturated where its mean σ′ is below this share of the steepest that its activation reaches."""
DEAD = 1e-6
"""A neuron is dead where its σ′ is below this share of the steepest for every sample."""
CONSTANT = 0.05
"""An output is constant where its standard deviation is below this share of its target's."""

_GRID = np.linspace(-8.0, 8.0, 161)
_PROBES = 64
"""The number of samples for which an activation is tested to be elementwise."""
MIXED = 10_000_000
"""Samples times squared neurons of an activation that mixes these: a tenth of a second; 256 samples of 197 classes."""


@dataclass(frozen=True)
class LayerGradientFlow:
    """What flows through one layer.

    Attributes:
        number: The layer, from 1 for the first above the input.
        kind, activation: Its kind, and that of its activation or None.
        units, parameters: The numbers of its neurons and of its parameters.
        delta: ‖δˡ‖, the mean over the samples of each sample's Euclidean norm (weighted, where samples have weights).
        ratio: ‖δˡ‖ / ‖δ^{l+1}‖; None at the output, and where the next layer's is 0.
        slope: The mean of σ′(zˡ) over samples and neurons; 1 without an activation. Where an activation mixes the
            units, as softmax does, σ′ is the diagonal of its matrix.
        steepest: The largest σ′ that the activation reaches, on these samples or between z = −8 and 8.
        weights: The spectral norm ‖W^{l+1}‖₂ of the next layer, the most by which it can stretch δ^{l+1}; None at the
            output, and where the next layer has no weight matrix.
        gradient: ‖∇θˡ‖ / ‖θˡ‖, of the mean cost with its penalties; None without parameters or where they are 0.
        update: ‖Δθˡ‖ / ‖θˡ‖, the relative change of the layer by one update with the rule and its rate; None as above.
        saturated: The share of neurons whose mean σ′ is below 5 % of the steepest.
        dead: The neurons, from 0, whose σ′ is practically 0 for every sample, so that no error passes through them.
    """

    number: int
    kind: str
    activation: str | None
    units: int
    parameters: int
    delta: float
    ratio: float | None
    slope: float
    steepest: float
    weights: float | None
    gradient: float | None
    update: float | None
    saturated: float
    dead: tuple[int, ...]


@dataclass(frozen=True)
class GradientFlow:
    """What flows through a network.

    Attributes:
        layers: What flows through each layer, from the first above the input.
        constant: The output neurons, from 0, that give the same output for every sample though their targets differ:
            the deviation of the outputs is below 5 % of that of the targets.
        stuck: Those of them that are saturated, so that hardly any error passes σ′ to change the output.
        scores: How good the predictions for these samples are.
    """

    layers: tuple[LayerGradientFlow, ...]
    constant: tuple[int, ...]
    stuck: tuple[int, ...]
    scores: Scores

    @property
    def cost(self) -> float:
        """The mean cost of the samples, without penalties."""
        return self.scores.cost

    @property
    def constant_cost(self) -> float:
        """The mean cost of the best constant prediction, the mean of the targets."""
        return self.scores.constant_cost

    @property
    def explained(self) -> float:
        """How far the cost is below that of the best constant prediction: 0 is nothing learnt, 1 is everything."""
        return self.scores.explained

    @property
    def trained(self) -> tuple[LayerGradientFlow, ...]:
        """The layers that have parameters, or all where none has any."""
        return tuple(layer for layer in self.layers if layer.parameters) or self.layers

    @property
    def delta_ratio(self) -> float:
        """‖δ‖ at the first layer with parameters, divided by ‖δ‖ at the last."""
        first, last = self.trained[0].delta, self.trained[-1].delta
        return first / last if last > 0 else 1.0


def subsample(samples: Samples, count: int, seed: int) -> Samples:
    """Return ``count`` of the samples, sampled at random with the seed, or all where there are no more."""
    if count >= len(samples):
        return samples
    rows = np.sort(generator(seed, Stream.SAMPLE).choice(len(samples), count, replace=False))
    return samples.take(rows)


def backpropagate(network: Network, samples: Samples, seed: int = 0) -> tuple[Workspace, Vector, Vector]:
    """Send samples, all in one piece, forward and back through a network, which is not changed.

    Returns:
        What the passes produced, with the δ of each sample, the outputs, and the targets.
    """
    x, y = samples.x[:], samples.targets.batch(slice(0, len(samples)), network.dtype, network.target_width)
    weights, states = _weights(samples), network.layer_states()
    share = 1.0 if weights is None else (weights / weights.mean()).astype(network.dtype)[:, None]
    workspace = Workspace(network, generator(seed, Stream.SAMPLE, 1))
    try:
        with np.errstate(all="ignore"):  # numbers that are not finite are a diagnosis, not a warning
            a = workspace.forward(x)
            workspace.backward(y, share)  # without 1/m
    finally:
        network.load_layer_states(states)
    return workspace, a, y


def _weights(samples: Samples) -> Vector | None:
    return None if samples.weights is None or not samples.weights.any() else samples.weights


def flow_through(
    network: Network,
    samples: Samples,
    rule: UpdateRule,
    rate: float,
    state: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> GradientFlow:
    """Return what flows forward and back through a network for some samples. The network is not changed.

    Args:
        network: The network.
        samples: The samples, all in one piece.
        rule: The update rule, for the size of an update.
        rate: The learning rate η.
        state: The rule's state; by default its state before the first update.
        seed: The seed of layers that draw random numbers, such as dropout.
    """
    weights = _weights(samples)
    workspace, a, y = backpropagate(network, samples, seed)
    count = len(samples)
    with np.errstate(all="ignore"):  # numbers that are not finite are a diagnosis, not a warning
        scorer = Scorer(network)
        scorer.update(a, y, weights)
        scores = scorer.compute(samples.targets, weights)
        workspace.gradient[...] = workspace.gradient / count
        network.add_penalty_gradient(workspace.gradient, float(count if weights is None else weights.sum()))
        theta, gradient = (vector[: network.trainable] for vector in (network.parameters, workspace.gradient))
        context = UpdateContext(theta, rate, layout=network.layout, regularized=network.regularized)
        step, _ = rule.update(gradient, dict(rule.init(theta) if state is None else state), context)
        layers = _layers(network, workspace, _relative(network, workspace.gradient), _relative(network, step))
        varied = y.std(axis=0) if a.shape == y.shape else np.zeros(a.shape[1])
        constant = (varied > 0) & ~(a.std(axis=0) >= CONSTANT * varied)
        slopes, steepest = _slopes(network.layers[-1].activation, workspace.passes[-1].z, a)
        stuck = constant & (np.abs(slopes).mean(axis=0) < SATURATED * steepest)
    return GradientFlow(tuple(layers), _indices(constant), _indices(stuck), scores)


def _layers(
    network: Network, workspace: Workspace, gradients: list[float | None], updates: list[float | None]
) -> list[LayerGradientFlow]:
    flows: list[LayerGradientFlow] = []
    delta_above = weights_above = None
    for index in reversed(range(len(network.layers))):
        layer, passed = network.layers[index], workspace.passes[index]
        delta = float(np.mean(np.linalg.norm(passed.delta.reshape(len(passed.delta), -1), axis=1)))
        slopes, steepest = _slopes(layer.activation, passed.z, passed.a)
        slopes = slopes.reshape(len(slopes), -1)
        flow = LayerGradientFlow(
            number=index + 1,
            kind=layer.component.kind,
            activation=None if layer.activation is None else layer.activation.kind,
            units=slopes.shape[1],
            parameters=sum(values.size for values in layer.parameters.values()),
            delta=delta,
            ratio=delta / delta_above if delta_above is not None and delta_above > 0 else None,
            slope=float(slopes.mean()),
            steepest=steepest,
            weights=weights_above,
            gradient=gradients[index],
            update=updates[index],
            saturated=float(np.mean(np.abs(slopes).mean(axis=0) < SATURATED * steepest)),
            dead=_indices(~(np.abs(slopes).max(axis=0) > DEAD * steepest)),
        )
        flows.insert(0, flow)
        delta_above, weights_above = delta, _spectral_norm(layer.weights)
    return flows


def _indices(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask).tolist())


def _relative(network: Network, vector: Vector) -> list[float | None]:
    """Return, for each layer, the norm of its part of a vector like θ, divided by the norm of its part of θ."""
    norms = [
        (norm(views.values()), norm(layer.parameters.values()))
        for layer, views in zip(network.layers, network.views(vector), strict=True)
    ]
    return [part / whole if whole > 0 else None for part, whole in norms]


def norm(arrays: Iterable[Vector]) -> float:
    """Return the Euclidean norm of several arrays together, summed in float64."""
    return math.sqrt(sum(float(np.sum(np.square(array, dtype=np.float64))) for array in arrays))


def _spectral_norm(weights: Vector | None) -> float | None:
    """Return ‖W‖₂, the root of the largest eigenvalue of W Wᵀ, which is many times faster than all singular values."""
    if weights is None or weights.ndim != 2:
        return None
    largest = float(np.abs(weights).max())
    if not (0 < largest < np.inf):
        return largest
    scaled = weights.astype(np.float64) / largest
    product = scaled @ scaled.T if len(scaled) <= scaled.shape[1] else scaled.T @ scaled
    return float(np.sqrt(np.linalg.eigvalsh(product)[-1])) * largest


def _slopes(activation: Activation | None, z: Vector, a: Vector) -> tuple[Vector, float]:
    """Return σ′ for every sample and neuron, from the activation's ``backward``, and the steepest that σ reaches.

    An activation that mixes its neurons is asked for one neuron after the other: of few samples if there are many.
    """
    if activation is None:
        return np.ones_like(z), 1.0
    slopes: Vector = np.array(activation.backward(np.ones_like(z), z, a))
    steepest = 0.0
    if acts_elementwise(activation, z[:_PROBES]):
        grid = np.broadcast_to(_GRID.astype(z.dtype).reshape(-1, *[1] * (z.ndim - 1)), (len(_GRID), *z.shape[1:]))
        steepest = np.abs(activation.backward(np.ones_like(grid), grid, activation(grid))).max()
    else:
        few = max(1, MIXED // z[0].size ** 2)
        z, a, slopes = z[:few], a[:few], slopes[:few]
        for unit in np.ndindex(z.shape[1:]):
            upstream, entry = np.zeros_like(z), (slice(None), *unit)
            upstream[entry] = 1.0
            slopes[entry] = activation.backward(upstream, z, a)[entry]
    return slopes, float(max(steepest, np.abs(slopes).max()))
