"""``modnet init``: the file that it writes, and what becomes of one that is there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from cli.running import Modnet

from modnet import load_config

pytestmark = pytest.mark.usefixtures("flowers")


def test_it_prints_the_file_that_it_would_write(trained: Modnet) -> None:
    printed = trained("init", "flowers.csv").out
    said = trained("init", "flowers.csv", "--out", "my.toml")
    assert Path("my.toml").read_text(encoding="utf-8") == printed
    assert said.out == "The configuration is in my.toml; next: modnet train my.toml\n"
    assert tomllib.loads(printed)["data"]["path"] == "flowers.csv"
    assert load_config("my.toml").data.kind == "csv"


def test_the_next_command_trains(trained: Modnet) -> None:
    said = trained("init", "flowers.csv", "--target", "sort", "--out", "it's mine.toml").out
    command = said.partition("next: modnet ")[2].strip()
    assert command == """train 'it'"'"'s mine.toml'"""
    trained("train", "it's mine.toml", "--quiet", "--out", "run")
    assert "accuracy: 100.00%" in trained("evaluate", "run").lines


def test_a_file_that_is_there_stays_without_force(modnet: Modnet, trained: Modnet) -> None:
    Path("my.toml").write_text("seed = 7\n")
    result = modnet("init", "flowers.csv", "--out", "my.toml")
    assert (result.code, result.out) == (2, "")
    assert result.err == "modnet: --out my.toml: exists already; --force replaces it\n"
    assert Path("my.toml").read_text() == "seed = 7\n"
    trained("init", "flowers.csv", "--out", "my.toml", "--force")
    assert "flowers.csv" in Path("my.toml").read_text(encoding="utf-8")


def test_nothing_is_written_after_an_error(modnet: Modnet) -> None:
    result = modnet("init", "flowers.csv", "--target", "colour", "--out", "my.toml")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "no column 'colour'" in result.err
    assert not Path("my.toml").exists()


def test_samples_for_the_test_may_be_in_a_file_of_their_own(trained: Modnet) -> None:
    Path("other.csv").write_bytes(Path("flowers.csv").read_bytes())
    trained("init", "flowers.csv", "--test", "other.csv", "--out", "my.toml")
    assert "(90 of 90)" in trained("train", "my.toml", "--quiet", "--out", "run").out
