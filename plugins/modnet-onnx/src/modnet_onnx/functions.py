"""Functions of the array API where ndonnx's own would not do: fewer nodes, no control flow, and float64 everywhere.

Each takes and returns arrays of ndonnx. ndonnx wraps reductions and products in an ``If`` that asks whether the array
is empty, which onnxruntime needs for none of what is done here; and where onnxruntime computes a function in float32
alone, ndonnx rounds a float64 to it: here it is composed of functions that are computed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

import ndonnx as ndx
import numpy as np
import spox.opset.ai.onnx.v21 as op

__all__ = ["FUNCTIONS", "batch_size", "matmul"]

Array: TypeAlias = ndx.Array
Axis: TypeAlias = int | tuple[int, ...] | None

batch_size: ContextVar[Array] = ContextVar("modnet_onnx_batch_size")
"""The number of samples, (1,), which is not known before the graph is run: None in a shape stands for it."""


def _axes(x: Array, axis: Axis) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)


def _reduced(operator: Callable[..., Any], x: Array, axis: Axis, keepdims: bool) -> Array:
    axes = _axes(x, axis)
    return ndx.asarray(operator(x.unwrap_spox(), op.const(np.array(axes, np.int64)), keepdims=keepdims)) if axes else x


def _is_float(x: Array) -> bool:
    return bool(ndx.isdtype(x.dtype, "real floating"))


def max_(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    return _reduced(op.reduce_max, x, axis, keepdims) if _is_float(x) else ndx.max(x, axis=axis, keepdims=keepdims)


def min_(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    return _reduced(op.reduce_min, x, axis, keepdims) if _is_float(x) else ndx.min(x, axis=axis, keepdims=keepdims)


def any_(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    return _reduced(op.reduce_max, ndx.astype(x, ndx.bool), axis, keepdims)


def all_(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    return _reduced(op.reduce_min, ndx.astype(x, ndx.bool), axis, keepdims)


def mean(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    return _reduced(op.reduce_mean, x, axis, keepdims)


def var(x: Array, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    sizes = [x.shape[each] for each in _axes(x, axis)]
    if None in sizes:
        raise TypeError("the variance over the samples of a batch is not known before the graph is run")
    count = math.prod(size for size in sizes if size is not None)
    distance = x - mean(x, axis=axis, keepdims=True)
    return _reduced(op.reduce_sum, distance * distance, axis, keepdims) / (count - correction)


def std(x: Array, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    return ndx.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def argmax(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    if axis is None:
        return ndx.argmax(x, axis=axis, keepdims=keepdims)
    return ndx.asarray(op.arg_max(x.unwrap_spox(), axis=axis, keepdims=keepdims))


def matmul(a: Array, b: Array, /) -> Array:
    """Return a b, as the operator @ does."""
    if a.dtype != b.dtype:
        dtype = ndx.result_type(a, b)
        a, b = ndx.astype(a, dtype), ndx.astype(b, dtype)
    return ndx.asarray(op.matmul(a.unwrap_spox(), b.unwrap_spox()))


def logaddexp(a: Array, b: Array, /) -> Array:
    return ndx.maximum(a, b) + ndx.log1p(ndx.exp(-ndx.abs(a - b)))


def _shape(shape: int | tuple[int | None, ...]) -> tuple[int, ...] | Array:
    """Return a shape in which None is the number of samples."""
    sizes: tuple[Any, ...] = shape if isinstance(shape, tuple | list) else (shape,)
    if None not in sizes:
        return tuple(sizes)
    known = batch_size.get()
    return ndx.concat([known if size is None else ndx.asarray(np.array([size], np.int64)) for size in sizes])


def reshape(x: Array, /, shape: int | tuple[int | None, ...], *, copy: bool | None = None) -> Array:
    del copy  # whatever becomes of it: there are no views in a graph
    sizes: list[int | None] = list(shape) if isinstance(shape, tuple | list) else [shape]
    if sizes.count(None) == 1:
        place = sizes.index(None)
        if place == 0 and x.ndim and x.shape[0] is None:  # 0: as many as there are
            return ndx.asarray(op.reshape(x.unwrap_spox(), op.const(np.array([0, *sizes[1:]], np.int64))))
        if -1 not in sizes:
            sizes[place] = -1
    resolved = _shape(tuple(sizes))
    return ndx.reshape(x, resolved)


def broadcast_to(x: Array, /, shape: tuple[int | None, ...]) -> Array:
    return ndx.broadcast_to(x, _shape(shape))


def full(shape: int | tuple[int | None, ...], value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    del device
    filler = ndx.asarray(value) if dtype is None else ndx.asarray(value, dtype=dtype)
    return ndx.broadcast_to(filler, _shape(shape))


def zeros(shape: int | tuple[int | None, ...], *, dtype: Any = None, device: Any = None) -> Array:
    return full(shape, 0, dtype=ndx.float64 if dtype is None else dtype, device=device)


def ones(shape: int | tuple[int | None, ...], *, dtype: Any = None, device: Any = None) -> Array:
    return full(shape, 1, dtype=ndx.float64 if dtype is None else dtype, device=device)


def take(x: Array, indices: Array, /, *, axis: int | None = None) -> Array:
    return ndx.take(x, ndx.astype(indices, ndx.int64), axis=axis)


def _in_float64(own: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return ndonnx's function of the same name, or ``own`` for a float64."""
    given: Callable[[Array], Array] = getattr(ndx, own.__name__)

    def choose(x: Array, /) -> Array:
        return own(x) if x.dtype == ndx.float64 else given(x)

    choose.__name__ = own.__name__
    return choose


@_in_float64
def cos(x: Array) -> Array:
    half = ndx.sin(0.5 * x)
    return 1.0 - 2.0 * half * half


@_in_float64
def tan(x: Array) -> Array:
    return ndx.sin(x) / cos(x)


@_in_float64
def sinh(x: Array) -> Array:
    size = ndx.abs(x)
    less_one = ndx.expm1(ndx.minimum(size, 40.0))  # beyond, e^−x is lost in the rounding of e^x
    small = 0.5 * (less_one + less_one / (less_one + 1.0))
    root = ndx.exp(0.5 * size)  # of a size of 710, e^x would be infinite, and half of it is not
    return ndx.sign(x) * ndx.where(size < 40.0, small, 0.5 * root * root)


@_in_float64
def cosh(x: Array) -> Array:
    size = ndx.abs(x)
    root = ndx.exp(0.5 * size)
    return 0.5 * root * root + 0.5 * ndx.exp(-size)


@_in_float64
def asinh(x: Array) -> Array:
    size = ndx.abs(x)
    small = ndx.minimum(size, 1e8)
    square = small * small
    near = ndx.log1p(small + square / (1.0 + ndx.sqrt(1.0 + square)))
    return ndx.sign(x) * ndx.where(size < 1e8, near, ndx.log(size) + math.log(2.0))


@_in_float64
def acosh(x: Array) -> Array:
    above = ndx.minimum(x, 1e8) - 1.0
    near = ndx.log1p(above + ndx.sqrt(above * (above + 2.0)))
    return ndx.where(x < 1e8, near, ndx.log(x) + math.log(2.0))


@_in_float64
def atanh(x: Array) -> Array:
    return 0.5 * (ndx.log1p(x) - ndx.log1p(-x))


@_in_float64
def atan(x: Array) -> Array:
    """Newton's steps for tan y = x on [0, 1], from the float32 that onnxruntime computes."""
    size = ndx.abs(x)
    ratio = ndx.where(size > 1.0, 1.0 / size, size)
    angle = ndx.astype(ndx.atan(ndx.astype(ratio, ndx.float32)), ndx.float64)
    for _ in range(2):
        cosine = cos(angle)
        angle = angle - (ndx.sin(angle) - ratio * cosine) * cosine
    return ndx.sign(x) * ndx.where(size > 1.0, 0.5 * math.pi - angle, angle)


@_in_float64
def asin(x: Array) -> Array:
    return atan(x / ndx.sqrt((1.0 - x) * (1.0 + x)))


@_in_float64
def acos(x: Array) -> Array:
    return 0.5 * math.pi - asin(x)


FUNCTIONS: dict[str, Callable[..., Array]] = {
    function.__name__.rstrip("_"): function
    for function in (
        *(max_, min_, any_, all_, mean, var, std, argmax, matmul, logaddexp),
        *(reshape, broadcast_to, full, zeros, ones, take),
        *(cos, tan, sinh, cosh, asinh, acosh, atanh, atan, asin, acos),
    )
}
"""Name in the array API → function."""
