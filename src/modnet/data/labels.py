"""Targets: class labels or numbers, and the rows of outputs that a network is trained for."""

from __future__ import annotations

from collections.abc import Sequence, ValuesView
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from modnet.core.errors import DataError
from modnet.core.messages import short_repr
from modnet.data.distinct import MANY, Codes, codes_of, distinct_labels, from_list, given_classes
from modnet.data.validation import as_array, as_samples, blocks, check_finite, index_text

__all__ = ["Targets", "labels_hint"]

ONE_HOT_TABLE = 1024
"""Up to how many classes one-hot rows are gathered from a table of all of them."""


@dataclass(frozen=True, eq=False)
class Targets:
    """The targets of samples: class labels as ``classes[codes]``, or numbers as ``values``.

    Attributes:
        classes: The distinct labels of the training, (classes,), sorted if they can be; None for numbers.
        codes: The index of each sample's label in ``classes``, (samples,), in the smallest unsigned dtype; None for
            numbers.
        values: The numbers, (samples, outputs), of floats; None for labels.
        multi_label: Whether each of the values says whether a label applies, 0 or 1.
    """

    classes: NDArray[Any] | None = None
    codes: Codes | None = None
    values: NDArray[Any] | None = None
    multi_label: bool = False

    @classmethod
    def fit(cls, y: Any, count: int, where: str, classes: Any = None) -> Self:
        """Return the targets of a training with ``count`` samples.

        (samples,) of integers, bools, text or other hashable objects except None are class labels; (samples,)
        of floats are the targets of one output; (samples, outputs) of numbers are targets, multi-label ones where they
        are integers or bools that are all 0 or 1. With ``classes``, (samples,) are labels whatever their dtype; they
        may be of fewer classes, or of one alone.

        Raises:
            DataError: starting with ``where`` ("training y"): wrong length, one class only, NaN, infinity,
                or an object that cannot be a label; ``classes`` that are none, or a label that is not among them.
        """
        if classes is not None:
            return cls.transform(y, count, where, given_classes(classes, where), 0)
        column = _as_column(y, count, where)
        if column.ndim == 2 or column.dtype.kind == "f":
            _refuse_labels_in_a_column(column, where)
            values = _as_values(column, where)
            return cls(values=values, multi_label=column.dtype.kind in "biu" and _first_not_binary(values) is None)
        classes = distinct_labels(column, where)
        if len(classes) < 2:
            raise DataError(f"{where} has one class, {short_repr(classes[0])}; at least two are needed")
        return cls(classes=classes, codes=codes_of(column, classes, where))

    @classmethod
    def transform(
        cls,
        y: Any,
        count: int,
        where: str,
        classes: NDArray[Any] | None,
        outputs: int,
        multi_label: bool = False,
    ) -> Self:
        """Return the targets of other samples, with the ``classes`` of the training (None: ``outputs`` numbers).

        Raises:
            DataError: as ``fit``; also for a label that is not in ``classes``, for another number of outputs, and for
                values other than 0 and 1 where the training was ``multi_label``.
        """
        column = _as_column(y, count, where)
        if classes is None:
            values = _as_values(column, where)
            if values.shape[1] != outputs:
                raise DataError(f"{where} has {values.shape[1]} outputs a sample, the training has {outputs}")
            index = _first_not_binary(values) if multi_label else None
            if index is not None:
                problem = f"is {values[index]:g}; labels are 0 or 1, as in training (where numbers are floats)"
                raise DataError(f"{where}: {index_text(index)} {problem}")
            return cls(values=values, multi_label=multi_label)
        if column.ndim != 1:
            raise DataError(f"{where} expects class labels, shape ({count},), as in training; got {column.shape}")
        distinct_labels(column, where)  # refuses what cannot be a label
        return cls(classes=classes, codes=codes_of(column, classes, where))

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._column)

    @property
    def width(self) -> int | None:
        """The number of values in a sample's target; None for labels."""
        return None if self.values is None else int(self.values.shape[1])

    def astype(self, dtype: DTypeLike, where: str) -> Targets:
        """Return the targets with their values converted to a dtype; labels are not changed.

        Raises:
            DataError: a number that is infinite in the dtype.
        """
        if self.values is None or self.values.dtype == dtype:
            return self
        with np.errstate(over="ignore"):  # what overflows is refused below
            values = self.values.astype(dtype)
        check_finite(values, where, before=self.values)
        return replace(self, values=values)

    def with_values(self, values: NDArray[Any]) -> Targets:
        """Return targets with these numbers, (samples, outputs), in place of theirs."""
        return replace(self, values=values)

    def take(self, rows: NDArray[np.intp]) -> Targets:
        """Return the targets of the samples ``rows``."""
        if self.codes is None:
            return replace(self, values=self._column[rows])
        return replace(self, codes=self.codes[rows])

    def as_given(self) -> NDArray[Any]:
        """Return labels, numbers, or integers that are 0 and 1, which `fit` reads as these targets again."""
        if self.classes is not None:
            labels: NDArray[Any] = self.classes[self._column]
            return labels
        return self._column.astype(np.int8) if self.multi_label else self._column

    def batch(self, selection: Any, dtype: DTypeLike, outputs: int | None = None) -> NDArray[Any]:
        """Return the targets of the samples ``selection`` (a slice or row numbers), (m, outputs); read only.

        Labels become one-hot rows; for one class or two, and ``outputs`` = 1, a column of 0 and 1.
        """
        column: NDArray[Any] = self._column[selection]
        if self.classes is None:
            return column.astype(dtype, copy=False)
        count = len(self.classes)
        if count <= ONE_HOT_TABLE:
            return np.take(_one_hot_table(count, outputs == 1 and count <= 2, np.dtype(dtype)), column, axis=0)
        rows = np.zeros((len(column), count), dtype)
        rows[np.arange(len(column)), column] = 1
        return rows

    @property
    def _column(self) -> NDArray[Any]:
        column = self.values if self.codes is None else self.codes
        return np.empty((0, 0)) if column is None else column


@lru_cache(maxsize=16)
def _one_hot_table(count: int, is_column: bool, dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.array([[0], [1]][:count], dtype) if is_column else np.eye(count, dtype=dtype)


def _as_column(y: Any, count: int, where: str) -> NDArray[Any]:
    """Return y as labels or numbers (samples,), or numbers (samples, outputs), of ``count`` samples."""
    is_sequence = isinstance(y, Sequence | ValuesView) and not isinstance(y, str | bytes | memoryview)
    column = from_list(list(y), where) if is_sequence else as_array(y, where)
    if column.ndim == 1 and column.dtype.kind in "OT":
        column = from_list(column.tolist(), where)
    if column.ndim == 0:
        raise DataError(f"{where} expects labels or targets, got one value of type {type(y).__name__}")
    if len(column) != count or not count:
        raise DataError(f"{where} has {len(column)} samples, x has {count}")
    if column.ndim > 2:
        raise DataError(f"{where} expects labels (samples,) or targets (samples, outputs), got shape {column.shape}")
    if column.dtype.kind in "cV":
        raise DataError(f"{where} holds {column.dtype} values; allowed are integers, bools, text and floats")
    return column


def _refuse_labels_in_a_column(column: NDArray[Any], where: str) -> None:
    is_column = column.ndim == 2 and column.shape[1] == 1
    if is_column and column.dtype.kind in "OUT" and any(isinstance(value, str) for value in column[:, 0].tolist()):
        raise DataError(f"{where}: class labels are expected in one dimension, ({len(column)},), got {column.shape}")


def _as_values(column: NDArray[Any], where: str) -> NDArray[Any]:
    return as_samples(column.reshape(len(column), -1), where, "outputs")


def _first_not_binary(values: NDArray[Any]) -> tuple[int, ...] | None:
    """Return the index of the first value that is neither 0 nor 1."""
    for rows in blocks(values):
        other = (values[rows] != 0) & (values[rows] != 1)
        if other.any():
            row, column = np.argwhere(other)[0].tolist()
            return rows.start + row, column
    return None


def labels_hint(values: NDArray[Any]) -> str:
    """Return how class labels are given, for a message, if the numbers to predict are a few whole ones."""
    distinct = np.unique(values)
    if values.shape[1] > 1 or not 1 < len(distinct) <= MANY or (distinct % 1).any():
        return ""
    return '; floats are numbers to predict: for class labels set data.target_type = "text" (CSV), or give integers'
