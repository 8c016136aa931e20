from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.running import Flowers, Modnet, Result, runner


@pytest.fixture
def modnet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Modnet:
    """A function that runs ``modnet`` with some arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


@pytest.fixture
def trained(modnet: Modnet) -> Modnet:
    """The same, for calls that must succeed without a word on standard error."""

    def call(*arguments: object) -> Result:
        result = modnet(*arguments)
        assert (result.code, result.err) == (0, "")
        return result

    return call


@pytest.fixture
def flowers(modnet: Modnet, rng: np.random.Generator) -> Flowers:
    """The flowers; ``flowers.csv`` is in the current folder, and has raw measures of very different size."""
    del modnet  # which makes the current folder
    sorts = np.arange(90) % 3
    centres = np.array([[500.0, 2.0, -3.0, 0.001], [530.0, 1.0, 3.0, 0.002], [470.0, 4.0, 0.0, 0.004]])
    x = centres[sorts] + rng.normal(size=(90, 4)) * [5.0, 0.2, 0.5, 0.0003]
    flowers = Flowers(x, np.array(["rose", "größe 3", "lily, white"])[sorts])
    flowers.write("flowers.csv")
    return flowers
