"""Samples on the device, and read in chunks where they do not fit: the same bits, whatever they are read from."""

from __future__ import annotations

import logging
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from trained import agree, bits, fit, table

from modnet import DataError, Trainer
from modnet.data import validation

CHUNKS = {"kind": "jax", "device_memory": 1e-9}


@pytest.mark.parametrize("changes", [{}, {"shuffle": False}, {"kind": "batch"}, {"kind": "stochastic"}])
def test_chunks_give_the_same_bits(data: Any, changes: dict[str, Any]) -> None:
    assert bits(fit(data, CHUNKS, **changes)) == bits(fit(data, **changes))


def test_weights_and_numbers_are_read_in_chunks_too(data: Any) -> None:
    x, _ = data
    given = x, x[:, :2] ** 2
    weights = np.linspace(0.0, 2.0, len(x))
    assert bits(fit(given, CHUNKS, sample_weight=weights)) == bits(fit(given, sample_weight=weights))
    agree(given, sample_weight=weights)


def test_a_file_of_rows_takes_little_more_memory_than_on_the_numpy_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "BLOCK_BYTES", 1 << 20)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40_000, 100)))
    x, y = np.load(tmp_path / "x.npy", mmap_mode="r"), np.arange(40_000) % 2
    peaks = []
    for engine in (CHUNKS, "numpy"):
        trainer = Trainer.from_config(table(engine, batch_size=100, epochs=1))
        trainer.fit(x[9_998::-1], y[:9_999])  # what is imported and compiled is no part of it
        tracemalloc.start()
        trainer.fit(x[::-1], y)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] - peaks[1] < 4 * 4096 * 800 < x.nbytes / 2  # some chunks


def test_sparse_rows_are_made_dense(data: Any, caplog: pytest.LogCaptureFixture) -> None:
    x = np.where(data[0] > 0.5, data[0], 0.0)
    with caplog.at_level(logging.WARNING, "modnet"):
        sparse = bits(fit((csr_array(x), data[1])))
    assert "dense" in caplog.text
    assert sparse == bits(fit((x, data[1])))


class Breaks:
    """Rows of a file whose disk breaks after some reads."""

    def __init__(self, array: np.ndarray, reads: int) -> None:
        self.array, self.shape, self.dtype, self.left = array, array.shape, array.dtype, reads

    def __getitem__(self, rows: Any) -> np.ndarray:
        self.left -= 1
        if self.left < 0:
            raise OSError("the disk is gone")
        return self.array[rows]

    def __len__(self) -> int:
        return len(self.array)


def test_a_source_that_fails_in_the_middle_is_the_same_error() -> None:
    x, y = np.random.default_rng(0).normal(size=(9000, 5)), np.arange(9000) % 2
    with pytest.raises(DataError, match="the disk is gone"):
        Trainer.from_config(table(CHUNKS, epochs=5)).fit(Breaks(x, 12), y)
