"""Transform: what is done with columns of a table before they enter the network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, WithJsonSchema

from modnet.core.arrays import namespace
from modnet.core.component import Component
from modnet.core.messages import short_repr

__all__ = ["CellError", "ColumnBlocks", "ColumnChoice", "Transform", "TransformState", "columns_field", "is_missing"]

TransformState: TypeAlias = Mapping[str, NDArray[Any]]
"""What a transform has learnt, by name: arrays of float64, or of text (dtype ``object``, one-dimensional)."""

_TYPES = ("number", "text", "all")


def _read_columns(value: Any) -> Any:
    columns = (value,) if type(value) is int else tuple(value) if isinstance(value, list | tuple) else value
    if isinstance(columns, str) and columns in _TYPES:
        return columns
    is_list = isinstance(columns, tuple) and len(columns) > 0
    if not is_list or not all(type(column) is str or (type(column) is int and column >= 0) for column in columns):
        allowed = '"number", "text", "all", or a list of names and of numbers from 0'
        raise ValueError(f"{short_repr(value)} is no choice of columns; allowed: {allowed}")
    if len(set(columns)) < len(columns):
        raise ValueError(f"{short_repr(list(columns))} names a column twice")
    return columns


ColumnChoice: TypeAlias = Annotated[
    Literal["number", "text", "all"] | tuple[str | int, ...],
    BeforeValidator(_read_columns),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(_TYPES)},
                {
                    "type": "array",
                    "items": {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]},
                    "minItems": 1,
                    "uniqueItems": True,
                },
            ]
        }
    ),
]
"""Columns by their type, or a list of their names and numbers, counted from 0."""


def columns_field(default: Literal["number", "text", "all"]) -> Any:
    """Return the field of the columns that a transform is applied to, with its default."""
    return Field(
        default=default,
        description="the columns that it is applied to: `number`, `text` or `all` for those of a type, or a list of "
        "their names and of their numbers, counted from 0",
    )


class CellError(ValueError):
    """A cell that a transform cannot take, or that it ignores.

    Args:
        problem: What is wrong, which follows the name of the column: "is 'Paris', which the training rows have not".
        column: Its column among those that the transform was given, from 0.
        row: Its row among those that it was given, from 0; None where all of the column is meant.
    """

    def __init__(self, problem: str, column: int, row: int | None = None) -> None:
        super().__init__(problem)
        self.column, self.row = column, row


def is_missing(cells: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where a cell is missing, of the shape of ``cells``: NaN among numbers, None among text (objects)."""
    is_text = cells.dtype == object
    missing: NDArray[np.bool_] = cells == None if is_text else namespace(cells).isnan(cells)  # noqa: E711 -- of each
    return missing


class ColumnBlocks(Protocol):
    """The columns that a transform is fitted to, some thousand rows at a time.

    It may be iterated over several times: each time it yields the same arrays, (rows, columns), in the order of the
    rows. Columns of numbers are float64, with NaN where a value is missing; columns of text are arrays of objects that
    are text, or None where one is missing.
    """

    @property
    def columns(self) -> int:
        """The number of columns."""

    @property
    def eps(self) -> float:
        """The relative precision of the numbers as they were given: ε of float32 or of float64."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield the rows, block by block."""


class Transform(Component):
    """What is done with some columns of the samples before they enter the network, or with the targets.

    It is fitted to the training rows alone, and what it has learnt, its state, is kept with the model. Each row is
    transformed by itself. The columns that it is applied to are replaced by its results: in their places if there are
    as many, else at the end. Columns of numbers and columns of text are transformed apart from each other.

    Attributes:
        takes: What it is for: ``number``, ``text`` (columns of numbers are then given as text), or ``all``.
        takes_missing: Whether values may be missing in what it is given.
        invertible: Whether it has an `inverse`, so that it can be applied to targets.
    """

    family: ClassVar[str] = "transform"
    takes: ClassVar[Literal["number", "text", "all"]] = "number"
    takes_missing: ClassVar[bool] = False
    invertible: ClassVar[bool] = False

    columns: ColumnChoice = columns_field("number")

    @abstractmethod
    def fit(self, rows: ColumnBlocks) -> dict[str, NDArray[Any]]:
        """Return the state after these training rows: arrays of float64, or of text (one-dimensional, ``object``).

        Raises:
            CellError: a column cannot be transformed.
        """

    def check(self, rows: NDArray[Any], state: TransformState) -> None:
        """Refuse cells that cannot be transformed; it is called before `__call__`, and by default refuses none.

        Raises:
            CellError: a cell cannot be transformed.
        """
        del rows, state

    @abstractmethod
    def __call__(self, rows: NDArray[Any], state: TransformState) -> NDArray[Any]:
        """Return the transformed rows, (rows, results): a new array of float64, or of text and None.

        One that takes its functions from the array's namespace, and leaves refusing to `check`, can be traced.

        Raises:
            CellError: a cell cannot be transformed.
        """

    def ignored(self, rows: NDArray[Any], state: TransformState) -> Iterable[CellError]:
        """Return what a warning names: cells that are taken although they are not as in training; none by default."""
        del rows, state
        return ()

    def inverse(self, rows: NDArray[np.float64], state: TransformState) -> NDArray[np.float64]:
        """Return the rows that `__call__` makes these of; asked for only where the transform is ``invertible``."""
        raise NotImplementedError

    def output_names(self, names: Sequence[str], state: TransformState) -> Sequence[str]:
        """Return the names of the results for columns of these names: the same, unless overridden."""
        del state
        return names
