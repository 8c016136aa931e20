"""Parts that cannot be compiled are run by Python: the numbers are those of the NumPy engine, and one line says so."""

from __future__ import annotations

import logging
import math
from typing import Any, Literal

import numpy as np
import pytest
from trained import agree, bits, fit, installed

from modnet import Activation, Cost, Layer, ParameterSpec, Regularizer, UpdateContext, UpdateRule
from modnet.components.initializers import Ones
from modnet.engines.compiled.host_calls import REMEDY
from modnet_jax.host import JaxHostCalls


class AsksNumpy(Activation):
    kind: Literal["asks-numpy"] = "asks-numpy"

    def __call__(self, z: Any) -> Any:
        return np.tanh(np.asarray(z))

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        del z
        return upstream * (1.0 - np.square(np.asarray(a)))


class Writes(Cost):
    kind: Literal["writes"] = "writes"

    def __call__(self, a: Any, y: Any) -> Any:
        return np.sum(0.5 * (a - y) ** 2, axis=-1)

    def gradient(self, a: Any, y: Any) -> Any:
        gradient = a - y
        gradient[gradient > 0.3] = 0.3
        return gradient


class Looks(Regularizer):
    kind: Literal["looks"] = "looks"

    def __call__(self, weights: Any) -> Any:
        return 0.05 * math.fsum(weights.tolist()) ** 2

    def gradient(self, weights: Any) -> Any:
        return 0.1 * math.fsum(weights.tolist()) + 0.0 * weights


class Counts(UpdateRule):
    kind: Literal["counts"] = "counts"

    def init(self, parameters: Any) -> dict[str, Any]:
        return {"velocity": np.zeros_like(parameters), "count": 0}

    def update(self, gradient: Any, state: dict[str, Any], context: UpdateContext) -> Any:
        momentum = 0.5 if context.momentum is None else context.momentum
        velocity = momentum * state["velocity"] + gradient
        if state["count"] % 2 and context.updates % 2:
            velocity = velocity + 0.01 * context.parameters
        rate = context.learning_rate / math.sqrt(state["count"] + 1)
        return rate * velocity, {"velocity": velocity, "count": state["count"] + 1}


class Gain(Layer):
    """Has a parameter, a state, and something saved for the way back."""

    kind: Literal["gain"] = "gain"

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, ParameterSpec]:
        return {"gain": ParameterSpec(input_shape, Ones(), 1, 1)}

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Any]:
        return {"mean": np.zeros(input_shape)}

    def forward(self, x: Any, ctx: Any) -> Any:
        ctx.saved = np.asarray(x) - ctx.state["mean"]
        if ctx.training:
            ctx.state["mean"] = 0.9 * np.asarray(ctx.state["mean"]) + 0.1 * np.mean(x, axis=0)
        return ctx.saved * ctx.parameters["gain"]

    def backward(self, delta: Any, ctx: Any) -> Any:
        gradient = np.sum(np.asarray(delta) * ctx.saved, axis=0)
        return None if ctx.is_first else delta * ctx.parameters["gain"], {"gain": gradient}


class OnTheWayBack(Layer):
    """Can be compiled forward."""

    kind: Literal["on-the-way-back"] = "on-the-way-back"

    def forward(self, x: Any, ctx: Any) -> Any:
        del ctx
        return 2.0 * x

    def backward(self, delta: Any, ctx: Any) -> Any:
        del ctx
        return 2.0 * np.asarray(delta), {}


class Noise(Layer):
    kind: Literal["noise"] = "noise"

    def forward(self, x: Any, ctx: Any) -> Any:
        if not ctx.training:
            return x
        ctx.saved = np.asarray(ctx.rng.random(x.shape, x.dtype))
        assert type(ctx.saved) is np.ndarray
        return np.asarray(x) * ctx.saved

    def backward(self, delta: Any, ctx: Any) -> Any:
        return delta * ctx.saved, {}


class Raises(Activation):
    kind: Literal["raises"] = "raises"

    def __call__(self, z: Any) -> Any:
        if np.asarray(z).ndim:
            raise KeyError("of a stranger")
        return z

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        del z, a
        return upstream


TANH = {"kind": "dense", "units": 4, "activation": {"kind": "asks-numpy"}}
CONFIGURATIONS = {
    "activation 'modnet-strange:asks-numpy'": {"layers": [TANH, 2]},
    "cost 'modnet-strange:writes'": {"cost": "writes"},
    "regularizer 'modnet-strange:looks'": {"regularizers": ["looks", "l2"], "cost_with_penalty": True},
    "rule 'modnet-strange:counts'": {"rule": "counts", "schedule": "one-cycle"},
    "layer 'modnet-strange:gain'": {"layers": ["gain", 4, "gain", 2]},
    "layer 'modnet-strange:on-the-way-back'": {"layers": [4, "on-the-way-back", 2]},
    "layer 'chain'": {"layers": [[4, "gain"], 2]},
}


@pytest.fixture(autouse=True)
def _strangers() -> Any:
    with installed(AsksNumpy, Writes, Looks, Counts, Gain, OnTheWayBack, Noise, Raises):
        yield


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_it_comes_to_the_same_numbers(data: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "modnet"):
        agree(data, **CONFIGURATIONS[name])
    (line,) = {record.getMessage() for record in caplog.records if "compiled" in record.getMessage()}
    assert line.startswith(f"modnet: engine: the {name} cannot be compiled (")
    assert line.endswith(f"); Python runs it, some 0.1 ms a call; {REMEDY}")
    assert "\n" not in line


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_gpu_sends_its_numbers_as_they_are(data: Any, monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    monkeypatch.setattr("modnet_jax.session.JaxHostCalls", lambda on_cpu: JaxHostCalls(on_cpu=not on_cpu))
    options = {"layers": [TANH, "gain", 2], "cost": "writes", "rule": "counts", "regularizers": ["looks"]}
    agree(data, 1e-10 if dtype == "float64" else 1e-4, dtype=dtype, **options)


def test_float32_stays_float32(data: Any) -> None:
    run = agree(data, 1e-4, layers=[TANH, "gain", 2], dtype="float32")
    assert run.network.parameters.dtype == np.float32


def test_its_masks_are_new_in_every_update_and_the_same_in_every_run(data: Any) -> None:
    runs = [fit(data, layers=[4, "noise", 2], seed=seed) for seed in (0, 0, 1)]
    assert bits(runs[0]) == bits(runs[1])
    costs = [
        row["cost"] for row in fit(data, layers=[4, "noise", 2], epochs=20, kind="batch", learning_rate=1e-9).history
    ]
    assert np.std(costs) > 1e-3  # θ stays where it is


def test_its_error_is_its_own(data: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError, match="of a stranger"):
        fit(data, layers=[{**TANH, "activation": "raises"}, 2])
    assert "Traceback" not in capfd.readouterr().err


def test_a_wrong_shape_is_named(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AsksNumpy, "__call__", lambda _, z: np.tanh(np.asarray(z))[:, :1])
    with pytest.raises(ValueError, match=r"got an array of shape \(8, 1\), expected \(8, 4\)"):
        fit(data, layers=[TANH, 2])
