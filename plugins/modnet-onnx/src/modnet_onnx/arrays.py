"""The arrays of a graph: what parts compute with while they are traced.

They are arrays of ndonnx, which follows the array API, behind a face of our own: its functions are those of
`modnet_onnx.functions` where these are better, what is constant is computed at once, and what a graph cannot do is an
error that says so.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import ndonnx as ndx
import numpy as np

from modnet_onnx.functions import FUNCTIONS, matmul

__all__ = ["TracedArray", "constant", "unwrapped"]

_UNKNOWN = "depends on the numbers of an array, which are not known before the graph is run"


class TracedArray:
    """An array of a graph: the result of operations that are carried out when the graph is run.

    It follows the array API, and nothing of NumPy. A shape has None for the number of samples. Text has the dtype
    ``object``, as for the transforms of modnet, and a text that is missing, which is equal to None, is empty.
    """

    __slots__ = ("_array",)
    __array_ufunc__ = None  # NumPy leaves its operators to this class
    __hash__ = None  # type: ignore[assignment] # == is elementwise
    __iter__ = None

    def __init__(self, array: ndx.Array) -> None:
        self._array = array

    @property
    def dtype(self) -> Any:
        """The type of its entries: one of the namespace's, or NumPy's ``object`` for text."""
        return np.dtype(object) if self._array.dtype == ndx.utf8 else self._array.dtype

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Its shape, with None for what is not known before the graph is run."""
        return tuple(self._array.shape)

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return len(self._array.shape)

    @property
    def size(self) -> int | None:
        """The number of its entries, or None."""
        size: int | None = self._array.size
        return size

    @property
    def device(self) -> Any:
        """Where it is: a graph knows no devices."""
        return self._array.device

    @property
    def T(self) -> TracedArray:  # noqa: N802 -- the standard's name
        """The transposed matrix."""
        return _array(self._array.T)

    @property
    def mT(self) -> TracedArray:  # noqa: N802 -- the standard's name
        """The transposed matrices along the last two axes."""
        return _array(self._array.mT)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        del api_version
        return NAMESPACE

    def __getitem__(self, key: Any) -> TracedArray:
        return _array(self._array[tuple(map(_index, key)) if isinstance(key, tuple) else _index(key)])

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError("it writes into an array, and a graph only makes new ones")

    def __array__(self, *arguments: Any, **options: Any) -> NoReturn:
        raise TypeError("it calls a function of NumPy; modnet.namespace(x) has those that belong to an array")

    def __bool__(self) -> bool:
        return bool(self._known("it decides by a condition that"))

    def __int__(self) -> int:
        return int(self._known("it needs a number that"))

    __index__ = __int__

    def __float__(self) -> float:
        return float(self._known("it needs a number that"))

    def __len__(self) -> int:
        length = self.shape[0]
        if length is None:
            raise TypeError("it needs the number of samples, which is not known before the graph is run")
        return length

    def _known(self, what: str) -> Any:
        try:
            return self._array.unwrap_numpy()
        except ValueError:
            raise TypeError(f"{what} {_UNKNOWN}") from None

    def __eq__(self, other: object) -> Any:
        return wrapped(self._array == ("" if other is None else unwrapped(other)))

    def __ne__(self, other: object) -> Any:
        return wrapped(self._array != ("" if other is None else unwrapped(other)))

    def __matmul__(self, other: Any) -> TracedArray:
        return _array(matmul(self._array, unwrapped(other)))

    def __rmatmul__(self, other: Any) -> TracedArray:
        return _array(matmul(unwrapped(other), self._array))

    def __neg__(self) -> TracedArray:
        return _array(-self._array)

    def __pos__(self) -> TracedArray:
        return self

    def __abs__(self) -> TracedArray:
        return _array(abs(self._array))

    def __invert__(self) -> TracedArray:
        return _array(~self._array)


def _forward(function: Callable[[Any, Any], Any]) -> Callable[[TracedArray, Any], TracedArray]:
    return lambda self, other: wrapped(function(self._array, unwrapped(other)))


def _backward(function: Callable[[Any, Any], Any]) -> Callable[[TracedArray, Any], TracedArray]:
    return lambda self, other: wrapped(function(unwrapped(other), self._array))


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor", "lshift", "rshift"):
    _dunder = _name.rstrip("_")
    setattr(TracedArray, f"__{_dunder}__", _forward(getattr(operator, _name)))
    setattr(TracedArray, f"__r{_dunder}__", _backward(getattr(operator, _name)))
for _name in ("lt", "le", "gt", "ge"):
    setattr(TracedArray, f"__{_name}__", _forward(getattr(operator, _name)))


def wrapped(value: Any) -> Any:
    """Return arrays of ndonnx, in tuples and lists too, as those of a graph; those that are constant as constants."""
    if isinstance(value, list | tuple):
        return type(value)(map(wrapped, value)) if type(value) in (list, tuple) else tuple(map(wrapped, value))
    return _array(value) if isinstance(value, ndx.Array) else value


def _array(array: ndx.Array) -> TracedArray:
    try:
        known = array.unwrap_numpy()
    except (TypeError, ValueError):
        return TracedArray(array)
    return TracedArray(ndx.asarray(known))  # what it was computed from is no part of the graph


def unwrapped(value: Any) -> Any:
    """Return arrays and dtypes, in tuples and lists too, as ndonnx takes them; NumPy's are constants."""
    if isinstance(value, TracedArray):
        return value._array  # noqa: SLF001 -- its own
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        return ndx.asarray(array.astype(str) if array.dtype == object else array)
    if isinstance(value, list | tuple):
        return type(value)(map(unwrapped, value))
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        dtype = np.dtype(value)
        return ndx.utf8 if dtype.kind == "O" else ndx.from_numpy_dtype(dtype)
    return value


def constant(values: Any) -> TracedArray:
    """Return a constant of a graph."""
    return TracedArray(unwrapped(np.asarray(values)))


def _index(key: Any) -> Any:
    return unwrapped(key) if isinstance(key, TracedArray | np.ndarray) else key


class _Namespace:
    """The functions of the array API for the arrays of a graph."""

    def __getattr__(self, name: str) -> Any:
        found = FUNCTIONS.get(name) or getattr(ndx, name, None)
        if found is None or name.startswith("_"):
            raise AttributeError(f"the array API has no '{name}' that can be traced")
        if not callable(found) or isinstance(found, type):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            given = {key: unwrapped(value) for key, value in options.items()}
            return wrapped(found(*map(unwrapped, arguments), **given))

        setattr(self, name, call)
        return call


NAMESPACE = _Namespace()
