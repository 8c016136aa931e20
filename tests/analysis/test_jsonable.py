"""Results as JSON has them, each form against what the standard library's encoder and decoder make of it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modnet.analysis.jsonable import jsonable
from modnet.analysis.trace.abbreviate import abbreviate


@dataclass(frozen=True)
class Pair:
    name: str
    values: np.ndarray


@dataclass(frozen=True)
class Named:
    value: float

    def to_dict(self) -> dict[str, Any]:
        return {"own": self.value}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.1, 0.1),
        ("δ", "δ"),
        (math.nan, None),
        (-math.inf, None),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("cat"), "cat"),
        (np.array(2.5), 2.5),
        (np.array([[1.0, np.inf], [np.nan, 2.0]]), [[1.0, None], [None, 2.0]]),
        (np.array(["a", "b"]), ["a", "b"]),
        ((1, (2.0, math.inf)), [1, [2.0, None]]),
        ({"a": (np.nan,)}, {"a": [None]}),
        (Pair("p", np.arange(3)), {"name": "p", "values": [0, 1, 2]}),
        (Named(1.5), {"own": 1.5}),
        ([Named(1.5), Pair("q", np.empty(0))], [{"own": 1.5}, {"name": "q", "values": []}]),
        (Path("run"), "run"),
    ],
    ids=repr,
)
def test_every_form(value: object, expected: object) -> None:
    plain = jsonable(value)
    assert plain == expected
    assert type(plain) is type(expected)
    assert json.loads(json.dumps(plain, allow_nan=False)) == expected


def test_arrays_may_be_abbreviated_wherever_they_are() -> None:
    values = np.arange(24.0).reshape(2, 12)
    excerpt = {"shape": [2, 12], "entries": [[0, 1], [0, 1, 2, 11]], "values": [[0, 1, 2, 11], [12, 13, 14, 23]]}
    assert jsonable({"pairs": (Pair("p", values),)}, abbreviate) == {"pairs": [{"name": "p", "values": excerpt}]}
