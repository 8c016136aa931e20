"""Labels, names of columns and of files that a terminal would obey, or that turn the direction of text."""

from __future__ import annotations

import csv
import io
import re
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from cli.running import Modnet, write_csv

LABELS = ("\x1b[31mred", "\u202egpj.exe", "a\x07\u2066b")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(modnet: Modnet, rng: np.random.Generator) -> str:
    columns = ("width\u202e", "\x1b[2Jheight")
    rows = [[*rng.normal(size=2), LABELS[index % 3]] for index in range(30)]
    write_csv("rows\u202e.csv", [*columns, "target"], rows)
    settings = ("data.kind=csv", "data.path='rows\u202e.csv'", "data.target=target", "network.layers=[3]")
    arguments = [word for setting in settings for word in ("--set", setting)]
    result = modnet("train", *arguments, "--epochs", 1, "--out", "run\u202e")
    assert result.code == 0
    assert is_harmless(result.out)
    return "run\u202e"


def is_harmless(text: str) -> bool:
    text = re.sub("\x1b\\[[01]m", "", text)  # the bold letters of a table's head
    return all(letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs") for letter in text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("plot", "--json", "--plot", "figure.svg"),
        ("plot",),
        ("evaluate",),
        ("dampening", "--no-suggestion"),
        ("explain",),
        ("trace",),
        ("evaluate", "--data", "none\u202e.csv"),
        ("report", "--no-suggestion", "--out", "page\u202e.html"),
    ],
)
def test_commands_escape_it(
    modnet: Modnet, run: str, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr("modnet.analysis.plots.figure.figure_bytes", lambda *_: b"<svg/>")
    terminal = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        result = modnet(arguments[0], run, *arguments[1:])
    assert is_harmless(terminal.getvalue())
    assert is_harmless(result.err)
    assert result.code == (2 if "--data" in arguments else 0)
    if arguments == ("plot",):
        assert all(ascii(label)[1:-1] in terminal.getvalue() for label in LABELS)
    if arguments[0] == "report":
        page = Path("page\u202e.html").read_text(encoding="utf-8")
        assert is_harmless(page)
        assert r"\u202egpj.exe" in page


def test_predictions_are_escaped_on_a_terminal_and_nowhere_else(
    modnet: Modnet, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = modnet("predict", run, "rows\u202e.csv").out
    assert {row[0] for row in csv.reader(io.StringIO(piped))} <= {"prediction", *LABELS}
    modnet("predict", run, "rows\u202e.csv", "--out", "out.csv")
    assert Path("out.csv").read_text(encoding="utf-8") == piped
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    modnet("predict", run, "rows\u202e.csv")
    assert is_harmless(terminal.getvalue())
    escaped = piped
    for label in LABELS:
        escaped = escaped.replace(label, ascii(label)[1:-1])
    assert terminal.getvalue() == escaped
