"""The parts of a training as programs call them: compiled, and where that fails, run by Python.

A part cannot be compiled if it was written for NumPy alone: it gives arrays to NumPy's own functions, asks for their
values, or writes into them. That is found when it is traced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from modnet.core.arrays import Array
from modnet.core.interfaces import LayerContext, TrainingPlan, UpdateContext
from modnet.core.random import GeneratorRandom
from modnet.engines.compiled.functions import LayerParts
from modnet.engines.compiled.host_calls import HostCalls

__all__ = ["Parts", "RetraceError"]


class RetraceError(Exception):
    """A part turned out late to need Python: the program is to be traced again."""


class Parts:
    """Layers, cost, regularizers and rule, each with the methods of its family that an engine calls.

    Attributes:
        layers: The layers with their activations.
        cost: The cost.
        regularizers: The regularizers.
        rule: The update rule.
        calls: The calls of Python.
    """

    def __init__(self, plan: TrainingPlan, calls: HostCalls) -> None:
        self.calls = calls
        self.layers: list[Any] = [
            LayerParts(
                _Layer(layer.component, calls, number, layer.output_shape),  # type: ignore[arg-type] # it acts as one
                layer.activation and _Activation(layer.activation, calls),  # type: ignore[arg-type] # the same
            )
            for number, layer in enumerate(plan.network.layers)
        ]
        self.cost: Any = _Cost(plan.network.cost, calls)
        self.regularizers: list[Any] = [_Regularizer(part, calls) for part in plan.network.regularizers]
        self.rule: Any = _Rule(plan.config.optimizer.rule, calls)


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
            return self._calls.call(function, result, *args)


class _Activation(_Part):
    def __call__(self, z: Array) -> Array:
        return self._run(self.part, self._calls.like(z), z)

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        return self._run(self.part.backward, self._calls.like(z), upstream, z, a)


class _Cost(_Part):
    def delta(self, activation: Any, z: Array, a: Array, y: Array) -> Array:
        own = None if activation is None else activation.part  # costs know some by their class
        return self._run(lambda z, a, y: self.part.delta(own, z, a, y), self._calls.like(z), z, a, y)


class _Regularizer(_Part):
    def __call__(self, weights: Array) -> Array:
        return self._run(self.part, self._calls.form((), weights.dtype), weights)

    def gradient(self, weights: Array) -> Array:
        return self._run(self.part.gradient, self._calls.like(weights), weights)


class _Rule(_Part):
    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> Any:
        momentum = context.momentum

        def on_host(gradient: Array, state: Mapping[str, Any], theta: Array, numbers: Any) -> Any:
            rate, updates, driven = (number.item() for number in numbers)
            own = UpdateContext(theta, rate, None if momentum is None else driven, updates)
            own.layout, own.regularized = context.layout, context.regularized
            state = {name: value.item() if value.ndim == 0 else value for name, value in state.items()}
            return self.part.update(gradient, state, own)

        try:
            return self.part.update(gradient, state, context)
        except Exception as error:  # as above
            self._calls.add(self.part, error)
            numbers = context.learning_rate, context.updates, 0.0 if momentum is None else momentum
            result = self._calls.like((gradient, state))
            return self._calls.call(on_host, result, gradient, state, context.parameters, numbers)


class _Layer(_Part):
    def __init__(self, part: Any, calls: HostCalls, number: int, output_shape: tuple[int, ...]) -> None:
        super().__init__(part, calls)
        self._number, self._output_shape, self._on_host = number, output_shape, False

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        if not self._on_host:
            try:
                return self.part.forward(x, ctx)
            except Exception as error:  # as above
                self._to_host(error)
        seed = None if ctx.rng is None else self._calls.seed(ctx.rng)
        given = dict(ctx.parameters), dict(ctx.state), x, seed
        result = self._calls.form((x.shape[0], *self._output_shape), x.dtype), self._calls.like(given[1])
        z, state = self._calls.call(lambda *given: self._forward(ctx, *given)[:2], result, *given)
        ctx.state, ctx.saved = state, given
        return z

    def backward(self, delta: Array, ctx: LayerContext) -> Any:
        if not self._on_host:
            try:
                return self.part.backward(delta, ctx)
            except Exception as error:  # as above
                self._to_host(error)
                raise RetraceError from None  # Python has to go forward, too, for what that saves

        def on_host(delta: Array, a: Array, given: Any) -> Any:
            z, _, own = self._forward(ctx, *given)
            own.z, own.a, own.delta = z, a, delta
            below, gradients = self.part.backward(delta, own)
            missing = {name: np.zeros_like(value) for name, value in given[0].items() if name not in gradients}
            return None if ctx.is_first else below, {**gradients, **missing}

        result = None if ctx.is_first else self._calls.like(ctx.x), self._calls.like(dict(ctx.parameters))
        return self._calls.call(on_host, result, delta, ctx.a, ctx.saved)

    def _to_host(self, error: Exception) -> None:
        self._calls.add(self.part, error)
        self._on_host = True

    def _forward(
        self, ctx: LayerContext, parameters: Mapping[str, Array], state: Mapping[str, Array], x: Array, seed: Any
    ) -> tuple[Array, dict[str, Array], LayerContext]:
        """Return z, the state after it, and the context, all of NumPy; the same seed gives the same masks."""
        rng = None if seed is None else GeneratorRandom(np.random.default_rng([*seed.tolist(), self._number]))
        own = LayerContext(parameters, {}, dict(state), rng, ctx.training, ctx.is_first, self.part, ctx.trainable)
        own.x = x
        z = self.part.forward(x, own)
        return z, {name: own.state[name] for name in state}, own
