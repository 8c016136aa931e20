"""The rows of several processes: all of a batch, each once, and each process reads its own and no others."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from engines.loops import LoopPrograms

from modnet.data.labels import Targets
from modnet.data.prepared import Samples
from modnet.engines.compiled.samples import DeviceSamples
from modnet.engines.compiled.share import Share

CASES = list(itertools.product([1, 2, 3, 4], [1, 2, 5, 8], [1, 7, 16, 20]))


@pytest.mark.parametrize(("count", "batch", "length"), CASES)
def test_every_row_is_one_processs_and_the_places_are_equal(count: int, batch: int, length: int) -> None:
    rows = np.random.default_rng(length).permutation(50)[:length]
    starts = range(0, length, batch)
    for given in (rows, slice(10, 10 + length)):
        numbers = np.arange(10, 10 + length) if isinstance(given, slice) else rows
        found = [Share(index, count).rows(given, batch) for index in range(count)]
        if count == 1:
            assert found[0] is given
            continue
        size = Share(0, count).size(batch)
        assert [len(own) for own in found] == [size * len(starts)] * count
        for number, start in enumerate(starts):
            whole = np.concatenate([own[number * size : (number + 1) * size] for own in found])
            here = numbers[start : start + batch]
            np.testing.assert_array_equal(whole[: len(here)], here)
            assert set(whole[len(here) :]) <= {numbers[0]}


class Rows:
    """Rows that remember which of them were read."""

    dtype, shape = np.dtype(np.float64), (60, 3)

    def __init__(self) -> None:
        self.read: set[int] = set()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        self.read |= set(np.arange(60)[rows].tolist())
        return np.zeros((60, 3))[rows]


class Programs:
    share = Share(1, 3)
    put_rows = LoopPrograms.put
    put = LoopPrograms.put


def test_a_process_reads_its_own_rows_of_a_source_that_does_not_fit() -> None:
    x: Any = Rows()
    programs: Any = Programs()
    samples = DeviceSamples(Samples(x, Targets.fit(np.arange(60) % 2, 60, "y")), programs, memory=1)
    order = np.random.default_rng(0).permutation(60)
    parts = [order[:24], order[24:48], order[48:]]
    chunks = list(samples.chunks(parts, 6, 4))
    samples.close()
    assert [(len(data["x"]), start) for data, start in chunks] == [(8, 0)] * 3
    own = np.concatenate([order[start + 2 : start + 4] for start in range(0, 60, 6)])
    assert x.read == set(own.tolist())
