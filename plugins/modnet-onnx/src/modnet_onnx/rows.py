"""Raw rows as a model takes them, and made ones for a network whose samples are not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from modnet import Network
from modnet.core.dataset import Names
from modnet.data.preprocessing import FittedTransform, Preprocessing
from modnet.data.row_source import made_dense
from modnet.data.sparse_rows import SparseRows
from modnet.data.table import Rows, Table, as_table
from modnet.data.texts import number_text

__all__ = ["feeds", "made_rows"]


def feeds(model: onnx.ModelProto, network: Network, rows: Rows) -> dict[str, NDArray[Any]]:
    """Return raw rows, their columns in the order of the network's, as the inputs of a model, by name."""
    table = as_table(rows, network.features)
    raw = table.values[:]
    values = np.asarray(made_dense(raw, "x")[:] if isinstance(raw, SparseRows) else raw)
    found = {}
    for index, given in enumerate(model.graph.input):
        kind = given.type.tensor_type.elem_type
        if kind == onnx.TensorProto.STRING:
            found[given.name] = _texts(values[:, index], table, index)[:, None]
            continue
        cells = values if len(model.graph.input) == 1 else values[:, index : index + 1]
        found[given.name] = cells.astype(onnx.helper.tensor_dtype_to_np_dtype(kind))
    return found


def _texts(column: NDArray[Any], table: Table, index: int) -> NDArray[Any]:
    """Return the texts of a column; "" for one that is missing."""
    known = table.texts.get(index)
    texts = [
        "" if cell != cell else number_text(cell) if known is None else known[int(cell)] for cell in column.tolist()
    ]
    return np.array(texts, dtype=object)


def made_rows(network: Network, count: int = 256, seed: int = 0) -> Rows:
    """Return raw rows that look a little like those of the training, as its transforms have seen them.

    Numbers are drawn from the standard normal distribution, and the transforms that can be undone are; texts are
    categories that a transform knows.
    """
    rng = np.random.default_rng(seed)
    preprocessing = network.preprocessing
    if preprocessing is None:
        return rng.standard_normal((count, *network.raw_shape)).astype(network.dtype)
    kinds = preprocessing.kinds
    values = rng.standard_normal((count, len(kinds)))
    uses = _uses(preprocessing)
    texts: dict[int, NDArray[Any]] = {}
    for raw, steps in enumerate(uses):
        found = (_categories(step, place) for step, place in steps)
        known = next((categories for categories in found if categories is not None), None)
        if kinds[raw] == "text":
            texts[raw] = np.array(["a"], dtype=object) if known is None else known
            values[:, raw] = rng.integers(len(texts[raw]), size=count)
        elif known is not None:
            values[:, raw] = rng.choice(np.array([float(text) for text in known.tolist()]), count)
        else:
            for step, place in reversed(steps):
                if step.transform.invertible:
                    given = np.zeros((count, len(step.columns)))
                    given[:, place] = values[:, raw]
                    values[:, raw] = step.transform.inverse(given, step.state)[:, place]
    shaped = values.reshape(count, *preprocessing.raw_shape)
    names: Names | None = preprocessing.names
    return Table(shaped, names, texts)


def _uses(preprocessing: Preprocessing) -> list[list[tuple[FittedTransform, int]]]:
    """Return of every raw column the transforms that it goes through, and its place among what each is given."""
    uses: list[list[tuple[FittedTransform, int]]] = [[] for _ in preprocessing.kinds]
    columns = [str(origin) for origin in range(len(preprocessing.kinds))]  # their names, in place of the real ones
    for step in preprocessing.steps:
        given = [columns[column] for column in step.columns]
        for place, name in enumerate(given):
            if name.isdecimal():
                uses[int(name)].append((step, place))
        results = list(step.transform.output_names(given, step.state))
        if len(results) != len(given):
            gone = set(step.columns)
            columns = [name for column, name in enumerate(columns) if column not in gone] + results
    return uses


def _categories(step: FittedTransform, place: int) -> NDArray[Any] | None:
    """Return the texts that a transform of categories knows of one of its columns, or None for another transform."""
    if "categories" not in step.state or "counts" not in step.state:
        return None
    ends = np.cumsum(step.state["counts"].astype(np.intp))
    found: NDArray[Any] = np.split(step.state["categories"], ends[:-1])[place]
    return found
