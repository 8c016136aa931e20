"""Fixtures that several test files share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import hypothesis
import numpy as np
import pytest

hypothesis.settings.register_profile("modnet", deadline=None)  # no test depends on how busy a machine is
hypothesis.settings.load_profile("modnet")


@pytest.fixture(scope="session", autouse=True)
def python_s_own_sigint() -> Iterator[None]:
    """A shell's background job ignores SIGINT, and so would everything that the tests start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)
