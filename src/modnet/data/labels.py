"""Targets: what y means, class labels or numbers, and the rows that a network learns to give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from modnet.core.errors import DataError
from modnet.data.files import error_text, short_repr
from modnet.data.validation import BLOCK, as_array, as_samples, check_finite, place, refuse_masked

__all__ = ["Targets"]

TABLE = 1024
"""Up to how many classes the one-hot rows are gathered from a table of all of them."""
LISTED = 10
"""How many labels an error lists."""
LONGEST = 1000
"""How many characters text may have in an array of text, in which all take as much as the longest."""


@dataclass(frozen=True, eq=False)
class Targets:
    """The targets of some samples: class labels as ``classes[codes]``, or numbers as ``values``.

    Attributes:
        classes: The distinct labels of the training, (k,), sorted where they can be; None for numbers.
        codes: Each sample's place in ``classes``, (samples,), in the smallest unsigned type that can number them.
        values: The numbers, (samples, outputs), of floats; None for labels.
    """

    classes: NDArray[Any] | None = None
    codes: NDArray[np.integer[Any]] | None = None
    values: NDArray[Any] | None = None

    @classmethod
    def fit(cls, y: Any, count: int, where: str) -> Self:
        """Return what ``y`` means for a training with ``count`` samples.

        (samples,) of integers, bools, text or other hashable objects except None are class labels; (samples,)
        of floats are the targets of one output; (samples, outputs) of numbers are targets.

        Raises:
            DataError: beginning with ``where`` ("training y"): wrong length, one class only, NaN, infinity,
                or a label that cannot be one.
        """
        column = _as_column(y, count, where)
        if column.ndim == 2 or column.dtype.kind == "f":
            return cls(values=_as_values(column, where))
        classes, codes = _encode(column, where)
        if len(classes) < 2:
            raise DataError(f"{where} has one class, {short_repr(classes.tolist()[0])}; at least two are needed")
        return cls(classes=classes, codes=codes)

    @classmethod
    def transform(cls, y: Any, count: int, where: str, like: NDArray[Any] | None, outputs: int) -> Self:
        """Return what ``y`` means beside a training with the classes ``like`` (None: ``outputs`` numbers).

        Raises:
            DataError: as ``fit``; also for a label that the training does not know, and for other outputs.
        """
        column = _as_column(y, count, where)
        if like is None:
            values = _as_values(column, where)
            if values.shape[1] != outputs:
                raise DataError(f"{where} has {values.shape[1]} outputs a sample, the training has {outputs}")
            return cls(values=values)
        if column.ndim != 1:
            raise DataError(f"{where} expects class labels, shape ({count},), as in training; got {column.shape}")
        own, codes = _encode(column, where)
        known = {_key(label): code for code, label in enumerate(like.tolist())}
        places = np.array([known.get(_key(label), -1) for label in own.tolist()], dtype=np.intp)
        if (places < 0).any():
            row = int(np.argmax(_renumbered(codes, places < 0, 2)))
            label = column[row : row + 1].tolist()[0]
            raise DataError(
                f"{where}: {place((row,))} is {short_repr(label)}, unseen in training; the labels there are {_listed(like)}"
            )
        return cls(classes=like, codes=_renumbered(codes, places, len(like)))

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self._column())

    @property
    def width(self) -> int | None:
        """How many numbers a sample's target has; None for labels."""
        return None if self.values is None else int(self.values.shape[1])

    def astype(self, dtype: DTypeLike, where: str) -> Targets:
        """Return the targets as numbers of a dtype; labels stay as they are.

        Raises:
            DataError: a number that the dtype cannot hold.
        """
        if self.values is None or self.values.dtype == dtype:
            return self
        with np.errstate(over="ignore"):  # what overflows is found below
            values = self.values.astype(dtype)
        check_finite(values, f"{where} as {np.dtype(dtype)}")
        return Targets(values=values)

    def take(self, rows: NDArray[np.intp]) -> Targets:
        """Return the targets of the samples ``rows`` alone."""
        return Targets(
            self.classes,
            None if self.codes is None else self.codes[rows],
            None if self.values is None else self.values[rows],
        )

    def batch(self, selection: Any, dtype: DTypeLike, outputs: int | None = None) -> NDArray[Any]:
        """Return the targets of the samples ``selection`` (a slice or row numbers), (m, outputs); read only.

        Labels become one-hot rows; for two classes and ``outputs`` = 1 a column of 0 and 1.
        """
        if self.classes is None:
            values: NDArray[Any] = self._column()[selection]
            return values.astype(dtype, copy=False)
        codes: NDArray[np.integer[Any]] = self._column()[selection]
        classes = len(self.classes)
        if classes <= TABLE:
            return np.take(_table(classes, outputs == 1 and classes == 2, np.dtype(dtype)), codes, axis=0)
        rows = np.zeros((len(codes), classes), dtype)
        rows[np.arange(len(codes)), codes] = 1
        return rows

    def _column(self) -> NDArray[Any]:
        column = self.values if self.codes is None else self.codes
        return np.empty((0, 0)) if column is None else column


@lru_cache(maxsize=16)
def _table(classes: int, column: bool, dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.arange(2).reshape(2, 1).astype(dtype) if column else np.eye(classes, dtype=dtype)


def _as_column(y: Any, count: int, where: str) -> NDArray[Any]:
    """Return y as labels or numbers (samples,), or numbers (samples, outputs), of ``count`` samples."""
    if isinstance(y, str | bytes | dict | set | frozenset):
        raise DataError(f"{where} expects labels or targets, got a {type(y).__name__}")
    if any(hasattr(y, name) for name in ("__array__", "to_numpy", "toarray")) or not hasattr(y, "__len__"):
        column = as_array(y, where)
    else:
        column = _from_list(list(y), where)
    if column.ndim == 0:
        raise DataError(f"{where} expects labels or targets, got one value of type {type(y).__name__}")
    if len(column) == 0:
        raise DataError(f"{where} is empty")
    if len(column) != count:
        short = where.rpartition(": ")[2]  # the file is named once
        raise DataError(f"{where.removesuffix('y')}x has {count} samples, {short} has {len(column)}")
    if column.ndim > 2:
        raise DataError(f"{where} expects labels (samples,) or targets (samples, outputs), got shape {column.shape}")
    if column.dtype.kind in "OT" and column.ndim == 1:
        column = _from_list(column.tolist(), where)
    if column.dtype.kind in "cV":
        raise DataError(f"{where} holds {column.dtype} values; allowed are integers, bools, text and floats")
    return column


def _from_list(items: list[Any], where: str) -> NDArray[Any]:
    """Return a list as an array that keeps apart what Python does (NumPy makes text of 1 beside "1")."""
    refuse_masked(items, where)
    items = [item.item() if isinstance(item, np.generic) and item.dtype.kind in "biufU" else item for item in items]
    types = set(map(type, items))
    if any(isinstance(item, list) or np.ndim(item) for item in items if isinstance(item, list | np.ndarray)):
        nested = as_array(items, where)
        return nested if nested.ndim > 1 else _objects(items)
    if types == {tuple}:
        try:
            nested = np.asarray(items)
        except ValueError:  # tuples of different lengths: labels
            return _objects(items)
        return nested if nested.dtype.kind in "biuf" and nested.ndim > 1 else _objects(items)
    if types == {bool} or (types == {str} and not any("\0" in item or len(item) > LONGEST for item in items)):
        return np.asarray(items)
    if types == {int} and all(-(2**63) <= item < 2**63 for item in items):
        return np.asarray(items, dtype=np.int64)
    if types in ({float}, {int, float}):
        try:
            return np.asarray(items, dtype=np.float64)
        except OverflowError as error:
            raise DataError(f"{where}: {error_text(error)}") from None
    return _objects(items)


def _objects(items: list[Any]) -> NDArray[Any]:
    array = np.empty(len(items), dtype=object)
    for row, item in enumerate(items):  # a slice would take tuples apart
        array[row] = item
    return array


def _as_values(column: NDArray[Any], where: str) -> NDArray[Any]:
    return as_samples(column.reshape(len(column), -1), where, "outputs")


def _encode(column: NDArray[Any], where: str) -> tuple[NDArray[Any], NDArray[np.integer[Any]]]:
    """Return the distinct labels, in native byte order, and each sample's place among them."""
    if column.dtype.kind == "O":
        return _encode_objects(column.tolist(), where)
    starts, pieces = range(0, len(column), BLOCK), []
    for start in starts:
        block = column[start : start + BLOCK]
        missing = block != block  # NaN and NaT
        if missing.any():
            row = start + int(np.argmax(missing))
            raise DataError(f"{where}: {place((row,))} is {column[row]}, which cannot be a label")
        own, codes = np.unique(block.astype(block.dtype.newbyteorder("="), copy=False), return_inverse=True)
        pieces.append((own, codes.astype(_code_type(len(own)))))
    classes = np.unique(np.concatenate([own for own, _ in pieces]))
    column_codes = np.empty(len(column), _code_type(len(classes)))
    for start, (own, codes) in zip(starts, pieces, strict=True):
        column_codes[start : start + BLOCK] = np.searchsorted(classes, own)[codes]
    return classes, column_codes


def _encode_objects(labels: list[Any], where: str) -> tuple[NDArray[Any], NDArray[np.integer[Any]]]:
    seen: dict[Any, int] = {}
    distinct: list[Any] = []
    codes = np.empty(len(labels), _code_type(len(labels)))
    for row, label in enumerate(labels):
        try:
            codes[row] = seen.setdefault(_key(label), len(seen))
            usable = len(seen) == len(distinct) or (label is not None and bool(label == label))
        except Exception:  # no hash, or a comparison that has no answer
            usable = False
        if not usable:
            raise DataError(f"{where}: {place((row,))} is {short_repr(label)}, which cannot be a label")
        if len(seen) > len(distinct):
            distinct.append(label)
    try:
        order = sorted(range(len(distinct)), key=distinct.__getitem__)
    except Exception:  # labels without an order stay in the order of their first appearance
        order = list(range(len(distinct)))
    places = np.empty(len(order), dtype=np.intp)
    places[order] = np.arange(len(order))
    return _objects([distinct[code] for code in order]), _renumbered(codes, places, len(order))


def _code_type(count: int) -> np.dtype[Any]:
    return np.min_scalar_type(count - 1)


def _renumbered(codes: NDArray[Any], places: NDArray[Any], count: int) -> NDArray[np.integer[Any]]:
    """Return ``places[codes]``, numbers below ``count``: block by block, as NumPy makes 8 bytes of every index."""
    renumbered = np.empty(len(codes), _code_type(count))
    for start in range(0, len(codes), BLOCK):
        renumbered[start : start + BLOCK] = places[codes[start : start + BLOCK]]
    return renumbered


def _key(label: Any) -> Any:
    """Return what tells labels apart: Python has True == 1."""
    return (bool, label) if isinstance(label, bool | np.bool_) else label


def _listed(classes: NDArray[Any]) -> str:
    texts = [short_repr(label) for label in classes[:LISTED].tolist()]
    return ", ".join(texts) + (f", … ({len(classes)} in all)" if len(classes) > LISTED else "")
