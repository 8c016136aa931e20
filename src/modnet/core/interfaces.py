"""The families: what each sort of part must be able to do. A new part derives from one of these classes.

Parts are plain functions of arrays: they allocate and return, write to nothing that they were given, and keep
nothing between calls. Arrays are samples × units; a cost and its gradient are *per sample*, and the mean over the
samples of an update is the network's business. Letters: z net input, a activation, y target, C cost, W weights,
b biases, δ = ∂C/∂z, η learning rate, θ all parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

import numpy as np
from pydantic import AliasChoices, Field

from modnet.core.arrays import Array, namespace
from modnet.core.component import Component, Slot, default_part

if TYPE_CHECKING:
    from modnet.data.dataset import Data

__all__ = [
    "FAMILIES",
    "Activation",
    "Callback",
    "Cost",
    "Dataset",
    "Initializer",
    "Layer",
    "LayerContext",
    "Metric",
    "Optimizer",
    "ParameterSpec",
    "Problem",
    "Regularizer",
    "Schedule",
    "Task",
    "UpdateRule",
]


class Activation(Component):
    """a = σ(z), and how an error passes back through it."""

    family: ClassVar[str] = "activation"

    def __call__(self, z: Array) -> Array:
        """Return a = σ(z), of z's shape and dtype."""
        raise NotImplementedError

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return ∂C/∂z from ``upstream`` = ∂C/∂a; elementwise functions return upstream · σ′(z)."""
        raise NotImplementedError


class Cost(Component):
    """C(a, y), the cost of one sample, summed over its outputs."""

    family: ClassVar[str] = "cost"

    def __call__(self, a: Array, y: Array) -> Array:
        """Return each sample's cost, shape (samples,), of outputs ``a`` and targets ``y``, both (samples, outputs)."""
        raise NotImplementedError

    def gradient(self, a: Array, y: Array) -> Array:
        """Return ∂C/∂a, shape (samples, outputs)."""
        raise NotImplementedError

    def delta(self, activation: Activation | None, z: Array, a: Array, y: Array) -> Array:
        """Return δ^L = ∂C/∂z at the output (BP1); a cost that knows its activation may return a simpler form."""
        gradient = self.gradient(a, y)
        return gradient if activation is None else activation.backward(gradient, z, a)


class Initializer(Component):
    """The parameters that a layer starts with."""

    family: ClassVar[str] = "initializer"

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return a new float64 NumPy array of ``shape``; a unit has ``fan_in`` inputs and feeds ``fan_out`` units."""
        raise NotImplementedError


@dataclass(frozen=True)
class ParameterSpec:
    """What a layer says of one of its arrays of parameters.

    Attributes:
        shape: Its shape; weights are (n_next, n_current).
        initializer: What it starts with.
        fan_in: How many inputs one unit has.
        fan_out: How many units one input feeds.
        regularized: Whether a regularizer acts on it: weights yes, biases no.
    """

    shape: tuple[int, ...]
    initializer: Initializer
    fan_in: int
    fan_out: int
    regularized: bool = False


@dataclass(slots=True, eq=False)
class LayerContext:
    """What one layer works with while a batch goes through it, there and back.

    Attributes:
        parameters: The layer's parameters by name.
        gradients: Where their gradients belong, by name (the layer returns them; these are only places to write to).
        state: Arrays that no gradient trains, by name; a layer may write to them while ``training``.
        rng: The source of all randomness of the layers.
        training: Whether this is a training pass; predictions are not.
        is_first: Whether nothing lies below, so that no error needs to be passed on.
        x: The layer's input, (samples, ...).
        z: Its net input, as ``net_input`` returned it.
        a: Its output.
        delta: δ = ∂C/∂z.
        saved: Whatever the layer wants to remember from its forward to its backward pass.
    """

    parameters: Mapping[str, Array]
    gradients: Mapping[str, Array] = field(default_factory=dict)
    state: Mapping[str, Array] = field(default_factory=dict)
    rng: np.random.Generator | None = None
    training: bool = False
    is_first: bool = False
    x: Array = None
    z: Array = None
    a: Array = None
    delta: Array = None
    saved: Any = None

    def affine(self, x: Array, weights: Array, biases: Array | None) -> Array:
        """Return x Wᵀ + b."""
        z = x @ weights.T
        return z if biases is None else z + biases

    def weight_gradient(self, delta: Array, x: Array) -> Array:
        """Return δᵀ x, the gradient of the parameter ``weights`` summed over the samples (BP4); once in a pass."""
        return delta.T @ x

    def bias_gradient(self, delta: Array) -> Array:
        """Return Σ δ over the samples, the gradient of the parameter ``biases`` (BP3); once in a pass."""
        return namespace(delta).sum(delta, axis=0)

    def input_gradient(self, delta: Array, weights: Array) -> Array | None:
        """Return δ W, the error at the layer's input (BP2), or None where nothing lies below."""
        return None if self.is_first else delta @ weights


class Layer(Component):
    """Parameters and the net input z, with the activation that follows."""

    family: ClassVar[str] = "layer"
    needs_full_batch: ClassVar[bool] = False
    """True for a layer that must see an update's samples in one piece and not in chunks (normalisation)."""

    @classmethod
    def shorthand(cls, value: Any) -> dict[str, Any] | None:
        """Return what a value stands for: an integer is a dense layer of so many units."""
        if isinstance(value, int) and not isinstance(value, bool):
            return {"kind": "dense", "units": value}
        return super().shorthand(value)

    def activation_function(self) -> Activation | None:
        """Return σ of this layer, or None where its output is its net input."""
        return None

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one sample after this layer.

        Raises:
            ValueError: the layer cannot take samples of ``input_shape``; the message says what it takes.
        """
        return input_shape

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, ParameterSpec]:
        """Return what the layer trains, by name; ``weights`` and ``biases`` are W and b."""
        del input_shape
        return {}

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Array]:
        """Return what the layer keeps and no gradient trains (running means, say), by name."""
        del input_shape
        return {}

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return z for the samples ``x``, (samples, *output_shape)."""
        raise NotImplementedError

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return ∂C/∂x (None where ``ctx.is_first``) and the gradients of the parameters by name, from δ = ∂C/∂z.

        Gradients are summed over the samples: δ already carries the mean's 1/m.
        """
        raise NotImplementedError


class UpdateRule(Component):
    """What one update does with a gradient: θ ← θ − step."""

    family: ClassVar[str] = "rule"
    usual_rate: ClassVar[float] = 0.01
    """The learning rate η that an optimizer takes where none is configured."""

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return the state before the first update: arrays like θ and integers, by name."""
        del parameters
        return {}

    def update(self, gradient: Array, state: dict[str, Any], rate: float) -> tuple[Array, dict[str, Any]]:
        """Return what to subtract from θ, and the next state; ``gradient`` and ``state`` stay as they are."""
        raise NotImplementedError


class Schedule(Component):
    """The learning rate over time, as a factor on η."""

    family: ClassVar[str] = "schedule"
    constant: ClassVar[bool] = False
    """True where the factor is always 1, so that it need not be asked for."""

    def __call__(self, position: float, epochs: int) -> float:
        """Return the factor at ``position``, in passes over the data since the start, of ``epochs`` in all."""
        raise NotImplementedError


class Regularizer(Component):
    """A penalty R(w) on the weights (never the biases) that is added to the mean cost of an update."""

    family: ClassVar[str] = "regularizer"

    def __call__(self, weights: Array) -> Array:
        """Return R(w), one number, of the vector of all weights."""
        raise NotImplementedError

    def gradient(self, weights: Array) -> Array:
        """Return ∂R/∂w, of the shape of ``weights``."""
        raise NotImplementedError


class Problem(Protocol):
    """What an optimizer may use during one epoch: the problem it descends, and the means to."""

    samples: int
    """How many training samples there are."""
    optimizer_state: dict[str, Any]
    """Arrays and numbers that the optimizer keeps from epoch to epoch."""
    rng: np.random.Generator
    """The source of randomness for the order of the samples."""

    @property
    def parameters(self) -> Any:
        """θ, one vector; a solver of its own may write to it (``parameters[...] = ...``)."""

    @property
    def learning_rate(self) -> float:
        """The learning rate in force: η times the schedule's factor."""

    def run_sweep(self, order: Any, length: int) -> None:
        """Update once per ``length`` samples in this ``order`` (an array of row numbers, or None for as they lie)."""

    def value_and_grad(self) -> tuple[float, Array]:
        """Return the mean cost (penalties included) over all training samples at ``parameters``, and its gradient."""

    def apply_gradient(self, gradient: Array) -> None:
        """Make one update with this gradient by the configured rule."""


class Optimizer(Component):
    """Which samples feed one update, and at what rate; what an update does is the rule's business."""

    family: ClassVar[str] = "optimizer"

    rule: Annotated[UpdateRule, Slot()] = default_part("plain", "what one update does with a gradient")
    schedule: Annotated[Schedule, Slot()] = default_part("constant", "the learning rate over time, as a factor")
    learning_rate: float = Field(
        default_factory=lambda options: options["rule"].usual_rate if "rule" in options else 1.0,
        gt=0,
        validation_alias=AliasChoices("learning_rate", "eta"),
        description="η; where none is given, the rule's usual rate (3.0 for `plain`). `eta` means the same",
    )

    def updates(self, samples: int) -> int:
        """Return how many updates one epoch over ``samples`` samples makes."""
        del samples
        return 1

    def check(self, samples: int) -> None:
        """Refuse a number of training samples that this optimizer cannot work with.

        Raises:
            ValueError: with a message that starts with the option's name and says what is allowed.
        """
        del samples

    def epoch(self, problem: Problem) -> None:
        """Make the updates of one pass over the data."""
        raise NotImplementedError


@dataclass(frozen=True)
class Task:
    """What a network is trained for.

    Attributes:
        outputs: How many outputs it has.
        classes: Whether its targets are classes.
    """

    outputs: int
    classes: bool


class Metric(Component):
    """A figure of merit of outputs against targets, added up piece by piece, so that no data is too large."""

    family: ClassVar[str] = "metric"
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    """Which way the figure goes when a network gets better."""

    @property
    def label(self) -> str:
        """The name of the figure in the history."""
        return self.kind.replace("-", "_")

    def check(self, task: Task) -> None:
        """Refuse a task that this metric has no meaning for.

        Raises:
            ValueError: with a message that says why, and what would do.
        """
        del task

    def partial(self, a: Array, y: Array) -> Array:
        """Return what a piece of the data adds, as a vector, of outputs ``a`` and targets ``y``, (samples, outputs)."""
        raise NotImplementedError

    def merge(self, one: Array, other: Array) -> Array:
        """Return what two pieces add together."""
        return one + other

    def value(self, total: Array) -> float:
        """Return the figure for all pieces together."""
        raise NotImplementedError


class Callback(Component):
    """Something that listens to a training. The part holds the options; ``listener`` makes what listens."""

    family: ClassVar[str] = "callback"

    def listener(self) -> object:
        """Return a new object whose methods are hook implementations of ``modnet.callbacks.events``."""
        raise NotImplementedError


class Dataset(Component):
    """Where the samples come from. What is done with them afterwards is the same for every dataset."""

    family: ClassVar[str] = "dataset"

    validation_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="the share of the training samples that is drawn by lot, class by class, to validate; "
        "0 where the data brings its own or none is wanted",
    )
    scaling: Literal["none", "standard", "min-max"] = Field(
        default="none",
        description="how the network scales each feature, fitted on the training samples alone and kept with the "
        "model: `standard` to mean 0 and standard deviation 1, `min-max` to [0, 1]",
    )

    def load(self) -> Data:
        """Return the samples.

        Raises:
            DataError: naming file and place.
        """
        raise NotImplementedError


_ALL: tuple[type[Component], ...] = (
    Activation,
    Cost,
    Layer,
    Initializer,
    Optimizer,
    UpdateRule,
    Schedule,
    Regularizer,
    Metric,
    Callback,
    Dataset,
)
FAMILIES: dict[str, type[Component]] = {family.family: family for family in _ALL}
