"""Probes: what can be asked of a part whose functions are functions of arrays, with inputs and what should come out.

Most checks are the same for all such families: the inputs stay as they are, the dtype is kept, rows do not mix. They
are written once, over probes; only the probes know the family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.components.activations import Sigmoid, Softmax
from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import LayerContext
from modnet.testing.case import Case
from modnet.testing.numeric import ends, normal

__all__ = [
    "Arrays",
    "Probe",
    "extremes_of",
    "forward_and_back",
    "layer_inputs",
    "probes_of",
    "targets",
]

Arrays: TypeAlias = dict[str, Array]


@dataclass(frozen=True)
class Probe:
    """One way in which a part is used.

    Attributes:
        name: The method, as a message calls it.
        inputs: float64 arrays, by name.
        run: What is done with inputs; the results by name.
        shapes: The shapes that results should have, by name; those that are not named may have any.
        rows: The inputs that have a row for each sample; where there are some, every result has too.
    """

    name: str
    inputs: Mapping[str, NDArray[np.float64]]
    run: Callable[[Arrays], Arrays]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    rows: tuple[str, ...] = ()

    def arrays(self, dtype: Any = np.float64) -> Arrays:
        """Return new copies of the inputs, of this dtype."""
        return {name: np.array(value, dtype=dtype) for name, value in self.inputs.items()}


def probes_of(case: Case, seed: int = 0) -> list[Probe]:
    """Return the probes of the case's part, with the inputs of this ``seed``; none for a family without arrays."""
    make = _PROBES.get(case.cls.family)
    return make(case, seed) if make else []


def extremes_of(case: Case, dtype: Any) -> list[Probe]:
    """Return probes whose inputs are the ends of the floats of this dtype, as far as the family can meet them.

    An activation meets any z. Outputs and targets are in [0, 1]. What is squared or added up (weights, gradients, a
    layer's inputs) goes up to the fourth root of the largest float.
    """
    probes = probes_of(case)
    family = case.cls.family
    if family == "activation":
        sizes = np.array(ends(dtype))
        mixed = np.where(np.arange(len(sizes)) % 2, -0.5, 0.5) * sizes  # the difference of two is still a float
        z = np.stack([sizes, -sizes, mixed, -mixed])
        changed: dict[str, NDArray[Any]] = {"z": z, "upstream": np.ones_like(z)}
    elif family in ("cost", "metric"):
        limits = np.finfo(dtype)
        a = [0.0, float(limits.smallest_subnormal), float(limits.smallest_normal), 0.5, 1.0 - float(limits.epsneg), 1.0]
        changed = {
            "a": np.array([[p, 1.0 - p] for p in a for _ in range(2)]),
            "y": np.array([[0.0, 1.0], [1.0, 0.0]] * len(a)),
        }
        probes = [probe for probe in probes if "z" not in probe.inputs]
    else:
        sizes = np.array(ends(dtype, float(np.finfo(dtype).max) ** 0.25))
        both = np.concatenate([sizes, -sizes])
        names = [name for name in probes[0].inputs if name in ("weights", "x") or name.startswith("gradient")]
        shapes = {name: probes[0].inputs[name].shape for name in names}
        changed = {name: np.resize(both, max(int(np.prod(shape)), 1)).reshape(shape) for name, shape in shapes.items()}
        if family == "regularizer":
            changed = {"weights": both}
        elif family == "rule":
            changed = {"theta": np.ones_like(both), **{name: np.roll(both, i) for i, name in enumerate(names)}}
    return [
        replace(probe, inputs={name: changed.get(name, value) for name, value in probe.inputs.items()}, shapes={})
        for probe in probes
    ]


def targets(seed: int, samples: int, outputs: int) -> NDArray[np.float64]:
    """Return targets that add up to 1: half of them one-hot, half of them between."""
    rng = np.random.default_rng([21, seed])
    y: NDArray[np.float64] = rng.dirichlet(np.ones(outputs), samples)
    y[::2] = np.eye(outputs)[rng.integers(0, outputs, len(y[::2]))]
    return y


def guarded(made: Array, given: Array) -> Array:
    """Return what a part made, read-only where ``given`` is, so that it may be given to the part again."""
    if isinstance(made, np.ndarray) and is_read_only(given):
        made.flags.writeable = False
    return made


def is_read_only(array: Array) -> bool:
    """Return whether this is an array of NumPy's that may not be written to."""
    return isinstance(array, np.ndarray) and not array.flags.writeable


def _activation(case: Case, seed: int) -> list[Probe]:
    part = case.part
    z, upstream = 3.0 * normal(seed, 6, 5), normal(seed + 100, 6, 5)

    def backward(given: Arrays) -> Arrays:
        a = guarded(part(given["z"]), given["z"])
        return {"∂C/∂z": part.backward(given["upstream"], given["z"], a)}

    return [
        Probe("a = σ(z)", {"z": z}, lambda given: {"a": part(given["z"])}, {"a": z.shape}, ("z",)),
        Probe("backward", {"upstream": upstream, "z": z}, backward, {"∂C/∂z": z.shape}, ("upstream", "z")),
    ]


def _cost(case: Case, seed: int) -> list[Probe]:
    part, y = case.part, targets(seed, 6, 3)
    a = np.random.default_rng([22, seed]).uniform(0.05, 0.95, y.shape)
    inputs, rows, shapes = {"a": a, "y": y}, ("a", "y"), {"∂C/∂a": a.shape}

    def through(activation: Sigmoid | Softmax) -> Probe:
        def delta(given: Arrays) -> Arrays:
            output = guarded(activation(given["z"]), given["z"])
            return {"δ": part.delta(activation, given["z"], output, given["y"])}

        inputs = {"z": 2.0 * normal(seed, *y.shape), "y": y}
        return Probe(f"delta through {activation.kind}", inputs, delta, {"δ": y.shape}, ("z", "y"))

    return [
        Probe("cost", inputs, lambda given: {"C": part(given["a"], given["y"])}, {"C": (6,)}, rows),
        Probe("gradient", inputs, lambda given: {"∂C/∂a": part.gradient(given["a"], given["y"])}, shapes, rows),
        through(Sigmoid()),
        through(Softmax()),
    ]


def _regularizer(case: Case, seed: int) -> list[Probe]:
    part, weights = case.part, normal(seed, 11)
    return [
        Probe("penalty", {"weights": weights}, lambda given: {"R": part(given["weights"])}, {"R": ()}),
        Probe(
            "gradient",
            {"weights": weights},
            lambda given: {"∂R/∂w": part.gradient(given["weights"])},
            {"∂R/∂w": weights.shape},
        ),
    ]


def _rule(case: Case, seed: int) -> list[Probe]:
    part, updates = case.part, 3
    inputs = {"theta": normal(seed, 9), **{f"gradient {i}": normal(seed + i, 9) for i in range(1, updates + 1)}}

    def run(given: Arrays) -> Arrays:
        state = part.init(given["theta"])
        results: Arrays = {}
        for update in range(1, updates + 1):
            state = {name: guarded(value, given["theta"]) for name, value in state.items()}
            if is_read_only(given["theta"]):
                state = MappingProxyType(state)
            results[f"step {update}"], state = part.update(given[f"gradient {update}"], state, 0.1)
        arrays = {f"state {name!r}": value for name, value in state.items() if hasattr(value, "dtype")}
        return results | arrays

    return [Probe("step", inputs, run, {f"step {i}": (9,) for i in range(1, updates + 1)})]


def _metric(case: Case, seed: int) -> list[Probe]:
    part, y = case.part, targets(seed, 8, 3)
    a = np.random.default_rng([23, seed]).uniform(0.05, 0.95, y.shape)

    def merge(given: Arrays) -> Arrays:
        one, other = (
            guarded(part.partial(given["a"][rows, :], given["y"][rows, :]), given["a"])
            for rows in (slice(0, 5), slice(5, 8))
        )
        return {"total": part.merge(one, other)}

    return [
        Probe("partial", {"a": a, "y": y}, lambda given: {"partial": part.partial(given["a"], given["y"])}),
        Probe("merge", {"a": a, "y": y}, merge),
    ]


def layer_inputs(case: Case, seed: int) -> tuple[dict[str, NDArray[np.float64]], dict[str, tuple[int, ...]]]:
    """Return x, δ and the parameters for a layer, and the shapes of what it returns; parameters start as theirs do."""
    part, shape = case.part, case.shape()
    above, specs = tuple(part.output_shape(shape)), part.parameters(shape)
    rng = np.random.default_rng([24, seed])
    inputs = {"x": normal(seed, 4, *shape), "δ": normal(seed + 100, 4, *above)}
    for name, spec in specs.items():
        start = spec.initializer(rng, spec.shape, spec.fan_in, spec.fan_out)
        inputs[f"parameter {name!r}"] = start + 0.1 * rng.standard_normal(spec.shape)
    shapes = {"z": (4, *above), "∂C/∂x": (4, *shape)}
    return inputs, shapes | {f"gradient of {name!r}": spec.shape for name, spec in specs.items()}


def layer_pass(case: Case, given: Arrays, *, training: bool, is_first: bool = False) -> LayerContext:
    """Return what a layer works with, made of a probe's inputs; the state and the randomness are always the same."""
    shape, x = case.shape(), given["x"]
    parameters = {name: given[f"parameter {name!r}"] for name in case.part.parameters(shape)}
    initial, xp = case.part.initial_state(shape), namespace(x)
    state = {name: xp.asarray(np.array(value), dtype=x.dtype) for name, value in initial.items()}
    if not training and isinstance(x, np.ndarray):
        for value in state.values():
            value.flags.writeable = False
    gradients = {name: xp.zeros_like(value) for name, value in parameters.items()} if training else {}
    return LayerContext(
        MappingProxyType(parameters),
        gradients,
        state,
        np.random.default_rng(5) if training else None,
        training=training,
        is_first=is_first,
        x=x,
    )


def forward_and_back(case: Case, given: Arrays, *, is_first: bool = False) -> Arrays:
    """Return z of a training pass, the error below, and the gradients by name."""
    part = case.part
    ctx = layer_pass(case, given, training=True, is_first=is_first)
    activation = part.activation_function()
    ctx.z = guarded(part.forward(given["x"], ctx), given["x"])
    ctx.a = ctx.z if activation is None else guarded(activation(ctx.z), given["x"])
    ctx.delta = given["δ"]
    below, gradients = part.backward(given["δ"], ctx)
    if set(gradients) != set(ctx.parameters):
        raise ValueError(
            f"backward gives gradients for {sorted(gradients)}; the layer's parameters are {sorted(ctx.parameters)}"
        )
    if below is None and not is_first:
        raise ValueError("backward gave None for ∂C/∂x, which it may only where ctx.is_first")
    results = {"z": ctx.z} if below is None else {"z": ctx.z, "∂C/∂x": below}
    return results | {f"gradient of {name!r}": gradient for name, gradient in gradients.items()}


def _layer(case: Case, seed: int) -> list[Probe]:
    inputs, shapes = layer_inputs(case, seed)

    def predict(given: Arrays) -> Arrays:
        return {"z": case.part.forward(given["x"], layer_pass(case, given, training=False))}

    below = {name: value for name, value in inputs.items() if name != "δ"}
    return [
        Probe("net_input", below, predict, {"z": shapes["z"]}, ("x",)),
        Probe("backward", inputs, lambda given: forward_and_back(case, given), shapes),
    ]


_PROBES: dict[str, Callable[[Case, int], list[Probe]]] = {
    "activation": _activation,
    "cost": _cost,
    "regularizer": _regularizer,
    "rule": _rule,
    "metric": _metric,
    "layer": _layer,
}
