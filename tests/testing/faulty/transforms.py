"""Faulty transforms."""

# ruff: noqa: ARG002 -- faulty components ignore their arguments

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from testing.faulty.record import found_by

from modnet import CellError, Transform
from modnet.components.transforms.categories import OneHot, Ordinal
from modnet.components.transforms.numbers import MinMax, Passthrough, Standard


@found_by("columns-match-takes", 'columns: modnet.ColumnChoice = modnet.columns_field("text")')
class OnNumbers(Transform):
    """The length of each text; applied to columns of numbers."""

    kind: Literal["on-numbers"] = "on-numbers"
    takes: ClassVar[Literal["number", "text", "all"]] = "text"

    def fit(self, rows):
        return {}

    def __call__(self, rows, state):
        return np.array([[float(len(text)) for text in row] for row in rows]).reshape(rows.shape)


@found_by("state-can-be-stored", "state 'count' is int64, 1-dimensional; allowed: arrays of float64")
class Counts(Standard):
    """Counts in integers."""

    kind: Literal["counts"] = "counts"

    def fit(self, rows):
        return {**super().fit(rows), "count": np.array([len(rows)])}


@found_by("state-can-be-stored", "state 'levels' is object, 2-dimensional")
class TableOfText(Ordinal):
    """Texts in rows and columns."""

    kind: Literal["table-of-text"] = "table-of-text"

    def fit(self, rows):
        return {**super().fit(rows), "levels": np.array([["low", "high"]], dtype=object)}


@found_by("fit-in-blocks", "1 rows at a time: state 'shift' is not that of all at once")
class LastBlock(Standard):
    """x less the first number of the last block."""

    kind: Literal["last-block"] = "last-block"

    def fit(self, rows):
        *_, last = rows
        return {"shift": last[0].copy(), "factor": np.ones(rows.columns)}


@found_by("results-match-names", "results share memory with the rows; return a new array")
class SameArray(Passthrough):
    """The rows themselves."""

    kind: Literal["same-array"] = "same-array"

    def __call__(self, rows, state):
        return rows


@found_by("results-match-names", "results should have the shape (24, 3), got (24, 6)")
class Unnamed(Standard):
    """Each number twice, and a name for one of them."""

    kind: Literal["unnamed"] = "unnamed"
    invertible: ClassVar[bool] = False

    def __call__(self, rows, state):
        return np.concatenate([rows, rows], axis=1)


@found_by("results-match-names", "output_names gives the same name to two columns: ['on', 'on', 'on']")
class SameName(Standard):
    """Columns of one name."""

    kind: Literal["same-name"] = "same-name"

    def output_names(self, names, state):
        return ["on" for _ in names]


@found_by("results-match-names", "results are float32; allowed: float64, or objects that are text or None")
class Single(Standard):
    """Numbers in float32."""

    kind: Literal["single"] = "single"

    def __call__(self, rows, state):
        return super().__call__(rows, state).astype(np.float32)


@found_by("rows-apart", "the results of row 0 alone are not those of all: at [0, 0] expected")
class OfTheseRows(Standard):
    """x less the mean of the rows that it is given."""

    kind: Literal["of-these-rows"] = "of-these-rows"

    def __call__(self, rows, state):
        return rows - (rows.mean(axis=0) if len(rows) else 0.0)


@found_by("rows-apart", "the results without rows are not those of all: expected the shape (0, 3), got (1, 3)")
class AtLeastOneRow(Standard):
    """A row where there is none."""

    kind: Literal["at-least-one-row"] = "at-least-one-row"

    def __call__(self, rows, state):
        return super().__call__(rows, state) if len(rows) else np.zeros((1, rows.shape[1]))


@found_by("missing-values", "a value is missing in training, and another row has a missing result")
class SpreadsMissing(Transform):
    """x less a mean that is NaN if one value is."""

    kind: Literal["spreads-missing"] = "spreads-missing"
    takes_missing: ClassVar[bool] = True

    def fit(self, rows):
        return {"mean": np.concatenate(list(rows)).mean(axis=0)}

    def __call__(self, rows, state):
        return rows - state["mean"]


@found_by("missing-values", "takes_missing = True, but a missing value in training is missing")
class RefusesMissing(Transform):
    """Says that it takes what it refuses."""

    kind: Literal["refuses-missing"] = "refuses-missing"
    takes_missing: ClassVar[bool] = True

    def fit(self, rows):
        for block in rows:
            if np.isnan(block).any():
                raise CellError("is missing", int(np.argwhere(np.isnan(block))[0, 1]))
        return {}

    def __call__(self, rows, state):
        return rows.copy()


@found_by("unknown-text", "with an unknown text should be taken, or raise a CellError; got KeyError")
class LooksUp(OneHot):
    """An error of Python where a text is unknown."""

    kind: Literal["looks-up"] = "looks-up"

    def __call__(self, rows, state):
        known = {text: float(code) for code, text in enumerate(state["categories"])}
        return np.array([known[text] for text in rows.flat]).reshape(rows.shape)


@found_by("unknown-text", "the row is 5")
class NoRow(Ordinal):
    """An error that does not say which row it means."""

    kind: Literal["no-row"] = "no-row"

    def __call__(self, rows, state):
        try:
            return super().__call__(rows, state)
        except CellError as error:
            raise CellError(str(error), error.column) from None


@found_by("unusual-columns", "fit of numbers, one of 0: divide by zero")
class DividesByZero(Standard):
    """z of a constant column is 0 / 0."""

    kind: Literal["divides-by-zero"] = "divides-by-zero"

    def fit(self, rows):
        values = np.concatenate(list(rows))
        return {"shift": values.mean(axis=0), "factor": 1.0 / values.std(axis=0)}


@found_by("unusual-columns", "column=0, row=None); the column is 1")
class FirstColumn(MinMax):
    """Errors name the first column, whichever it is."""

    kind: Literal["first-column"] = "first-column"

    def fit(self, rows):
        try:
            return super().fit(rows)
        except CellError as error:
            raise CellError(str(error), 0) from None


@found_by("inverse-undoes", "should give what was transformed: at [0, ")
class HalfUndone(Standard):
    """An inverse without the mean."""

    kind: Literal["half-undone"] = "half-undone"

    def inverse(self, rows, state):
        return rows / state["factor"]


@found_by("inverse-undoes", "raised NotImplementedError")
class NotUndone(Transform):
    """Says that there is an inverse."""

    kind: Literal["not-undone"] = "not-undone"
    invertible: ClassVar[bool] = True

    def fit(self, rows):
        return {}

    def __call__(self, rows, state):
        return 2.0 * rows


@found_by("inputs-not-modified", "modifies its input")
class WritesToRows(Standard):
    """x less the mean, in the rows that are given."""

    kind: Literal["writes-to-rows"] = "writes-to-rows"

    def __call__(self, rows, state):
        rows -= state["shift"]
        return rows.copy()


@found_by("rows-apart", "takes none of the columns that were tried (counts, one column: column 0 is not wanted)")
class TakesNothing(Standard):
    """Refuses every column."""

    kind: Literal["takes-nothing"] = "takes-nothing"

    def fit(self, rows):
        raise CellError("is not wanted", 0)


@found_by("save-and-load", "the network predicts something else from numbers after it was saved and loaded")
class Remembers(Standard):
    """x less a mean that is not in the state."""

    kind: Literal["remembers"] = "remembers"

    def __call__(self, rows, state):
        return rows - state["shift"] if id(state) in _FITTED else rows.copy()

    def fit(self, rows):
        state = super().fit(rows)
        _FITTED[id(state)] = state
        return state


_FITTED = {}
