"""A network as an ONNX model: its parts are called with the arrays of a graph, which records what they do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, TypeAlias

import ndonnx as ndx
import numpy as np
import onnx

from modnet import Network, __version__
from modnet.core.component import Component
from modnet.core.interfaces import LayerContext
from modnet.core.messages import list_values, short_repr
from modnet.network.probabilities import to_probabilities
from modnet_onnx.arrays import NAMESPACE, TracedArray, constant, unwrapped
from modnet_onnx.columns import Columns
from modnet_onnx.errors import ExportError, part_name, tracing
from modnet_onnx.functions import batch_size
from modnet_onnx.tidying import tidy
from modnet_onnx.transforms import inverted, transformed

__all__ = ["Inputs", "to_onnx"]

Inputs: TypeAlias = Literal["auto", "matrix", "columns"]
SAMPLES = "N"
"""What the number of samples is called in shapes."""


def to_onnx(network: Network, *, inputs: Inputs = "auto", metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
    """Return a network as an ONNX model that takes raw rows.

    What enters is a matrix ``x``, (N, features), or a column for each feature, (N, 1), by its name: text where it held
    text in training, where "" is a missing one, else numbers, where NaN is a missing one. They are float64 where there
    are transforms, which compute in it, else of the network's dtype. What leaves is ``label``, (N,), and
    ``probabilities``, (N, classes), for classes; the same, (N, labels), where a sample may have several labels; or
    ``predictions``, (N, values of a target), in the units of the targets. Where the outputs of the network are not what
    it predicts, or are no probabilities, they leave as ``outputs``. N may be any number.

    Args:
        network: The network.
        inputs: ``matrix`` or ``columns``; ``auto`` is a matrix unless some columns hold text.
        metadata: More of the model's metadata.

    Returns:
        The model, of opset 21. It is not checked: ``modnet export`` and `modnet_onnx.checking.check` do that.

    Raises:
        ExportError: a part cannot be traced, or text is wanted in a matrix.
    """
    given = _inputs(network, inputs)
    first = next(iter(given.values()))
    token = batch_size.set(unwrapped(first).dynamic_shape[:1])
    try:
        results = _results(network, _entering(network, given))
    finally:
        batch_size.reset(token)
    prefix = "output_" if set(given) & set(results) else ""
    named = {f"{prefix}{name}": unwrapped(array) for name, array in results.items()}
    model = ndx.build({name: unwrapped(array) for name, array in given.items()}, named)
    tidy(model)
    for value, array in zip(model.graph.output, results.values(), strict=True):
        _state_shape(value, array)
    _describe(model, network, {**(metadata or {}), "output_prefix": prefix} if prefix else metadata or {})
    return model


def _inputs(network: Network, form: Inputs) -> dict[str, TracedArray]:
    """Return the arrays that enter the graph, by name."""
    preprocessing, shape = network.preprocessing, network.raw_shape
    kinds = ("number",) * int(np.prod(shape)) if preprocessing is None else preprocessing.kinds
    number = getattr(ndx, network.dtype.name) if preprocessing is None else ndx.float64
    names = [f"column_{index}" for index in range(len(kinds))]
    if network.features is not None:
        names = [str(name) for name in network.features]
    if form not in ("auto", "matrix", "columns"):
        raise ExportError(f"inputs: {short_repr(form)} is unknown; allowed: auto, matrix, columns")
    text = [name for name, kind in zip(names, kinds, strict=True) if kind == "text"]
    if form == "matrix" and text:
        raise ExportError(f"inputs: a matrix holds no text, as the columns {list_values(text)} do; allowed: columns")
    if form == "columns" or text:
        if len(shape) > 1:
            raise ExportError(f"inputs: samples of shape {shape} have no columns; allowed: matrix")
        if "" in names:
            raise ExportError("inputs: a column has an empty name, and an input of a model has none; allowed: matrix")
        types = [ndx.utf8 if kind == "text" else number for kind in kinds]
        return {
            name: TracedArray(ndx.argument(shape=(SAMPLES, 1), dtype=dtype))
            for name, dtype in zip(names, types, strict=True)
        }
    return {"x": TracedArray(ndx.argument(shape=(SAMPLES, *shape), dtype=number))}


def _entering(network: Network, given: Mapping[str, TracedArray]) -> TracedArray:
    """Return what enters the first layer: what is given, transformed."""
    preprocessing, blocks = network.preprocessing, list(given.values())
    if preprocessing is None and len(blocks) == 1:
        return blocks[0]
    if blocks[0].ndim > 2:
        blocks[0] = NAMESPACE.reshape(blocks[0], (None, int(np.prod(network.raw_shape))))
    columns = Columns([column for block in blocks for column in Columns.of(block)])
    x = columns.matrix() if preprocessing is None else transformed(preprocessing, columns)
    if x.dtype != _dtype(network):
        x = NAMESPACE.astype(x, _dtype(network))
    return x if len(network.input_shape) == 1 else NAMESPACE.reshape(x, (None, *network.input_shape))


def _dtype(network: Network) -> Any:
    return getattr(NAMESPACE, network.dtype.name)


def _forward(network: Network, x: TracedArray) -> TracedArray:
    """Return the outputs of what enters the first layer."""
    a = x
    for number, layer in enumerate(network.layers, 1):
        parameters = {name: constant(values) for name, values in layer.parameters.items()}
        state = {name: constant(values) for name, values in layer.state.items()}
        ctx = LayerContext(parameters, state=state, layer=layer.component)
        ctx.x = a
        place, wanted = f"layer {number}", (_dtype(network), layer.output_shape)
        with tracing(place):
            a = layer.component.forward(a, ctx)
        _check(a, *wanted, place, layer.component)
        if layer.activation is not None:
            with tracing(place):
                a = layer.activation(a)
            _check(a, *wanted, place, layer.activation)
    return a


def _check(a: Any, dtype: Any, shape: tuple[int, ...], place: str, part: Component) -> None:
    """Refuse what is no array of the graph, or of another dtype or shape than its part should return."""
    fits = isinstance(a, TracedArray) and a.dtype == dtype and a.ndim == 1 + len(shape)
    if fits and all(size in (None, wanted) for size, wanted in zip(a.shape[1:], shape, strict=True)):
        return
    found = f"{a.dtype} of shape {a.shape}" if isinstance(a, TracedArray) else type(a).__name__
    expected = f"{dtype} of shape {(None, *shape)}"
    raise ExportError(f"{place}: {part_name(part)} cannot be exported: it returns {found}; expected is {expected}")


def _results(network: Network, x: TracedArray) -> dict[str, TracedArray]:
    """Return what leaves the graph, by name."""
    outputs = _forward(network, x)
    with tracing("the outputs"):
        predictions = network.cost.predictions(outputs)
    values = predictions
    if network.target_transform is not None:
        values = inverted(network.target_transform, predictions)
    if network.classes is None and not network.multi_label:
        results = {"predictions": values}
        return results if predictions is outputs else {**results, "outputs": outputs}
    labels = [] if network.classes is None else network.classes.tolist()
    if len({type(label) for label in labels}) > 1:
        raise ExportError(f"classes: {list_values(labels)} are of several types; a model has labels of one")
    probabilities: Any = to_probabilities(network, outputs)  # type: ignore[arg-type] # of another library
    answer: Any = network.decode(values)
    return {"label": answer} | ({"outputs": outputs} if probabilities is None else {"probabilities": probabilities})


def _state_shape(value: onnx.ValueInfoProto, array: TracedArray) -> None:
    """Let an output's shape say what is known of it, and that its first size is the number of samples."""
    sizes = value.type.tensor_type.shape
    del sizes.dim[:]
    for index, size in enumerate(array.shape):
        if index == 0:
            sizes.dim.add().dim_param = SAMPLES
        elif size is None:
            sizes.dim.add()
        else:
            sizes.dim.add().dim_value = size


def _describe(model: onnx.ModelProto, network: Network, more: Mapping[str, str]) -> None:
    """Write into the model what it is: its origin, its columns, its classes."""
    model.producer_name = "modnet-onnx"
    with suppress(PackageNotFoundError):  # in a source folder that is not installed
        model.producer_version = version("modnet-onnx")
    model.graph.name = "modnet"
    facts = {
        "modnet_version": __version__,
        "parameters_sha256": hashlib.sha256(network.parameters.tobytes()).hexdigest(),
        "features": None if network.features is None else list(map(str, network.features)),
        "classes": None if network.classes is None else network.classes.tolist(),
    }
    texts = {name: _text(fact) for name, fact in facts.items() if fact is not None}
    onnx.helper.set_model_props(model, {**texts, **more})


def _text(fact: Any) -> str:
    return fact if isinstance(fact, str) else json.dumps(fact, ensure_ascii=False)
