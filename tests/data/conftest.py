from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mnist() -> Path:
    """The folder with the four files of MNIST."""
    folder = os.environ.get("MODNET_MNIST")
    if not folder:
        pytest.skip("MODNET_MNIST names no folder with the MNIST files")
    return Path(folder)
