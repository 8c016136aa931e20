"""The probes of layers: a prediction, and a training pass in two steps, forward and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.random import default_rng  # by its name, because a check makes `numpy.random.default_rng` raise

from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import LayerContext, Random
from modnet.core.random import GeneratorRandom
from modnet.testing.case import Case
from modnet.testing.numeric import normal
from modnet.testing.probe import Arrays, Probe, finish, protect
from modnet.testing.report import require

__all__ = ["layer_inputs", "layer_probes", "seeded", "start_pass"]

RandomFor = Callable[[Array], Random | None]
"""Returns the randomness of a pass, for its input."""


def seeded(x: Array, seed: int = 5) -> Random:
    """Return randomness that is the same for every pass, in arrays of x's library."""
    return GeneratorRandom(default_rng(seed), namespace(x))


def layer_inputs(case: Case, seed: int, rows: int = 4) -> dict[str, Any]:
    """Return samples, parameters and δ for a layer, by name."""
    layer, shape, rng = case.component, case.shape(), default_rng([24, seed])
    inputs = {"x": normal(seed, rows, *shape)}
    for name, spec in layer.parameters(shape).items():
        initial = spec.initializer(rng, spec.shape, spec.fan_in, spec.fan_out)
        inputs[f"parameter {name!r}"] = initial + 0.1 * rng.standard_normal(spec.shape)
    return inputs | {"δ": normal(seed + 100, rows, *layer.output_shape(shape))}


def layer_probes(case: Case, seed: int) -> list[Probe]:
    """Return the probes of a layer: a prediction, a training pass, and that of a first layer."""
    with_delta = layer_inputs(case, seed)
    inputs = {name: value for name, value in with_delta.items() if name != "δ"}
    z = {"z": with_delta["δ"].shape}
    gradients = {f"gradient of {name}": value.shape for name, value in inputs.items()}
    start, start_first = partial(start_pass, case), partial(start_pass, case, is_first=True)

    def terms(**given: Array) -> Array:
        return given["δ"] * _forward(case, given, seeded(given["x"])).z

    return [
        Probe("forward", partial(_predict, case), inputs, z, ("x",)),
        Probe("backward", finish(start), with_delta, z | gradients, (), terms, start),
        Probe("backward (first layer)", finish(start_first), with_delta, z, (), terms, start_first),
    ]


def _context(
    case: Case, given: Mapping[str, Array], rng: Random | None, training: bool, is_first: bool
) -> LayerContext:
    layer, shape, x, xp = case.component, case.shape(), given["x"], namespace(given["x"])
    start = len("parameter '")
    parameters = {name[start:-1]: value for name, value in given.items() if name.startswith("parameter ")}
    state = layer.initial_state(shape)
    return LayerContext(
        MappingProxyType(parameters),
        {name: xp.zeros_like(value) for name, value in parameters.items()} if training else {},
        {name: protect(xp.asarray(np.array(value), dtype=x.dtype), x) for name, value in state.items()},
        rng,
        training=training,
        layer=layer,
        trainable=layer.trainable,
        is_first=is_first,
        x=x,
    )


def _predict(case: Case, **given: Array) -> Arrays:
    """Return z of a prediction, which must leave the state alone."""
    x, ctx = given["x"], _context(case, given, None, training=False, is_first=False)
    before = dict(ctx.state)
    for value in ctx.state.values() if isinstance(x, np.ndarray) else ():
        value.flags.writeable = False
    z = case.component.forward(x, ctx)
    same = all(ctx.state[name] is value for name, value in before.items())
    require(same, "forward assigns to ctx.state, but ctx.training is False")
    return {"z": z}


def start_pass(case: Case, *, is_first: bool = False, rng: RandomFor = seeded, **given: Array) -> Callable[[], Arrays]:
    """Go forward in training; the function that is returned goes back, and returns z, state and gradients."""
    layer = case.component
    ctx = _forward(case, given, rng(given["x"]), is_first)

    def go_back() -> Arrays:
        ctx.delta = given["δ"]
        input_gradient, gradients = layer.backward(ctx.delta, ctx)
        names = f"{sorted(gradients)}; the layer's parameters are {sorted(ctx.parameters)}"
        require(set(gradients) == set(ctx.parameters), f"backward returned gradients for {names}")
        require(input_gradient is not None or is_first, "backward returned None for ∂C/∂x, but ctx.is_first is False")
        results = {"z": ctx.z} if input_gradient is None else {"z": ctx.z, "gradient of x": input_gradient}
        results |= {f"state {name!r}": value for name, value in ctx.state.items()}
        return results | {f"gradient of parameter {name!r}": gradient for name, gradient in gradients.items()}

    return go_back


def _forward(case: Case, given: Mapping[str, Array], rng: Random | None, is_first: bool = False) -> LayerContext:
    """Return the context of a training pass that went forward."""
    layer, x = case.component, given["x"]
    ctx = _context(case, given, rng, training=True, is_first=is_first)
    activation = layer.activation_function()
    ctx.z = protect(layer.forward(x, ctx), x)
    ctx.a = ctx.z if activation is None else protect(activation(ctx.z), x)
    return ctx
