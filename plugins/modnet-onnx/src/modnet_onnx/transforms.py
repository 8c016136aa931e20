"""Transforms in a graph: most are traced as they are; those of text look texts up in a table."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import ndonnx as ndx
import numpy as np
import spox.opset.ai.onnx.v21 as op

from modnet import Transform
from modnet.components.transforms.categories import OneHot, Ordinal
from modnet.core.interfaces import TransformState
from modnet.data.preprocessing import Preprocessing
from modnet.data.texts import number_text
from modnet_onnx.arrays import NAMESPACE, TracedArray, unwrapped, wrapped
from modnet_onnx.columns import Column, Columns
from modnet_onnx.errors import tracing

__all__ = ["inverted", "trace_transform", "transformed"]


@singledispatch
def trace_transform(transform: Transform, columns: Columns, state: TransformState) -> TracedArray:
    """Return what a transform makes of columns in a graph, (samples, results).

    It is called with an array, as for other rows. For a transform that takes no array of a graph, register a function:
    ``@trace_transform.register(MyTransform)``.

    Args:
        transform: The transform.
        columns: What it is applied to; ``columns.matrix()`` is (samples, columns).
        state: What it has learnt.
    """
    if transform.takes == "text" and any(not column.is_text for column in columns):
        raise TypeError("it takes numbers as text, which a graph cannot write")
    result: TracedArray = transform(columns.matrix(), state)  # type: ignore[arg-type, assignment] # of another library
    return result


@trace_transform.register
def _(transform: OneHot, columns: Columns, state: TransformState) -> TracedArray:
    hot = [
        NAMESPACE.astype(codes == np.arange(count)[None, :], NAMESPACE.float64)
        for codes, count in _codes(transform, columns, state)
    ]
    return _side_by_side(hot)


@trace_transform.register
def _(transform: Ordinal, columns: Columns, state: TransformState) -> TracedArray:
    found = [
        NAMESPACE.astype(NAMESPACE.where(codes == count, np.int64(-1), codes), NAMESPACE.float64)
        if transform.unknown == "ignore"
        else NAMESPACE.astype(codes, NAMESPACE.float64)
        for codes, count in _codes(transform, columns, state)
    ]
    return _side_by_side(found)


def _codes(transform: OneHot | Ordinal, columns: Columns, state: TransformState) -> list[tuple[TracedArray, int]]:
    """Return of each column the position of every text among its categories, (samples, 1), and how many there are.

    An unknown text has the position behind the last one, where it is ignored; else it ends the run: there is nothing
    at that position of a table.
    """
    ends = np.cumsum(state["counts"].astype(np.intp))
    found = []
    for column, categories in zip(columns, np.split(state["categories"], ends[:-1]), strict=True):
        count = len(categories)
        codes = _looked_up(column, categories.tolist())
        if transform.unknown == "error":
            table = op.const(np.arange(count))
            codes = wrapped(ndx.asarray(op.gather(table, unwrapped(codes).unwrap_spox())))
        found.append((codes, count))
    return found


def _looked_up(column: Column, categories: list[str]) -> TracedArray:
    """Return the position of each cell among the categories, (samples, 1), or their number."""
    codes: dict[Any, int] = {text: code for code, text in enumerate(categories)}
    if not column.is_text:
        codes = {_number(text): code for code, text in enumerate(categories) if number_text(_number(text)) == text}
    cells = unwrapped(Columns([column]).matrix())
    looked_up: TracedArray = wrapped(ndx.extensions.static_map(cells, codes, default=len(categories)))
    return looked_up


def _number(text: str) -> float:
    """Return the number that a text stands for; one that no cell is equal to, where it stands for none."""
    try:
        number = float(text)
    except ValueError:
        return 0.5
    return number if np.isfinite(number) else 0.5


def _side_by_side(results: list[TracedArray]) -> TracedArray:
    joined: TracedArray = results[0] if len(results) == 1 else NAMESPACE.concat(results, axis=1)
    return joined


def transformed(preprocessing: Preprocessing, columns: Columns) -> TracedArray:
    """Return raw columns as they enter the network, (samples, columns), in float64.

    Raises:
        ExportError: a transform cannot be traced.
    """
    for step in preprocessing.steps:
        with tracing(step.label):
            results = trace_transform(step.transform, columns.select(step.columns), step.state)
            columns = columns.replaced(step.columns, results)
    return columns.matrix()


def inverted(preprocessing: Preprocessing, rows: TracedArray) -> TracedArray:
    """Return predictions in the units of the targets, of their own dtype, as `Preprocessing.inverse`.

    Raises:
        ExportError: a transform cannot be traced.
    """
    columns = Columns.of(NAMESPACE.astype(rows, NAMESPACE.float64))
    for step in reversed(preprocessing.steps):
        with tracing(step.label):
            given = columns.select(step.columns).matrix()
            results = step.transform.inverse(given, step.state)  # type: ignore[arg-type] # of another library
            columns = columns.replaced(step.columns, results)  # type: ignore[arg-type] # the same
    back: TracedArray = NAMESPACE.astype(columns.matrix(), rows.dtype)
    return back
