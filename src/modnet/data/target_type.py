"""What the targets of a file are read as, where the types of its values do not say it."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from modnet.core.errors import DataError
from modnet.core.messages import short_repr

__all__ = ["TYPES", "TargetType", "read_as"]

TargetType: TypeAlias = Literal["auto", "integer", "number"]
TYPES = (
    "what the targets are: labels that are integers, or numbers to predict; with `auto` integers, bools and text are "
    "labels, and floats are numbers"
)


def read_as(y: Any, target_type: TargetType, where: str) -> Any:
    """Return targets, an array or a list of text, as floats (``number``) or integers; with ``auto`` as they are.

    Raises:
        DataError: starting with ``where``: text, or a number that is not whole where labels are wanted.
    """
    if target_type == "auto":
        return y
    array = np.asarray(y)
    wanted = f'data.target_type = "{target_type}" needs'
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: holds text, such as {short_repr(array.ravel()[0])}; {wanted} numbers")
    if target_type == "number":
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # the rest of infinity is NaN, and refused
            is_other = ~(array % 1 == 0)
        if is_other.any():
            row = int(np.argmax(is_other.reshape(len(array), -1).any(axis=1)))
            value = array[row].ravel()[0] if array.ndim == 1 else array[row][is_other[row]][0]
            raise DataError(f"{where}: row {row} (counted from 0) is {value:g}; {wanted} whole numbers")
    return array.astype(np.int64)
