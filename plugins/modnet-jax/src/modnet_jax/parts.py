"""The parts of a training as its programs call them: compiled, and where that fails, run by Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from modnet import LayerContext, TrainingPlan, UpdateContext
from modnet.core.random import GeneratorRandom
from modnet.engines.compiled.functions import LayerParts
from modnet_jax.host import HostCalls, like

__all__ = ["Parts", "RetraceError"]


class RetraceError(Exception):
    """A part turned out late to need Python: the program is to be traced again."""


class Parts:
    """Layers, cost, regularizers and rule, each with the methods of its family that an engine calls.

    Attributes:
        calls: The calls of Python.
    """

    def __init__(self, plan: TrainingPlan) -> None:
        network, self.calls = plan.network, HostCalls()
        self.layers = [
            LayerParts(
                _Layer(layer.component, self.calls, number, layer.output_shape),  # type: ignore[arg-type] # acts as one
                None if layer.activation is None else _Activation(layer.activation, self.calls),  # type: ignore[arg-type] # the same
            )
            for number, layer in enumerate(network.layers)
        ]
        self.cost: Any = _Cost(network.cost, self.calls)
        self.regularizers: list[Any] = [_Regularizer(part, self.calls) for part in network.regularizers]
        self.rule: Any = _Rule(plan.config.optimizer.rule, self.calls)


class _Part:
    """A part; what is not defined here is its own."""

    def __init__(self, part: Any, calls: HostCalls) -> None:
        self.part, self._calls = part, calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self.part, name)

    def _run(self, function: Callable[..., Any], result: Any, *args: Any) -> Any:
        """Return what a pure function of arrays returns, computed by the program or by Python."""
        try:
            return function(*args)
        except Exception as error:  # whatever NumPy or Python say of arrays without values
            self._calls.add(self.part, error)
            return self._calls(function, result, *args)


class _Activation(_Part):
    def __call__(self, z: Any) -> Any:
        return self._run(self.part, like(z), z)

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        return self._run(self.part.backward, like(z), upstream, z, a)


class _Cost(_Part):
    def delta(self, activation: Any, z: Any, a: Any, y: Any) -> Any:
        own = None if activation is None else activation.part  # costs know some by their class
        return self._run(lambda z, a, y: self.part.delta(own, z, a, y), like(z), z, a, y)


class _Regularizer(_Part):
    def __call__(self, weights: Any) -> Any:
        return self._run(self.part, jax.ShapeDtypeStruct((), weights.dtype), weights)

    def gradient(self, weights: Any) -> Any:
        return self._run(self.part.gradient, like(weights), weights)


class _Rule(_Part):
    def update(self, gradient: Any, state: dict[str, Any], context: UpdateContext) -> Any:
        momentum = context.momentum

        def on_host(gradient: Any, state: dict[str, Any], theta: Any, numbers: Any) -> Any:
            rate, updates, driven = (number.item() for number in numbers)
            state = {name: value.item() if value.ndim == 0 else value for name, value in state.items()}
            own = UpdateContext(theta, rate, None if momentum is None else driven, updates)
            own.layout, own.regularized = context.layout, context.regularized
            return self.part.update(gradient, state, own)

        try:
            return self.part.update(gradient, state, context)
        except Exception as error:  # as above
            self._calls.add(self.part, error)
            numbers = context.learning_rate, context.updates, 0.0 if momentum is None else momentum
            result = like(gradient), like(state)
            return self._calls(on_host, result, gradient, state, context.parameters, numbers)


class _Layer(_Part):
    def __init__(self, part: Any, calls: HostCalls, number: int, output_shape: tuple[int, ...]) -> None:
        super().__init__(part, calls)
        self._number, self._output_shape, self._on_host = number, output_shape, False

    def forward(self, x: Any, ctx: LayerContext) -> Any:
        if not self._on_host:
            try:
                return self.part.forward(x, ctx)
            except Exception as error:  # as above
                self._to_host(error)
        given = dict(ctx.parameters), dict(ctx.state), x, _seed_of(ctx)
        z = jax.ShapeDtypeStruct((x.shape[0], *self._output_shape), x.dtype)
        z, state = self._calls(lambda *given: self._forward(ctx, *given)[:2], (z, like(dict(ctx.state))), *given)
        ctx.state, ctx.saved = state, given
        return z

    def backward(self, delta: Any, ctx: LayerContext) -> Any:
        if not self._on_host:
            try:
                return self.part.backward(delta, ctx)
            except Exception as error:  # as above
                self._to_host(error)
                raise RetraceError from None  # Python has to go forward, too, for what that keeps
        upstream = None if ctx.is_first else like(ctx.x)
        result = upstream, like(dict(ctx.parameters))

        def on_host(delta: Any, a: Any, given: Any) -> Any:
            z, _, own = self._forward(ctx, *given)
            own.z, own.a, own.delta = z, a, delta
            below, gradients = self.part.backward(delta, own)
            missing = {name: np.zeros_like(value) for name, value in given[0].items() if name not in gradients}
            return None if ctx.is_first else below, {**gradients, **missing}

        return self._calls(on_host, result, delta, ctx.a, ctx.saved)

    def _to_host(self, error: Exception) -> None:
        self._calls.add(self.part, error)
        self._on_host = True

    def _forward(
        self, ctx: LayerContext, parameters: Mapping[str, Any], state: Mapping[str, Any], x: Any, seed: Any
    ) -> tuple[Any, Any, LayerContext]:
        """Return z, the state after it, and the context, all of NumPy; the same numbers give the same masks."""
        rng = GeneratorRandom(np.random.default_rng([*seed.tolist(), self._number]))
        own = LayerContext(parameters, {}, dict(state), rng, True, ctx.is_first, self.part, ctx.trainable)
        own.x = x
        z = self.part.forward(x, own)
        return z, {name: own.state[name] for name in state}, own


def _seed_of(ctx: LayerContext) -> Any:
    rng: Any = ctx.rng
    position = jax.numpy.asarray(rng.position).astype(np.uint32)
    return jax.numpy.append(jax.random.key_data(rng.key), position)
