"""The transforms of text: each column becomes numbers that stand for its categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modnet.core.interfaces import CellError, ColumnBlocks, ColumnChoice, Transform, TransformState, columns_field
from modnet.core.messages import list_values, short_repr

__all__ = ["OneHot", "Ordinal"]


class _Categories(Transform):
    """The base class of transforms that learn the distinct texts of each column, sorted.

    The state has the sorted ``categories`` of all columns, one after another, and how many (``counts``) each has.
    """

    takes: ClassVar[Literal["number", "text", "all"]] = "text"
    columns: ColumnChoice = columns_field("text")
    unknown: Literal["error", "ignore"] = Field(
        default="error",
        description="what becomes of a text that the training rows do not have: `error`, or `ignore`, which a warning "
        "names",
    )
    unknown_becomes: ClassVar[str]
    """What an ignored text becomes, as the warning says it."""

    @property
    def not_known(self) -> str:
        """What messages say of a text that is none of the categories."""
        return "which the training rows have not"

    def fit(self, rows: ColumnBlocks) -> dict[str, Any]:
        """Return the categories of the training rows."""
        found: list[set[str]] = [set() for _ in range(rows.columns)]
        for block in rows:
            for distinct, column in zip(found, block.T, strict=True):
                distinct.update(column.tolist())
        return self._state([sorted(distinct) for distinct in found])

    def _state(self, categories: Sequence[Sequence[str]]) -> dict[str, Any]:
        texts = np.array([text for column in categories for text in column], dtype=object)
        return {"categories": texts, "counts": np.array(list(map(len, categories)), dtype=np.float64)}

    def _columns(self, state: TransformState) -> list[list[str]]:
        """Return the categories of each column."""
        ends = np.cumsum(state["counts"].astype(np.intp))
        return [part.tolist() for part in np.split(state["categories"], ends[:-1])]

    def _codes(self, rows: NDArray[Any], state: TransformState) -> NDArray[np.intp]:
        """Return the position of each text among the categories of its column, (rows, columns); −1 if unknown."""
        codes = np.empty(rows.shape, np.intp)
        for index, categories in enumerate(self._columns(state)):
            code_of = {text: code for code, text in enumerate(categories)}
            column = rows[:, index].tolist()
            codes[:, index] = [code_of.get(text, -1) for text in column]
            if self.unknown == "error" and (unknown := codes[:, index] < 0).any():
                row = int(np.argmax(unknown))
                known = f"known are {list_values(categories)}"
                problem = f"is {short_repr(column[row])}, {self.not_known}; {known}"
                raise CellError(f'{problem} (unknown = "ignore" allows others)', index, row)
        return codes

    def ignored(self, rows: NDArray[Any], state: TransformState) -> Iterator[CellError]:
        """Yield the first unknown text of each column."""
        if self.unknown == "error":  # then there is none: it has been refused
            return
        for index, categories in enumerate(self._columns(state)):
            column, known = rows[:, index].tolist(), set(categories)
            if known.issuperset(column):
                continue
            unknown = [row for row, text in enumerate(column) if text not in known]
            who = "it becomes" if len(unknown) == 1 else f"{len(unknown):,} such cells of the column become"
            problem = f"is {short_repr(column[unknown[0]])}, {self.not_known}; {who} {self.unknown_becomes}"
            yield CellError(problem, index, unknown[0])


class OneHot(_Categories):
    """One column for each category, 1 in the rows that have it and 0 in all others.

    The results are called column=category. A missing value is an error: `impute` comes before. Source: scikit-learn,
    "Encoding categorical features".
    """

    kind: Literal["one-hot"] = "one-hot"
    also_known_as: ClassVar[tuple[str, ...]] = ("one-hot-encoder", "onehot", "dummies", "get-dummies")
    unknown_becomes: ClassVar[str] = "0 in all columns"

    def __call__(self, rows: NDArray[Any], state: TransformState) -> NDArray[np.float64]:
        """Return rows of 0 and 1, (rows, categories of all columns)."""
        counts = state["counts"].astype(np.intp)
        results = np.zeros((len(rows), int(counts.sum())))
        starts = np.cumsum(counts) - counts
        row, column = np.nonzero((codes := self._codes(rows, state)) >= 0)
        results[row, starts[column] + codes[row, column]] = 1.0
        return results

    def output_names(self, names: Sequence[str], state: TransformState) -> list[str]:
        """Return column=category for each."""
        columns = zip(names, self._columns(state), strict=True)
        return [f"{name}={category}" for name, categories in columns for category in categories]


class Ordinal(_Categories):
    """The position of each category, from 0: for categories that have an order.

    They are in the order of ``categories``, or else sorted as text. An ignored unknown text becomes −1. Source:
    scikit-learn, "Encoding categorical features".
    """

    kind: Literal["ordinal"] = "ordinal"
    also_known_as: ClassVar[tuple[str, ...]] = ("ordinal-encoder", "label-encoder")
    unknown_becomes: ClassVar[str] = "-1"
    categories: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="the categories of the columns, in their order; none means those of the training rows, sorted",
    )

    @property
    def not_known(self) -> str:
        """What messages say of a text that is none of the categories."""
        return super().not_known if self.categories is None else "which is none of `categories`"

    def fit(self, rows: ColumnBlocks) -> dict[str, Any]:
        """Return the given categories, or those of the training rows."""
        return super().fit(rows) if self.categories is None else self._state([self.categories] * rows.columns)

    def __call__(self, rows: NDArray[Any], state: TransformState) -> NDArray[np.float64]:
        """Return positions, (rows, columns)."""
        return self._codes(rows, state).astype(np.float64)
