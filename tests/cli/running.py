"""Running the command in this process, data to run it on, and what a run leaves behind."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import modnet as tested
from modnet.cli import main

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(tested.__file__).parents[1])}
"""For processes of their own, so that they test what this one does, installed or not."""
COMMAND = (sys.executable, "-W", "error", "-m", "modnet")


def process(
    folder: Path, *arguments: str, stdin: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``modnet`` as a process of its own, with the content of a file as its standard input."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        input=None if stdin is None else stdin.read_text(),
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Result:
    """What a person sees of one call."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Modnet = Callable[..., Result]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Modnet:
    """Return a function that runs ``modnet`` with some arguments."""

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["modnet", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = 0 if end.code is None else int(end.code)
        return Result(code, *capsys.readouterr())

    return call


def table_in(lines: Sequence[str], rows: int) -> tuple[str, list[str], list[list[str]]]:
    """Return title, columns and some rows of the first table that was printed; two spaces end a cell."""
    rule = next(index for index, line in enumerate(lines) if line and set(line) == {"─"})
    names, *cells = (re.split(r"  +", line.strip()) for line in (lines[rule - 1], *lines[rule + 1 : rule + 1 + rows]))
    return lines[rule - 2], names, cells


def history_of(run: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(run) / "history.jsonl").read_text().splitlines()]


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))


def outputs_of(run: str | Path, x: np.ndarray, last: Callable[[np.ndarray], np.ndarray] = sigmoid) -> np.ndarray:
    """Work out the outputs of a run's dense sigmoid network from nothing but the tensors in its file."""
    tensors = load_file(Path(run) / "model.safetensors")
    if "preprocessing.0.shift" in tensors:
        x = (x - tensors["preprocessing.0.shift"]) * tensors["preprocessing.0.factor"]
    count = sum(name.endswith(".weights") for name in tensors)
    for index in range(count):
        z = x @ tensors[f"layers.{index}.weights"].T + tensors[f"layers.{index}.biases"]
        x = last(z) if index == count - 1 else sigmoid(z)
    return x


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


@dataclass(frozen=True)
class Flowers:
    """Four measures of three sorts, told apart with ease; the sorts have text for names."""

    x: np.ndarray
    names: np.ndarray
    columns = ("length", "width", "height", "weight")
    train = ("--set", "data.kind=csv", "--set", "data.path=flowers.csv", "--set", "data.target=sort", "--set",
             "network.layers=[8, 3]", "--set", "data.transforms=['standard']")  # fmt: skip

    def write(self, path: str, order: Sequence[str] = (*columns, "sort"), rows: slice = slice(None)) -> None:
        table = dict(zip(self.columns, self.x.T.tolist(), strict=True)) | {"sort": self.names.tolist()}
        write_csv(path, order, list(zip(*(table[name] for name in order), strict=True))[rows])
