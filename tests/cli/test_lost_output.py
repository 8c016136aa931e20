"""Standard output that cannot be written ends no training, and the exit status says so."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from broken_streams import REASONS, broken
from cli.running import COMMAND, ENVIRONMENT, Modnet, history_of

NET = ("--set", "network.layers=[2, 10]", "--epochs", 2)


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
@pytest.mark.parametrize("stream", REASONS)
def test_a_training_goes_on_and_its_model_is_saved(
    trained: Modnet, modnet: Modnet, monkeypatch: pytest.MonkeyPatch, stream: str, quiet: tuple[str, ...]
) -> None:
    trained("train", *NET, *quiet, "--out", "whole")
    with broken(monkeypatch, stream):
        result = modnet("train", *NET, *quiet, "--out", "run")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert result.err.startswith(
        f"modnet: standard output: cannot be written: {REASONS[stream]}. Reached test accuracy"
    )
    assert result.err.endswith("; the run is in run.\n")
    for name in ("model.safetensors", "config.toml"):
        assert Path("run", name).read_bytes() == Path("whole", name).read_bytes()
    assert len(history_of("run")) == 2


@pytest.mark.parametrize("stream", REASONS)
@pytest.mark.parametrize(
    "arguments", [("config", "schema"), ("explain",), ("trace", "--json"), ("plugins", "list"), ("train", "--help"), ()]
)
def test_other_commands_are_told_in_one_line(
    modnet: Modnet, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], stream: str
) -> None:
    with broken(monkeypatch, stream):
        result = modnet(*arguments)
    if not arguments:  # the help, which then goes to standard error
        assert result.err.startswith("Usage: ")
        return
    reason = REASONS[stream]
    line = "" if reason == "Broken pipe" else f"modnet: standard output: cannot be written: {reason}\n"
    assert (result.code, result.err) == (2, line)


@pytest.mark.parametrize("stream", REASONS)
def test_a_lost_line_on_standard_error_changes_nothing(
    trained: Modnet, modnet: Modnet, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    whole = trained("config", "schema").out
    with broken(monkeypatch, stream, which="stderr"):
        assert modnet("config", "schema").out == whole
        assert modnet("compare", *NET).code == 0  # a progress bar, on a terminal
        assert modnet("train", "nothing.toml").code == 2
        assert modnet("trian").code == 2


def test_letters_that_the_output_does_not_have_are_escaped(
    trained: Modnet, modnet: Modnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained("train", *NET, "--quiet", "--out", "run")
    for arguments in (
        ("explain",),
        ("dampening", "run", "--no-suggestion"),
        ("compare", *NET, "--quiet"),
        ("train", *NET),
    ):
        written = io.BytesIO()
        with monkeypatch.context() as patch, io.TextIOWrapper(written, encoding="ascii") as stream:
            patch.setattr(sys, "stdout", stream)
            result = modnet(*arguments)
            text = written.getvalue().decode("ascii")
        assert (result.code, result.err) == (0, "")
        assert text.endswith("\n")
        assert ("\\u03b4" in text) == (arguments[0] in ("explain", "dampening"))


def test_a_process_whose_reader_goes_away(tmp_path: Path) -> None:
    command = [*COMMAND, "train", "--epochs", "40", "--out", "run"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, **pipes) as started:
        assert started.stdout.readline().startswith("Epoch 1/")
        started.stdout.close()
        error = started.stderr.read()
    assert started.returncode == 2
    assert error.startswith("modnet: standard output: cannot be written: Broken pipe. Reached test accuracy ")
    assert error.count("\n") == 1
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 40
    assert (tmp_path / "run" / "model.safetensors").exists()


def test_a_process_without_any_stream(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    np.savetxt(rows, np.zeros((3, 64)), delimiter=",")
    command = 'exec "$@" <&- >&- 2>&-'
    arguments = [*COMMAND, "train", "--epochs", "2", "--out", "run"]
    closed = subprocess.run(["/bin/sh", "-c", command, "sh", *arguments], cwd=tmp_path, env=ENVIRONMENT, check=False)
    assert closed.returncode == 2
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 2
