"""The folds of a comparison: beside a test part of the same file, and of groups."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from modnet import Data, RunConfig
from modnet.analysis.comparison.grid import Combination
from modnet.analysis.comparison.plan import DataCache, Task, make_plan
from modnet.training.setup import Part, split_data

X = np.arange(120.0).reshape(60, 2)
Y = np.arange(60) % 3
GROUPS = [f"patient {row // 4}" for row in range(60)]
CONFIG: dict[str, Any] = {"epochs": 1, "network": {"layers": [4, 3]}}


def runs(data: Data, folds: int, **options: Any) -> list[tuple[Task, dict[str, Part]]]:
    """Return the runs of a comparison of one configuration, and the parts that each has."""
    config = RunConfig.model_validate({**CONFIG, "data": {"kind": "digits", **options}})
    cache = DataCache(data)
    combinations = [Combination({}, config)]
    plan = make_plan(combinations, 1, folds, None, cache, in_memory=True, with_records=False)
    return [(task, split_data(task.config, task.data(cache))) for task in plan.tasks]


def rows_of(part: Part) -> list[int]:
    """Return the numbers of rows: each says its own."""
    return (np.asarray(part.x)[:, 0] / 2).astype(int).tolist()


def test_the_test_part_is_in_no_fold() -> None:
    found = runs(Data((X, Y)), 4, test_share=0.2)
    tests = {tuple(rows_of(parts["test"])) for _, parts in found}
    assert [len(rows) for rows in tests] == [12]
    held_out = [rows_of(parts["validation"]) for _, parts in found]
    assert sorted(chain(*held_out, tests.pop())) == list(range(60))
    for (task, parts), rows in zip(found, held_out, strict=True):
        assert task.held_out is not None
        assert rows == task.held_out["validation"].tolist()
        assert np.bincount(Y[rows]).tolist() == [4, 4, 4]
        assert sorted(chain(*map(rows_of, parts.values()))) == list(range(60))


def test_groups_are_in_one_fold_each() -> None:
    for options in ({}, {"test_share": 0.2}):
        found = runs(Data((X, Y), groups=GROUPS), 3, **options)
        of = [{GROUPS[row] for row in rows_of(parts["validation"])} for _, parts in found]
        of += [{GROUPS[row] for row in rows_of(found[0][1]["test"])}] if options else []
        assert sum(map(len, of)) == len(set.union(*of)) == 15
