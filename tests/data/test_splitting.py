from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modnet.core.errors import DataError
from modnet.data.labels import Targets
from modnet.data.splitting import split


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=6),
    st.floats(0.001, 0.999),
    st.integers(0, 2**32 - 1),
)
def test_split_is_stratified(counts: list[int], share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    y, n = Targets.fit(labels, len(labels), "y"), sum(counts)
    if max(counts) == 1:
        with pytest.raises(DataError, match="a sample to spare"):
            split(y, share, rng)
        return
    train, validation = split(y, share, rng)
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(n))
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    assert (np.bincount(labels[train], minlength=len(counts)) >= 1).all()
    wanted, taken = max(round(share * n), 1), np.bincount(labels[validation], minlength=len(counts))
    assert len(validation) == min(wanted, n - len(counts))
    if all(share * count <= count - 1 for count in counts) and wanted == round(share * n):
        assert (np.abs(taken - share * np.array(counts)) < 1 + 1e-9).all()


@pytest.mark.parametrize(
    ("share", "sizes"),
    [
        (0.25, [3, 3, 4]),  # quotas 2.5, 3.5, 4.0 of 10
        (0.3, [3, 4, 5]),  # quotas 3.0, 4.2, 4.8 of 12
        (0.17, [2, 2, 3]),  # quotas 1.7, 2.38, 2.72 of 7
    ],
)
def test_largest_remainders_get_what_is_left(share: float, sizes: list[int]) -> None:
    y = Targets.fit([0] * 10 + [1] * 14 + [2] * 16, 40, "y")
    validation = split(y, share, np.random.default_rng(0))[1]
    assert y.codes is not None
    assert np.bincount(y.codes[validation]).tolist() == sizes


def test_split_depends_on_the_generator_alone() -> None:
    y = Targets.fit(list(range(4)) * 10, 40, "y")
    first, same, different = (split(y, 0.2, np.random.default_rng(seed))[1].tolist() for seed in (1, 1, 2))
    assert first == same != different


def test_numbers_are_sampled_without_classes() -> None:
    y = Targets.fit(np.linspace(0, 1, 11), 11, "y")
    train, validation = split(y, 0.3, np.random.default_rng(0))
    assert (len(train), len(validation)) == (8, 3)
    assert sorted([*train, *validation]) == list(range(11))
    assert len(split(y, 0.001, np.random.default_rng(0))[1]) == 1
    with pytest.raises(DataError, match=r"validation_share = 0.5"):
        split(Targets.fit([1.0], 1, "y"), 0.5, np.random.default_rng(0))
