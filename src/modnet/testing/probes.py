"""The probes of each family: how its components are used, with inputs and the shapes of the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.components.activations import Exp, Identity, Sigmoid, Softmax, Tanh
from modnet.core.arrays import Array
from modnet.core.interfaces import Activation, Cost, ParameterSlice, Position, Task, UpdateContext
from modnet.data.validation import as_array
from modnet.testing.case import Case, refusal
from modnet.testing.fixtures import QuadraticProblem, train
from modnet.testing.layer_probes import layer_probes
from modnet.testing.numeric import extreme_sizes, normal, targets
from modnet.testing.probe import Arrays, Probe, finish, protect
from modnet.testing.transform_probes import transform_probes

__all__ = ["INITIALIZER_SHAPES", "POSITIONS", "extreme_probes", "initialize", "position_at", "probes_of"]

# The positions at which a schedule is evaluated, with the number of epochs.
UPDATES_PER_EPOCH = 20


def position_at(epoch: float, epochs: int) -> Position:
    """Return a position in a training with some updates in every epoch."""
    return Position(epoch, epochs, round(epoch * UPDATES_PER_EPOCH), epochs * UPDATES_PER_EPOCH)


POSITIONS = [
    position_at(epoch + share, epochs) for epochs in (1, 7, 30) for epoch in range(epochs) for share in (0.0, 0.25, 0.9)
]
INITIALIZER_SHAPES = [(7, 5), (5,), (3, 2, 4), (1, 1)]
UPDATES = (1, 2, 3)  # the updates that are made with a rule
LAYOUT = (
    ParameterSlice(0, "weights", 0, 6, (2, 3), regularized=True),
    ParameterSlice(0, "biases", 6, 9, (3,), regularized=False),
)
WIDTHS = (3.0, 0.5, 2.0, 8.0)  # the widths of the inputs of functions, by seed


def probes_of(case: Case, seed: int = 0) -> list[Probe]:
    """Return the probes of the case's component, with the inputs of this ``seed``."""
    return _PROBES[case.cls.family](case, seed)


def extreme_probes(case: Case, dtype: Any) -> list[Probe]:
    """Return probes whose inputs are at the limits of a floating-point type, as far as the family meets them.

    An activation meets any z. Outputs and targets are in [0, 1]. What is squared or summed (weights, gradients, inputs
    of a layer) goes up to the fourth root of the largest float.
    """
    limits = np.finfo(dtype)
    sizes = extreme_sizes(dtype)
    mixed = np.where(np.arange(len(sizes)) % 2, -0.5, 0.5) * sizes  # the difference of two is still a float
    z = np.stack([sizes, -sizes, mixed, -mixed])
    a = [0.0, float(limits.smallest_subnormal), float(limits.smallest_normal), 0.5, 1.0 - float(limits.epsneg), 1.0]
    outputs = np.array([[p, 1.0 - p] for p in a for _ in range(2)])
    roots = extreme_sizes(dtype, 0.25)
    powers = np.concatenate([roots, -roots])
    extremes = {"z": z, "upstream": np.ones_like(z), "a": outputs, "y": np.array([[0.0, 1.0], [1.0, 0.0]] * len(a))}
    if case.cls.family in ("cost", "metric"):
        first = probes_of(case)[0].inputs
        extremes |= {name: np.resize(extremes[name], (len(a) * 2, first[name].shape[1])) for name in ("a", "y")}
    if case.cls.family == "metric":
        extremes["sample_weight"] = np.arange(2.0 * len(a)) % 3.0
    extremes |= {"weights": powers, "theta": np.ones_like(powers)}
    extremes |= {f"gradient {update}": np.roll(powers, update) for update in UPDATES}
    if case.cls.family == "layer":
        extremes = {"x": np.resize(powers, (4, *case.shape()))}
    return [
        replace(probe, inputs={name: extremes.get(name, value) for name, value in probe.inputs.items()}, shapes={})
        for probe in probes_of(case)
        if not {"y", "z"} <= probe.inputs.keys()  # δ of a cost: z and y of other shapes
    ]


def rule_context(theta: Array, rate: Any = 0.1, momentum: Any = None, updates: Any = 0) -> UpdateContext:
    """Return the context of an update of nine parameters: weights, 2 × 3, and biases."""
    return UpdateContext(theta, rate, momentum, updates, LAYOUT, regularized=6)


def _activation(case: Case, seed: int) -> list[Probe]:
    activation, z, upstream = case.component, WIDTHS[seed] * normal(seed, 6, 5), normal(seed + 100, 6, 5)

    def start(upstream: Array, z: Array) -> Callable[[], Arrays]:
        a = protect(activation(z), z)
        return lambda: {"gradient of z": activation.backward(upstream, z, a)}

    def terms(upstream: Array, z: Array) -> Array:
        return upstream * activation(z)

    inputs, shapes, rows = {"upstream": upstream, "z": z}, {"gradient of z": z.shape}, ("upstream", "z")
    return [
        Probe("a = σ(z)", lambda z: {"a": activation(z)}, {"z": z}, {"a": z.shape}, ("z",)),
        Probe("backward", finish(start), inputs, shapes, rows, terms, start),
    ]


def _cost(case: Case, seed: int) -> list[Probe]:
    cost, width = case.component, width_of(case.component)
    y = targets(seed, 6, width)
    shape = (6, cost.outputs(width))
    a = np.random.default_rng([22, seed]).uniform(0.05, 0.95, shape)  # where the logarithms of cross-entropies exist
    inputs, shapes, rows = {"a": a, "y": y}, {"gradient of a": a.shape}, ("a", "y")
    net_inputs: list[tuple[Activation | None, NDArray[np.float64]]] = [
        (None, a),
        (Identity(), a),
        (Sigmoid(), 2.0 * normal(seed, *shape)),
        (Tanh(), np.arctanh(a)),
        (Exp(), np.log(a)),
        (Softmax(), 2.0 * normal(seed + 100, *shape)),
    ]
    return [
        Probe("cost", lambda a, y: {"C": cost(a, y)}, inputs, {"C": (6,)}, rows),
        Probe("gradient", lambda a, y: {"gradient of a": cost.gradient(a, y)}, inputs, shapes, rows, cost),
        Probe(
            "predictions", lambda a: {"predictions": cost.predictions(a)}, {"a": a}, {"predictions": y.shape}, ("a",)
        ),
        *(_delta(cost, activation, z, y) for activation, z in net_inputs),
    ]


def width_of(cost: Cost) -> int:
    """Return of how many values the targets are that a cost is tried with: three, or what it accepts.

    Raises:
        ValueError: it accepts none of 3, 2, 1 and 4.
    """
    for width in (3, 2, 1, 4):
        if (reason := refusal(cost.outputs, width)) is None:
            return width
    raise ValueError(f"takes targets of neither 1, 2, 3 nor 4 values: {reason}")


def _delta(cost: Cost, activation: Activation | None, z: NDArray[Any], y: NDArray[Any]) -> Probe:
    function = Identity() if activation is None else activation

    def start(z: Array, y: Array) -> Callable[[], Arrays]:
        a = protect(function(z), z)
        cost(a, y)
        return lambda: {"gradient of z": cost.delta(activation, z, a, y)}

    return Probe(
        f"delta ({'no activation' if activation is None else activation.kind})",
        finish(start),
        {"z": z, "y": y},
        {"gradient of z": z.shape},
        ("z", "y"),
        lambda z, y: cost(function(z), y),
        start,
    )


def _regularizer(case: Case, seed: int) -> list[Probe]:
    penalty, inputs = case.component, {"weights": WIDTHS[seed] * normal(seed, 11)}
    gradient = "gradient of weights"
    return [
        Probe("penalty", lambda weights: {"R": penalty(weights)}, inputs, {"R": ()}),
        Probe(
            "gradient", lambda weights: {gradient: penalty.gradient(weights)}, inputs, {gradient: (11,)}, (), penalty
        ),
    ]


def _rule(case: Case, seed: int) -> list[Probe]:
    rule = case.component
    gradients = {f"gradient {update}": normal(seed + update, 9) for update in UPDATES}

    def update_repeatedly(theta: Array, **gradients: Array) -> Arrays:
        state, results = rule.init(theta), {}
        for update in UPDATES:
            context = rule_context(theta, updates=update)
            step, state = rule.update(gradients[f"gradient {update}"], protect(state, theta), context)
            results[f"step {update}"] = step
        return results | {f"state {name!r}": value for name, value in state.items() if hasattr(value, "dtype")}

    shapes = {f"step {update}": (9,) for update in UPDATES}
    return [Probe("update", update_repeatedly, {"theta": normal(seed, 9), **gradients}, shapes)]


def _metric(case: Case, seed: int) -> list[Probe]:
    metric, y = case.component, targets(seed, 8, 3)
    if all(refusal(metric.check, Task(3, classes)) for classes in (True, False)):
        y = y[:, :1]
    rng = np.random.default_rng([23, seed])
    inputs = {"a": rng.uniform(0.05, 0.95, y.shape), "y": y}
    weighted = inputs | {"sample_weight": rng.uniform(0.5, 2.0, len(y))}

    def merge(a: Array, y: Array) -> Arrays:
        halves = (slice(0, 5), slice(5, 8))
        first, second = (protect(metric.partial(a[rows, :], y[rows, :], None), a) for rows in halves)
        return {"total": metric.merge(first, second)}

    probes = [
        Probe("partial", lambda a, y: {"partial": metric.partial(a, y, None)}, inputs),
        Probe(
            "partial (weighted)",
            lambda a, y, sample_weight: {"partial": metric.partial(a, y, sample_weight)},
            weighted,
        ),
    ]
    return probes if metric.needs_all_outputs else [*probes, Probe("merge", merge, inputs)]


def _schedule(case: Case, _: int) -> list[Probe]:
    return [Probe("factor", lambda: {str(tuple(position)): case.component(position) for position in POSITIONS})]


def initialize(case: Case, shape: tuple[int, ...], seed: int) -> Any:
    """Return what an initializer returns for a shape, with the generator of a seed."""
    return case.component(np.random.default_rng([29, seed]), shape, shape[-1], shape[0])


def _initializer(case: Case, seed: int) -> list[Probe]:
    return [Probe("array", lambda: {str(shape): initialize(case, shape, seed) for shape in INITIALIZER_SHAPES})]


def _optimizer(case: Case, seed: int) -> list[Probe]:
    def run_epochs() -> Arrays:
        problem = QuadraticProblem(23 + seed)
        for _ in range(2):
            problem.run_epoch(case.component)
        return {"θ": problem.parameters, "orders": problem.orders}

    return [Probe("epoch", run_epochs)]


def _engine(case: Case, seed: int) -> list[Probe]:
    return [Probe("training", lambda: {"θ": train(epochs=2 + seed, engine=case.component).network.parameters})]


def _callback(case: Case, seed: int) -> list[Probe]:
    return [Probe("training", lambda: {"θ": train(epochs=2 + seed, callbacks=[case.component]).network.parameters})]


def _dataset(case: Case, _: int) -> list[Probe]:
    def load() -> Arrays:
        data = case.component.load()
        pairs = {"train": data.train, "validation": data.validation, "test": data.test}
        return {
            f"{part}.{name}": as_array(array, name)
            for part, pair in pairs.items()
            for name, array in zip(("x", "y", "sample_weight"), pair or (), strict=False)
            if array is not None
        }

    return [Probe("load", load)]


_PROBES: dict[str, Callable[[Case, int], list[Probe]]] = {
    "activation": _activation,
    "cost": _cost,
    "regularizer": _regularizer,
    "rule": _rule,
    "metric": _metric,
    "layer": layer_probes,
    "schedule": _schedule,
    "initializer": _initializer,
    "optimizer": _optimizer,
    "callback": _callback,
    "dataset": _dataset,
    "engine": _engine,
    "transform": transform_probes,
}
