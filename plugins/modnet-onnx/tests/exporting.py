"""Networks to export, and what onnxruntime makes of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from modnet import Network, Trainer, load_config
from modnet_onnx import to_onnx
from modnet_onnx.rows import feeds

CLOSE = {"float64": 1e-12, "float32": 1e-6}
"""How far a model may be from its network, by dtype."""
DTYPES = ("float64", "float32")

onnxruntime.set_default_logger_severity(3)


def dense(units: int, activation: Any = "tanh", **options: Any) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation, **options}


def network(layers: list[Any], inputs: int = 6, dtype: str = "float64", cost: Any = "quadratic") -> Network:
    """Return an untrained network with random parameters, biases included, and a state that is not the initial one."""
    config = load_config({"network": {"layers": layers, "cost": cost}, "dtype": dtype})
    rng = np.random.default_rng(3)
    made = Network(config.network.layers, (inputs,), config.network.cost, dtype=dtype, rng=rng)
    made.parameters = made.parameters + 0.3 * rng.standard_normal(made.parameters.size)
    for layer in made.layers:
        for name, values in layer.state.items():
            layer.state[name] = values + rng.random(values.shape).astype(values.dtype)
    return made


def trained(x: Any, y: Any, layers: list[Any], transforms: list[Any] | None = None, **config: Any) -> Network:
    data = {"transforms": transforms or [], **config.pop("data", {})}
    optimizer = {"learning_rate": 0.05, **config.pop("optimizer", {})}
    options = config.pop("fit", {})
    cost = config.pop("cost", "quadratic")
    table = {"epochs": 2, "data": data, "optimizer": optimizer, "network": {"layers": layers, "cost": cost}, **config}
    return Trainer.from_config(table).fit(x, y, **options).network


def run(model: onnx.ModelProto, given: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Check a model, and run it in onnxruntime."""
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, given), strict=True))


def exported(made: Network, x: Any, **options: Any) -> dict[str, NDArray[Any]]:
    """Return what the exported model makes of raw rows; it has no control flow."""
    from modnet.data.raw import raw_rows

    model = to_onnx(made, **options)
    assert not control_flow(model)
    rows = raw_rows(x, None, made.features, "x", transforms=made.preprocessing is not None)
    return run(model, feeds(model, made, rows))


def assert_same(made: Network, x: Any, **options: Any) -> dict[str, NDArray[Any]]:
    """Compare the numbers that leave a model with those of its network."""
    found = exported(made, x, **options)
    outputs = made.predict_outputs(x)
    wanted = {"predictions": made.predict(x), "outputs": outputs, "probabilities": outputs}
    for name in found.keys() & wanted.keys():
        expected = wanted[name]
        if name == "probabilities" and outputs.shape[1] == 1 and not made.multi_label:
            expected = np.concatenate([1.0 - outputs, outputs], axis=1)
        assert found[name].shape == expected.shape
        assert found[name].dtype == expected.dtype == made.dtype
        size = max(1.0, float(np.max(np.abs(expected))))
        assert float(np.max(np.abs(found[name] - expected))) / size <= CLOSE[made.dtype.name]
    if "label" in found:
        np.testing.assert_array_equal(found["label"], made.classify(x))
    return found


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def control_flow(model: onnx.ModelProto) -> list[str]:
    """Return the nodes that have graphs within: If, Loop, Scan."""
    return [
        node.op_type
        for node in model.graph.node
        if any(
            attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for attribute in node.attribute
        )
    ]
