"""Fitted transforms in a model file: their states as tensors, and all else as a table of the metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from modnet.core.component import Slot
from modnet.core.dataset import Names
from modnet.core.errors import DataError
from modnet.core.interfaces import Transform
from modnet.core.messages import short_repr
from modnet.data.preprocessing import FittedTransform, Preprocessing
from modnet.data.table import Kind, Table

__all__ = ["StoredTransforms", "transform_tensors"]

MOST_COLUMNS = 1 << 20
"""How many columns transforms may take that have stored fewer numbers."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)


class _StoredTransform(_Strict):
    """A transform, the columns that it is applied to, and the texts in its state."""

    transform: Annotated[Transform, Slot()]
    columns: list[NonNegativeInt] = Field(min_length=1)
    texts: dict[str, list[str]]


class StoredTransforms(_Strict):
    """The transforms of the samples, or of the targets."""

    raw_shape: list[PositiveInt] = Field(min_length=1, max_length=32)
    text_columns: list[NonNegativeInt]
    sample_shape: list[PositiveInt] = Field(min_length=1, max_length=32)
    steps: list[_StoredTransform]

    @classmethod
    def table_of(cls, preprocessing: Preprocessing | None) -> dict[str, Any] | None:
        """Return the table that is stored, or None; a state that cannot be is a ValueError."""
        if preprocessing is None:
            return None
        steps = []
        for step in preprocessing.steps:
            _check_state(step)
            texts = {name: values.tolist() for name, values in step.state.items() if values.dtype == object}
            transform = step.transform.model_dump(mode="json", exclude_none=True)
            steps.append({"transform": transform, "columns": list(step.columns), "texts": texts})
        return {
            "raw_shape": list(preprocessing.raw_shape),
            "text_columns": [column for column, kind in enumerate(preprocessing.kinds) if kind == "text"],
            "sample_shape": list(preprocessing.sample_shape),
            "steps": steps,
        }

    def restored(
        self, names: Names | None, sample_shape: tuple[int, ...], tensors: Mapping[str, NDArray[Any]], prefix: str
    ) -> Preprocessing:
        """Return the transforms with their states; what does not fit together is a ValueError."""
        if tuple(self.sample_shape) != sample_shape:
            raise ValueError(f"its transforms give samples of shape {self.sample_shape}, not {list(sample_shape)}")
        count, stored = math.prod(self.raw_shape), sum(values.size for values in tensors.values())
        if count > max(MOST_COLUMNS, stored):
            raise ValueError(f"its transforms take {short_repr(count)} columns; {stored} numbers of them are stored")
        if any(column >= count for column in self.text_columns):
            raise ValueError(f"text_columns: there are {count} columns")
        text = set(self.text_columns)
        kinds: tuple[Kind, ...] = tuple("text" if column in text else "number" for column in range(count))
        steps = []
        for index, each in enumerate(self.steps):
            state: dict[str, NDArray[Any]] = {name: np.array(texts, dtype=object) for name, texts in each.texts.items()}
            start = f"{prefix}{index}."
            state |= {name.removeprefix(start): tensors[name] for name in tensors if name.startswith(start)}
            label = each.transform.kind
            steps.append(FittedTransform(each.transform, tuple(each.columns), state, label))
            _check_state(steps[-1])
        restored = Preprocessing(tuple(self.raw_shape), kinds, names, tuple(steps), sample_shape)
        _try(restored)
        return restored


def _try(preprocessing: Preprocessing) -> None:
    """Apply the transforms to no rows: states of other columns or results of another shape are a ValueError."""
    try:
        results = preprocessing.apply(Table(np.empty((0, *preprocessing.raw_shape))), np.dtype(np.float64), "x")
        if len(preprocessing.output_names) != int(np.prod(results.shape[1:])):
            raise ValueError(f"they give {len(preprocessing.output_names)} columns, the network takes {results.shape}")
    except KeyError as error:
        raise ValueError(f"its transforms cannot be applied: no {error} is stored") from None
    except (DataError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"its transforms cannot be applied: {error}") from None


def _check_state(step: FittedTransform) -> None:
    for name, values in step.state.items():
        is_text = values.dtype == object and values.ndim == 1 and all(isinstance(text, str) for text in values)
        if not is_text and values.dtype != np.float64:
            allowed = "arrays of float64, and one-dimensional ones of text"
            raise ValueError(f"{step.label}: its state {name!r} is of {values.dtype}; allowed: {allowed}")


def transform_tensors(preprocessing: Preprocessing | None, prefix: str) -> dict[str, NDArray[Any]]:
    """Return the numbers in the states of transforms, by their names in a file."""
    return {
        f"{prefix}{index}.{name}": values
        for index, step in enumerate(() if preprocessing is None else preprocessing.steps)
        for name, values in step.state.items()
        if values.dtype != object
    }
