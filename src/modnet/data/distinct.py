"""Labels: the distinct ones of a column, and each sample's place among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, ValuesView
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import as_python, list_values, short_repr
from modnet.data.validation import as_array, blocks, index_text

__all__ = [
    "MANY",
    "Codes",
    "as_objects",
    "codes_of",
    "distinct_labels",
    "from_list",
    "given_classes",
    "group_codes",
    "numbers_hint",
]

LONGEST = 1000
"""How many characters a label may have in an array of text, in which all take as much memory as the longest."""
MANY = 20
"""Above how many integers a message says how numbers are given; up to how many whole floats, how labels are."""
NUMBERS = frozenset({int, float})
DTYPES = {frozenset({bool}): np.bool_, frozenset({int}): np.int64, frozenset({float}): np.float64, NUMBERS: np.float64}
"""The dtypes of lists of these types."""

Codes = NDArray[np.unsignedinteger[Any]]


def from_list(items: list[Any], where: str) -> NDArray[Any]:
    """Return a list as an array, in which labels that differ stay different: NumPy makes text of 1 beside "1"."""
    items = list(map(as_python, items))
    types = frozenset(map(type, items))
    if any(issubclass(kind, list | np.ndarray) for kind in types):
        return as_array(items, where)
    if types == {tuple}:  # rows of numbers, or labels
        with suppress(ValueError):  # of different lengths: labels
            rows = np.asarray(items)
            return rows if rows.dtype.kind in "biuf" and rows.ndim > 1 else as_objects(items)
    if types == {str} and all("\0" not in item and len(item) <= LONGEST for item in items):
        return np.array(items)
    try:
        return np.array(items, DTYPES[types])
    except (KeyError, OverflowError):  # floats beside an integer too large for a float are numbers, not labels
        return as_objects(items).reshape((-1, 1) if types == NUMBERS else -1)


def as_objects(items: list[Any]) -> NDArray[Any]:
    """Return the items as an array of objects."""
    array = np.empty(len(items), dtype=object)
    for row, item in enumerate(items):  # a slice would take tuples apart
        array[row] = item
    return array


def distinct_labels(column: NDArray[Any], where: str, noun: str = "label") -> NDArray[Any]:
    """Return the distinct labels, in native byte order, sorted if they can be."""
    distinct: dict[Any, Any] = {}
    for start, labels, inverse in _label_blocks(column):
        for index, label in enumerate(labels):
            try:
                is_label = label is not None and bool(label == label)
                distinct.setdefault(_key(label), label)
            except Exception:  # it has no hash, or its comparison has no result
                is_label = False
            if not is_label:
                row = start + int(np.argmax(inverse == index))
                raise DataError(f"{where}: {index_text([row])} is {short_repr(column[row])}, which cannot be a {noun}")
    classes = list(distinct.values())
    with suppress(Exception):  # labels without an order stay in the order of their first appearance
        classes = sorted(classes)
    is_object = column.dtype.kind == "O"
    return as_objects(classes) if is_object else np.array(classes, column.dtype.newbyteorder("="))


def given_classes(classes: Any, where: str) -> NDArray[Any]:
    """Return class labels as they were given, in their order."""
    named = f"{where}: classes"
    is_sequence = isinstance(classes, Sequence | ValuesView) and not isinstance(classes, str | bytes | memoryview)
    labels = from_list(list(classes), named) if is_sequence else as_array(classes, named)
    if labels.ndim != 1 or not len(labels):
        raise DataError(f"{named} has the shape {labels.shape}; allowed: one label or more, each once")
    distinct = distinct_labels(labels, named)
    if len(distinct) < len(labels):
        raise DataError(f"{named} are {list_values(labels.tolist())}; allowed: each once")
    return labels.astype(distinct.dtype, copy=False)


def codes_of(column: NDArray[Any], classes: NDArray[Any], where: str) -> Codes:
    """Return the index of each label in ``classes``."""
    code_of = {_key(label): code for code, label in enumerate(classes.tolist())}
    codes = np.empty(len(column), np.min_scalar_type(len(classes) - 1))
    for start, labels, inverse in _label_blocks(column):
        block = np.array([code_of.get(_key(label), -1) for label in labels])[inverse]
        if (block < 0).any():
            row = start + int(np.argmax(block < 0))
            unseen = f"{index_text([row])} is {short_repr(column[row])}, unseen in training"
            hint = numbers_hint(classes, MANY)
            raise DataError(f"{where}: {unseen}; the labels there are {list_values(classes.tolist())}{hint}")
        codes[start : start + len(block)] = block
    return codes


def group_codes(groups: Any, count: int, where: str) -> NDArray[np.intp]:
    """Return the number of each sample's group, (samples,); equal hashable objects are one group.

    Raises:
        DataError: starting with ``where`` ("training groups"): another shape; None, NaN or an object without a hash.
    """
    is_list = isinstance(groups, Sequence | ValuesView)
    column = as_objects(list(map(as_python, groups))) if is_list else as_array(groups, where)
    column = as_objects(column.tolist()) if column.dtype.kind == "T" else column
    if column.shape != (count,):
        raise DataError(f"{where} has the shape {column.shape}; one group for each of the {count} samples is needed")
    return codes_of(column, distinct_labels(column, where, "group"), where).astype(np.intp)


def numbers_hint(classes: NDArray[Any], more_than: int) -> str:
    """Return how numbers to predict are given, for a message, if there are ``more_than`` so many distinct integers."""
    if classes.dtype.kind not in "iu" or len(classes) <= more_than:
        return ""
    return '; integers are class labels: for numbers to predict set data.target_type = "number" (files), or give floats'


def _label_blocks(column: NDArray[Any]) -> Iterator[tuple[int, list[Any], NDArray[np.intp]]]:
    """Yield a column in blocks: the first row, labels, and the index of each row's label among these."""
    for rows in blocks(column):
        if column.dtype.kind == "O":  # may have no order
            labels, inverse = column[rows], np.arange(len(column[rows]))
        else:
            labels, inverse = np.unique(column[rows], return_inverse=True)
        yield rows.start, labels.tolist(), inverse


def _key(label: Any) -> Any:
    """Return what tells labels apart: in Python True equals 1."""
    return (bool, label) if isinstance(label, bool | np.bool_) else label
