"""The probes of transforms: columns of numbers and of text, and what a transform makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.components.costs import Quadratic
from modnet.components.layers import Dense
from modnet.components.transforms.categories import OneHot
from modnet.core.interfaces import CellError, TransformState
from modnet.data.preprocessing import FittedTransform, Preprocessing
from modnet.data.table import Kind, Table
from modnet.network.network import Network
from modnet.testing.case import Case
from modnet.testing.numeric import normal
from modnet.testing.probe import Arrays, Probe, protect
from modnet.testing.report import FailedError

__all__ = ["WORDS", "Blocks", "apply", "columns_of", "fit_and_apply", "kinds_of", "network_of", "transform_probes"]

Rows = NDArray[Any]

ROWS = 24
WORDS = ("low", "middle", "high")
"""The texts in the columns of text; those of columns of numbers, as text, are beside them."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """The `modnet.ColumnBlocks` of rows in memory, so many at a time."""

    rows: Rows
    size: int = 1 << 12
    eps: float = float(np.finfo(np.float64).eps)

    @property
    def columns(self) -> int:
        """The number of columns."""
        return int(self.rows.shape[1])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Rows]:
        return (self.rows[start : start + self.size] for start in range(0, len(self), self.size))


def kinds_of(case: Case) -> list[Kind]:
    """Return the types of columns that a transform is for."""
    takes = case.component.takes
    return ["number", "text"] if takes == "all" else [takes]


def columns_of(case: Case, seed: int = 0) -> dict[str, Rows]:
    """Return columns that the transform takes, (rows, 1) and (rows, 3), by what they hold.

    Columns of numbers are tried with both signs, above 0, between 0 and 1, and as counts.

    Raises:
        FailedError: it takes none of those that are tried.
    """
    taken, reason = {}, ""
    for name, rows in _candidates(case, seed).items():
        try:
            fit_and_apply(case, rows)
        except CellError as error:
            reason = f"{name}: column {error.column} {error}"
        else:
            taken[name] = rows
    if not taken:
        raise FailedError(f"takes none of the columns that were tried ({reason})")
    return taken


def _candidates(case: Case, seed: int) -> dict[str, Rows]:
    rng, three = np.random.default_rng([61, seed]), normal(seed, ROWS, 3)
    columns: dict[str, Rows] = {}
    if "number" in kinds_of(case):
        columns = {
            "numbers": three * [1.0, 30.0, 1e-3] + [0.0, 5.0, 0.0],
            "numbers above 0": np.exp(three),
            "numbers between 0 and 1": rng.uniform(0.05, 0.95, (ROWS, 3)),
            "counts": rng.integers(0, 9, (ROWS, 3)).astype(np.float64),
        }
    if "text" in kinds_of(case):
        texts = rng.permuted(np.resize(np.array(WORDS, dtype=object), (3, ROWS)), axis=1).T.copy()
        columns |= {"text": texts, "text and numbers as text": texts.copy()}
        columns["text and numbers as text"][:, 1] = np.resize(np.array(["1", "2.5", "-3"], dtype=object), ROWS)
    return columns | {f"{name}, one column": rows[:, :1].copy() for name, rows in columns.items()}


def apply(case: Case, rows: Rows, state: TransformState) -> Rows:
    """Return the transformed rows; as in a network, what overflows is infinite, for an error that comes later."""
    case.component.check(rows, state)
    with np.errstate(over="ignore", invalid="ignore"):
        results: Rows = case.component(rows, state)
    return results


def fit_and_apply(case: Case, rows: Rows, size: int = 1 << 12) -> tuple[Mapping[str, Any], Rows]:
    """Return the state after rows that are read block by block, and these rows transformed."""
    state = case.component.fit(Blocks(rows, size))
    return state, apply(case, rows, state)


def transform_probes(case: Case, seed: int) -> list[Probe]:
    """Return the probes of a transform: it is fitted, applied, and undone if it can be."""

    def use(x: Rows) -> Arrays:
        state = protect(dict(case.component.fit(Blocks(x, 8))), x)
        results = {f"state {name!r}": values for name, values in state.items()}
        results["results"] = protect(apply(case, x, state), x)
        if case.component.invertible and x.dtype != object:
            results["inverse"] = case.component.inverse(results["results"], state)
        return results

    return [Probe(f"transform of {name}", use, {"x": rows}) for name, rows in columns_of(case, seed).items()]


def network_of(case: Case, rows: Rows) -> tuple[Network, Table]:
    """Return a small network that transforms these columns, and the columns as a table."""
    state, results = fit_and_apply(case, rows)
    count = rows.shape[1]
    kind: Kind = "text" if rows.dtype == object else "number"
    steps = [FittedTransform(case.component, tuple(range(count)), state, "the transform")]
    if results.dtype == object:
        encoder = OneHot(unknown="ignore")
        texts = encoder.fit(Blocks(results))
        steps.append(FittedTransform(encoder, tuple(range(results.shape[1])), texts, "one-hot"))
        results = encoder(results, texts)
    shape = (results.shape[1],)
    network = Network([Dense(units=2)], shape, Quadratic(), rng=np.random.default_rng(62))
    network.preprocessing = Preprocessing((count,), (kind,) * count, None, tuple(steps), shape)
    return network, _table(rows)


def _table(rows: Rows) -> Table:
    if rows.dtype != object:
        return Table(rows)
    codes, texts = np.empty(rows.shape), {}
    for column in range(rows.shape[1]):
        distinct, codes[:, column] = np.unique(rows[:, column].astype(str), return_inverse=True)
        texts[column] = distinct.astype(object)
    return Table(codes, None, texts)
