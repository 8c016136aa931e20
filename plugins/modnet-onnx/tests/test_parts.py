"""Every built-in activation, layer and cost, and those of modnet-activations, beside `predict`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exporting import DTYPES, assert_same, dense, network, operators, run

import modnet_activations
from modnet import Activation, Cost, Layer
from modnet.core import registry
from modnet_onnx import to_onnx

X = np.random.default_rng(1).standard_normal((40, 6)) * [1.0, 0.5, 0.1, 1.0, 2.0, 1.0]

ACTIVATIONS: dict[str, list[dict[str, Any]]] = {
    "elu": [{}, {"alpha": 0.3}],
    "leaky-relu": [{}, {"slope": 0.4}],
    "silu": [{}, {"beta": 3.0}],
}
"""Options to try beside the defaults."""
LAYERS: dict[str, list[dict[str, Any]]] = {
    "dense": [{"units": 5}, {"units": 5, "bias": False, "activation": "identity"}],
    "dropout": [{}],
    "batch-norm": [{}, {"activation": "relu", "epsilon": 0.1}],
    "layer-norm": [{}, {"activation": "tanh"}],
    "chain": [{"layers": []}, {"layers": [4, dense(3), {"kind": "batch-norm"}], "activation": "softmax"}],
    "residual": [{"layers": [dense(4), dense(6)], "activation": "relu"}],
    "parallel": [
        {"branches": [dense(2), [], [3, {"kind": "layer-norm"}]]},
        {"branches": [dense(4), dense(4, "exp")], "merge": "add", "activation": "sigmoid"},
    ],
}
COSTS: dict[str, tuple[int, list[dict[str, Any]]]] = {
    "gaussian-nll": (4, [{}]),
    "quantile": (6, [{}, {"quantiles": [0.1, 0.3]}, {"quantiles": [0.2]}]),
}
"""The number of outputs, and options, of costs whose outputs are not what is predicted."""


def kinds(family: type[Any]) -> list[str]:
    """Return the built-in kinds of a family."""
    known = registry.active()
    return [kind for kind in known.kinds(family.family) if known.is_builtin(family.family, kind)]


def activations() -> list[type[Activation]]:
    """Return the built-in activations, and those of modnet-activations, installed or not."""
    built_in = [registry.active().find("activation", kind).component for kind in kinds(Activation)]
    return [*built_in, *modnet_activations.modnet_components()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", activations(), ids=lambda activation: activation.kind_name())
def test_activations(activation: type[Activation], dtype: str) -> None:
    x = X.astype(dtype)
    for options in ACTIVATIONS.get(activation.kind_name(), [{}]):
        assert_same(network([dense(5, activation(**options)), dense(2)], dtype=dtype), x)
        assert_same(network([{"kind": "chain", "layers": [], "activation": activation(**options)}], dtype=dtype), x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", kinds(Layer))
def test_layers(kind: str, dtype: str) -> None:
    for options in LAYERS[kind]:
        layer = {"kind": kind, **options}
        assert_same(network([layer], dtype=dtype), X.astype(dtype))
        assert_same(network([dense(6), layer, dense(3, "identity")], dtype=dtype), X.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_within_layers(dtype: str) -> None:
    inner = {"kind": "residual", "layers": [dense(4), {"kind": "dropout"}, dense(6, "relu")], "activation": "relu"}
    deep = {
        "kind": "parallel",
        "branches": [[inner, {"kind": "batch-norm"}], {"kind": "residual", "layers": [inner, inner]}, []],
        "activation": "sigmoid",
    }
    made = network([deep, [dense(4), [dense(4), {"kind": "layer-norm"}]], dense(3, "softmax")], dtype=dtype)
    assert_same(made, X.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", kinds(Cost))
def test_costs(kind: str, dtype: str) -> None:
    outputs, examples = COSTS.get(kind, (3, [{}]))
    for options in examples:
        made = network([dense(5), dense(outputs, "sigmoid")], dtype=dtype, cost={"kind": kind, **options})
        found = assert_same(made, X.astype(dtype))
        assert set(found) == ({"predictions", "outputs"} if kind in COSTS else {"predictions"})
        assert found["predictions"].shape == (len(X), made.target_width)


def test_a_network_of_images_is_small() -> None:
    model = to_onnx(network([dense(30, "sigmoid"), dense(10, "sigmoid")], 784))
    assert operators(model) == {"MatMul": 2, "Add": 4, "Min": 2, "Exp": 2, "Div": 2}
    softmax = network([dense(30, "sigmoid"), dense(10, "softmax")], 784, cost="categorical-cross-entropy")
    softmax.classes = np.arange(10)
    found = operators(to_onnx(softmax))
    assert found["ArgMax"] == found["Gather"] == 1
    assert sum(found.values()) <= 20


@pytest.mark.parametrize("rows", [0, 1, 7, 3000])
def test_any_number_of_rows(rows: int) -> None:
    made = network([dense(4), {"kind": "layer-norm"}, dense(3, "softmax")])
    x = np.random.default_rng(5).standard_normal((rows, 6))
    found = run(to_onnx(made), {"x": x})["predictions"]
    assert found.shape == (rows, 3)
    assert rows == 0 or np.max(np.abs(found - made.predict(x))) <= 1e-12
