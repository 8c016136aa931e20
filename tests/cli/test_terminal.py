"""The command as a process of its own: on a terminal, in a pipe, and its version and help."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli.running import COMMAND, ENVIRONMENT, process

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Return the exit status, and everything that the terminal was sent."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = {**ENVIRONMENT, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "24"}
    command = [*COMMAND, *arguments]
    started = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    sent = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that nobody holds the other end any more
            break
        if not piece:
            break
        sent += piece
    os.close(ours)
    return started.wait(), sent.decode()


def test_a_terminal_shows_a_bar_with_epoch_cost_accuracy_and_time_left(tmp_path: Path) -> None:
    code, sent = on_a_terminal(tmp_path, "train", "--epochs", "20", "--out", "run")
    assert code == 0
    rows = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    cost, accuracy = (re.search(rf'"{name}": ([0-9.]+)', rows[-1])[1] for name in ("cost", "test_accuracy"))
    states = [line.strip() for line in re.split(r"[\r\n]+", CONTROL.sub("", sent)) if line.strip()]
    assert re.match(r"Epochs +0/20 ", states[0])
    assert re.fullmatch(
        rf"Epochs 20/20 ━+ cost {float(cost):.3g}, test accuracy {float(accuracy):.2%} \d:\d\d:\d\d", states[-2]
    )
    assert states[-1].startswith("Reached test accuracy ")
    assert "\nEpoch 1/20: " not in sent
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")  # the cursor is there again


def test_quiet_sends_a_terminal_the_sentence_alone(tmp_path: Path) -> None:
    code, sent = on_a_terminal(tmp_path, "train", "--epochs", "2", "--quiet", "--out", "run")
    assert code == 0
    assert len(sent.splitlines()) == 1
    assert "\x1b" not in sent


def test_a_training_that_fails_leaves_the_terminal_in_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "big.npz", x=np.full((20, 2), 1e300), y=np.arange(20) % 2)
    settings = ["data.kind=npz", "data.path=big.npz", "network.layers=[{kind='dense', units=2, activation='identity'}]"]
    options = [part for setting in settings for part in ("--set", setting)]
    code, sent = on_a_terminal(tmp_path, "train", *options, "--out", "run")
    assert code == 1
    assert sent.rfind("\x1b[?25h") > sent.rindex("\x1b[?25l")
    assert re.search(r"\nmodnet: epoch 1, update 1: ", CONTROL.sub("", sent))


def test_an_error_before_the_bar_is_there_is_told_all_the_same(tmp_path: Path) -> None:
    code, sent = on_a_terminal(tmp_path, "train", "--set", "callbacks=[{kind='early-stopping', monitor='tset_cost'}]")
    assert code == 2
    assert CONTROL.sub("", sent).startswith("modnet: callbacks")
    assert len(sent.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_gets_the_plain_lines(tmp_path: Path) -> None:
    result = process(tmp_path, "train", "--epochs", "2", "--out", "run", PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["Epoch 1/2", "Epoch 2/2"]
    assert len(lines) == 3


def test_bad_input_is_one_line_and_status_2(tmp_path: Path) -> None:
    result = process(tmp_path, "train", "--set", "optimizer.batch_size=-3")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "modnet: optimizer.batch_size: -3 should be greater than 0\n"
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback_of_an_error(tmp_path: Path) -> None:
    result = process(tmp_path, "--debug", "train", "nothing.toml")
    assert result.returncode == 2
    assert result.stderr.startswith("Traceback ")
    assert result.stderr.endswith("\nmodnet: nothing.toml: cannot be read: No such file or directory\n")


def test_the_version_and_help_load_no_parts_and_no_drawing(tmp_path: Path) -> None:
    for option in ("--version", "--help"):
        result = process(tmp_path, option)
        assert (result.returncode, result.stderr) == (0, "")
        seen = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "modnet", option],
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=True,
        )
        loaded = {line.rpartition("|")[2].strip() for line in seen.stderr.splitlines()}
        assert "click" in loaded
        assert not loaded & {"numpy", "rich", "matplotlib", "modnet.core.plugins.discovery", "modnet.core.interfaces"}
    assert re.fullmatch(r"modnet, version \d+\.\d+\.\d+\n", process(tmp_path, "--version").stdout)
    listed = re.findall(r"^  (\w+)  ", process(tmp_path, "--help").stdout, re.MULTILINE)
    assert {"train", "evaluate", "predict", "compare"} <= set(listed)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("train", "--bogus"), "No such option"),
        (("evaluate",), "Missing argument 'RUN'"),
        (("trian",), "No such command 'trian'; did you mean 'train'"),
        (("evaluate", "run", "--part", "x"), "Invalid value for '--part'"),
    ],
)
def test_words_that_no_command_knows_are_one_line_too(tmp_path: Path, arguments: tuple[str, ...], error: str) -> None:
    result = process(tmp_path, *arguments)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"modnet: {error}")
