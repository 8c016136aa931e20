"""What a shell completes, asked as the shells ask, and once in a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli.running import ENVIRONMENT, Modnet

from modnet.core.registry import active

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def complete(modnet: Modnet, monkeypatch: pytest.MonkeyPatch):
    """A function that returns the completions of a line of bash, and what each is."""
    Path("runs/first").mkdir(parents=True)
    Path("runs/first/config.toml").touch()
    Path("runs/empty").mkdir()
    Path("my.toml").write_text("[optimizer]\nkind = 'mini-batch'\nrule = 'adam'\n")

    def call(*words: str) -> list[tuple[str, str]]:
        with monkeypatch.context() as patch:
            patch.setenv("_MODNET_COMPLETE", "bash_complete")
            patch.setenv("COMP_WORDS", "\n".join(["modnet", *words]))
            patch.setenv("COMP_CWORD", str(len(words)))
            result = modnet()
        assert (result.code, result.err) == (0, "")
        return [tuple(line.split(",", 1)) for line in result.lines if line]  # type: ignore[misc] # two parts

    return call


def plain(found: list[tuple[str, str]]) -> list[str]:
    assert all(kind == "plain" for kind, _ in found)
    return [value for _, value in found]


def test_commands_are_completed_without_importing_them(complete, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = []
    monkeypatch.setattr("modnet.cli.importlib.import_module", imported.append)
    assert plain(complete("tra")) == ["train", "trace"]
    assert plain(complete("")) == plain(complete(""))
    assert {"train", "evaluate", "completion"} <= set(plain(complete("")))
    assert set(imported) == {"modnet.cli.completion"}


def test_options_and_choices(complete) -> None:
    assert plain(complete("train", "--re")) == ["--resume"]
    assert plain(complete("evaluate", "--part", "t")) == ["train", "test"]
    assert plain(complete("train", "--dtype", "")) == ["float64", "float32"]
    assert plain(complete("plugins", "sh")) == ["show"]
    assert plain(complete("plugins", "show", "cost", "q")) == ["quadratic", "quantile"]
    assert complete("nothing", "x") == []


@pytest.mark.parametrize(
    "words",
    [
        ("train", "my"), ("compare", "my"), ("config", "check", ""), ("config", "fill", "my.toml", "--out", ""),
        ("predict", "runs/first", "ro"), ("evaluate", "runs/first", "--data", "x"), ("trace", "--out", "x"),
        ("explain", "--plot", "x"), ("surface", "--animate", "x"), ("report", "runs/first", "--out", "x"),
        ("evaluate", "other"),
    ],
)  # fmt: skip
def test_files(complete, words: tuple[str, ...]) -> None:
    assert complete(*words) == [("file", words[-1])]


def test_folders_and_runs(complete) -> None:
    odd = Path(os.fsdecode(b"runs/\xff"))
    odd.mkdir()
    (odd / "config.toml").touch()
    for words in (("train", "--out", "r"), ("plot", "runs/first", "--out", "r")):
        assert complete(*words) == [("dir", "r")]
    for words in (("evaluate",), ("predict",), ("plot",), ("report",), ("train", "--resume")):
        assert plain(complete(*words, "ru")) == ["runs/first"]
        assert plain(complete(*words, "runs/")) == ["runs/first"]


def test_keys_and_values_of_a_configuration(complete) -> None:
    assert plain(complete("train", "--set", "optimizer.le")) == ["optimizer.learning_rate="]
    assert plain(complete("train", "--set", "ep")) == ["epochs="]
    # bash takes `--set optimizer.kind=m` for four words, and replaces the last of them
    assert plain(complete("train", "--set", "optimizer.kind", "=", "m")) == ["mini-batch"]
    assert plain(complete("train", "--set", "optimizer.kind", "=")) == list(active().kinds("optimizer"))
    assert plain(complete("train", "--set", "optimizer.kind=m")) == ["optimizer.kind=mini-batch"]  # as one word
    assert plain(complete("train", "--set", "=", "optimizer.shuf")) == ["optimizer.shuffle="]
    assert plain(complete("train", "--set", "optimizer.shuffle", "=", "t")) == ["true"]
    assert plain(complete("train", "--set", "dtype", "=")) == ["float64", "float32"]
    # the configuration so far
    assert plain(complete("train", "--set", "optimizer.rule.be")) == []
    assert "optimizer.rule.epsilon=" in plain(complete("train", "my.toml", "--set", "optimizer.rule."))
    changed = complete("train", "--set", "optimizer.rule", "=", "momentum", "--set", "optimizer.rule.m")
    assert plain(changed) == ["optimizer.rule.momentum="]
    assert plain(complete("train", "none.toml", "--set", "se")) == ["seed="]


def test_every_key_that_is_offered_is_taken(complete, modnet: Modnet) -> None:
    for key in plain(complete("train", "--set", "")):
        result = modnet("explain", "--set", f"{key}nothing")
        assert "unknown option" not in result.err
        assert "KEY=VALUE" not in result.err
        assert "is a value, not a table" not in result.err


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_that_of_the_shell(modnet: Modnet, shell: str) -> None:
    result = modnet("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert f"_MODNET_COMPLETE={shell}_complete" in result.out
    assert "_modnet_completion" in result.out


def test_another_shell(modnet: Modnet) -> None:
    result = modnet("completion", "tcsh")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "'bash', 'zsh', 'fish'" in result.err


def test_a_real_bash(complete, modnet: Modnet, tmp_path: Path) -> None:
    del complete  # which makes a run
    bash = shutil.which("bash")
    script = modnet("completion", "bash").out
    Path("runs/first").rename("runs/a $b")
    if bash is None:  # what it would be given is compared above
        return
    (tmp_path / "modnet").write_text(f"#!/bin/sh\nexec '{sys.executable}' -m modnet \"$@\"\n")
    (tmp_path / "modnet").chmod(0o755)
    asked = r"""
compopt() { :; }
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _modnet_completion ./modnet; echo "${COMPREPLY[*]}"; }
ask modnet evaluate ru
ask modnet evaluate 'runs/a\ '
ask modnet train --set optimizer.kind = m
"""
    result = subprocess.run([bash, "--norc", "-c", script + asked], capture_output=True, text=True, check=True,
                            cwd=tmp_path, env=ENVIRONMENT)  # fmt: skip
    assert (result.stdout, result.stderr) == ("runs/a\\ \\$b\nruns/a\\ \\$b\nmini-batch\n", "")
