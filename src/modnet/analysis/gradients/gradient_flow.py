"""How the error δ gets through a network: its norms layer by layer, and what they are made of.

Everything is read from the network's own passes over some samples (`modnet.engines.numpy.workspace.Workspace`). Letters: δˡ = ∂C/∂zˡ,
δˡ = Σ′(zˡ) (W^{l+1})ᵀ δ^{l+1}, with σ′(zˡ) on the diagonal of Σ′(zˡ).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from modnet.core.interfaces import Activation, UpdateRule
from modnet.core.random import Stream, generator
from modnet.data.prepared import Samples
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network, Vector

__all__ = ["GradientFlow", "LayerGradientFlow", "drawn", "flow_through"]

SATURATED = 0.05
"""A neuron is saturated where its mean σ′ is below this share of the steepest that its activation gets."""
DEAD = 1e-6
"""A neuron is dead where its σ′ is below this share of the steepest for every sample."""
CONSTANT = 0.05
"""An output answers the same for everything where its deviation is below this share of its target's."""

_GRID = np.linspace(-8.0, 8.0, 161)
_PROBES = 64
"""How many samples are asked whether an activation works element by element."""


@dataclass(frozen=True)
class LayerGradientFlow:
    """What passed through one layer.

    Attributes:
        number: The layer, from 1 for the first above the input.
        kind: Its kind.
        activation: Its activation's kind, or None.
        units: How many neurons it has.
        parameters: How many parameters it has.
        delta: ‖δˡ‖, the mean over the samples of each sample's Euclidean norm.
        ratio: ‖δˡ‖ / ‖δ^{l+1}‖; None at the output, and where the next layer's is 0.
        slope: The mean of σ′(zˡ) over samples and neurons; 1 without an activation. Where an activation mixes the
            units, as softmax does, σ′ is the diagonal of its matrix.
        steepest: The largest σ′ that the activation reaches, on these samples or between z = −8 and 8.
        weights: The spectral norm ‖W^{l+1}‖₂ of the next layer, the most by which it can stretch δ^{l+1}; None at the
            output, and where the next layer has no weight matrix.
        gradient: ‖∇θˡ‖ / ‖θˡ‖, of the mean cost with its penalties; None without parameters or where they are 0.
        update: ‖Δθˡ‖ / ‖θˡ‖, how much one update by the rule and its rate would change the layer; None as above.
        saturated: The share of neurons whose mean σ′ is below 5 % of the steepest.
        dead: The neurons, from 0, whose σ′ is (as good as) 0 for every sample, so that no error gets past them.
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
    """What passed through a network.

    Attributes:
        layers: What passed through each layer, from the first above the input.
        constant: The output neurons, from 0, that answer the same for every sample, though their targets differ: the
            deviation of the answers is below 5 % of that of the targets.
        stuck: Those of them that are saturated, so that hardly any error gets past σ′ to change the answer.
        cost: The mean cost of the samples, without penalties.
        constant_cost: The mean cost of the best that a constant answer could do: the mean of the targets.
    """

    layers: tuple[LayerGradientFlow, ...]
    constant: tuple[int, ...]
    stuck: tuple[int, ...]
    cost: float
    constant_cost: float

    @property
    def explained(self) -> float:
        """How much of what a constant answer costs the network saves: 0 is nothing learnt, 1 is everything."""
        if self.constant_cost > 0:
            return 1.0 - self.cost / self.constant_cost
        return 1.0 if self.cost < self.constant_cost else 0.0  # a cost that goes below 0 has no share

    @property
    def trained(self) -> tuple[LayerGradientFlow, ...]:
        """The layers that have parameters, or all where none has any."""
        return tuple(layer for layer in self.layers if layer.parameters) or self.layers

    @property
    def shrinks(self) -> float:
        """How large δ is at the first layer with parameters, as a share of that at the last."""
        first, last = self.trained[0].delta, self.trained[-1].delta
        return first / last if last > 0 else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON has them; a figure that is not finite is null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def drawn(samples: Samples, count: int, seed: int) -> Samples:
    """Return so many of the samples, drawn by the seed, or all where there are no more."""
    if count >= len(samples):
        return samples
    rows = np.sort(generator(seed, Stream.SAMPLE).choice(len(samples), count, replace=False))
    return Samples(samples.x[rows], samples.targets.take(rows))


def flow_through(
    network: Network,
    samples: Samples,
    rule: UpdateRule,
    rate: float,
    state: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> GradientFlow:
    """Return how samples go through a network, and the error of their cost back.

    Neither the network nor anything else is changed by it.

    Args:
        network: The network.
        samples: What goes through it, all in one piece.
        rule: What an update would do with the gradient.
        rate: At which learning rate η.
        state: The rule's state; without it that before the first update.
        seed: Where the randomness of layers such as dropout comes from.
    """
    x, y = samples.x, samples.targets.batch(slice(0, len(samples)), network.dtype, network.outputs)
    states = [{name: value.copy() for name, value in layer.state.items()} for layer in network.layers]
    ctx = Workspace(network, generator(seed, Stream.SAMPLE, 1))
    with np.errstate(all="ignore"):  # a net that leaves the finite numbers is a finding, not a warning
        a = ctx.forward(x)
        ctx.backward(y, 1.0)  # with no 1/m: each sample's own δ
        costs = network.cost(a, y)
        best = network.cost(np.broadcast_to(y.mean(axis=0), y.shape), y)
        gradient = ctx.gradient / len(x)
        ctx.gradient[...] = gradient
        ctx.add_penalties()
        theta = network.parameters
        step, _ = rule.update(ctx.gradient, dict(rule.init(theta) if state is None else state), rate)
        sizes = [_relative(network, vector) for vector in (ctx.gradient, step)]
        layers = _layers(network, ctx, *sizes)
        varied = y.std(axis=0)
        constant = (varied > 0) & ~(a.std(axis=0) >= CONSTANT * varied)
        slopes, steepest = _slopes(network.layers[-1].activation, ctx.passes[-1].z, a)
        stuck = constant & (np.abs(slopes).mean(axis=0) < SATURATED * steepest)
    for layer, before in zip(network.layers, states, strict=True):
        for name, value in before.items():
            layer.state[name][...] = value
    return GradientFlow(tuple(layers), _places(constant), _places(stuck), float(np.mean(costs)), float(np.mean(best)))


def _layers(
    network: Network, ctx: Workspace, gradients: list[float | None], updates: list[float | None]
) -> list[LayerGradientFlow]:
    found: list[LayerGradientFlow] = []
    above: LayerGradientFlow | None = None
    norm = None
    for index in reversed(range(len(network.layers))):
        layer, passed = network.layers[index], ctx.passes[index]
        delta = float(np.mean(np.linalg.norm(passed.delta.reshape(len(passed.delta), -1), axis=1)))
        slopes, steepest = _slopes(layer.activation, passed.z, passed.a)
        slopes = slopes.reshape(len(slopes), -1)
        flow = LayerGradientFlow(
            number=index + 1,
            kind=layer.component.kind,
            activation=None if layer.activation is None else layer.activation.kind,
            units=slopes.shape[1],
            parameters=sum(part.size for part in layer.parameters.values()),
            delta=delta,
            ratio=delta / above.delta if above is not None and above.delta > 0 else None,
            slope=float(slopes.mean()),
            steepest=steepest,
            weights=norm,
            gradient=gradients[index],
            update=updates[index],
            saturated=float(np.mean(np.abs(slopes).mean(axis=0) < SATURATED * steepest)),
            dead=_places(~(np.abs(slopes).max(axis=0) > DEAD * steepest)),
        )
        found.insert(0, flow)
        above, norm = flow, _spectral_norm(layer.weights)
    return found


def _places(which: Any) -> tuple[int, ...]:
    return tuple(np.flatnonzero(which).tolist())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _relative(network: Network, vector: Vector) -> list[float | None]:
    """Return the norm of each layer's part of a vector like θ, over that of its part of θ."""
    sizes: list[float | None] = []
    for layer, views in zip(network.layers, network.views(vector), strict=True):
        whole = _norm(layer.parameters)
        sizes.append(_norm(views) / whole if whole > 0 else None)
    return sizes


def _norm(parameters: Mapping[str, Vector]) -> float:
    return float(np.sqrt(sum(float(np.sum(np.square(part, dtype=np.float64))) for part in parameters.values())))


def _spectral_norm(weights: Vector | None) -> float | None:
    """Return ‖W‖₂, the root of the largest eigenvalue of W Wᵀ, which is many times faster than all singular values."""
    if weights is None or weights.ndim != 2:
        return None
    largest = float(np.abs(weights).max())
    if not (0 < largest < np.inf):
        return largest
    table = weights.astype(np.float64) / largest
    square = table @ table.T if len(table) <= table.shape[1] else table.T @ table
    return float(np.sqrt(np.linalg.eigvalsh(square)[-1])) * largest


def _slopes(activation: Activation | None, z: Vector, a: Vector) -> tuple[Vector, float]:
    """Return σ′ for every sample and neuron, asked of the activation's way back, and the steepest that σ gets."""
    ones = np.ones_like(z)
    if activation is None:
        return ones, 1.0
    slopes: Vector = np.array(activation.backward(ones, z, a))
    some = slice(0, _PROBES)
    probe = np.linspace(-1.0, 2.0, ones[some].size, dtype=z.dtype).reshape(ones[some].shape)
    close = 100 * np.finfo(z.dtype).eps
    if np.allclose(activation.backward(probe, z[some], a[some]), probe * slopes[some], rtol=close, atol=close):
        grid = np.broadcast_to(_GRID.astype(z.dtype).reshape(-1, *[1] * (z.ndim - 1)), (len(_GRID), *z.shape[1:]))
        steepest = np.abs(activation.backward(np.ones_like(grid), grid, activation(grid))).max()
    else:
        for place in np.ndindex(z.shape[1:]):
            unit = np.zeros_like(z)
            unit[(slice(None), *place)] = 1.0
            slopes[(slice(None), *place)] = activation.backward(unit, z, a)[(slice(None), *place)]
        steepest = 0.0
    return slopes, float(max(steepest, np.abs(slopes).max()))
