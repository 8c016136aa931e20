from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

# The tests run whether or not the distribution is installed; what is installed goes first.
if importlib.util.find_spec("modnet_jax") is None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep programs of the tests in a folder of theirs, commands that they run included."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(37, 5))
    return x, (x[:, 0] + 0.3 * x[:, 1] > 0).astype(int)
