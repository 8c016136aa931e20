"""The command in this process, and searches that take a moment."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[3] / "tests"))  # helpers of the repository's own tests

from modnet.core.errors import ModnetError


@dataclass(frozen=True)
class Result:
    """What a person sees of one call."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def python_s_own_sigint() -> Iterator[None]:
    """A shell's background job ignores SIGINT, and so would everything that the tests start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """A function that runs ``modnet tune`` with some arguments."""
    from modnet.cli import main

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["modnet", "tune", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = 0 if end.code is None else int(end.code)
        return Result(code, *capsys.readouterr())

    return call


@pytest.fixture
def refused() -> Callable[..., str]:
    """A function that returns the one line with which something is refused."""

    def call(function: Callable[..., object], *arguments: Any, **options: Any) -> str:
        with pytest.raises(ModnetError) as caught:
            function(*arguments, **options)
        text = str(caught.value)
        assert len(text.splitlines()) == 1
        return text

    return call
