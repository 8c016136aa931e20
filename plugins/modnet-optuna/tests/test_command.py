"""``modnet tune`` as a person uses it: the table, the lines of progress, the files, and one line for bad input."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from searches import COMMAND

import modnet
from modnet import Trainer

TOML = """
epochs = 2

[data]
kind = "digits"
validation_share = 0.25

[network]
layers = [8, 10]
"""
RATE = ("--search", "optimizer.learning_rate=log:0.1..10")
KEPT = ("--storage", "search.db")


@pytest.fixture(autouse=True)
def configuration(empty_folder):
    del empty_folder  # in which it is
    Path("my.toml").write_text(TOML)


def rows_of(out: str) -> list[list[str]]:
    """Return the cells of the table that was printed; two spaces end a cell."""
    lines = out.splitlines()
    rule = next(index for index, line in enumerate(lines) if line and set(line) == {"─"})
    end = next(index for index, line in enumerate(lines) if line.startswith("Best: "))
    return [re.split(r"  +", line.strip()) for line in (lines[rule - 1], *lines[rule + 1 : end])]


def test_the_table_has_the_best_first_and_the_sentences_say_what_to_do(command):
    done = command("my.toml", *RATE, "--search", "network.layers.0.activation=tanh,relu", "--trials", 3, *KEPT)
    again = command(
        "my.toml", *RATE, "--search", "network.layers.0.activation=tanh,relu", "--trials", 3, *KEPT, "--json"
    )
    found = again.json["trials"]
    names, *rows = rows_of(done.out)
    assert names == ["trial", "learning rate", "activation", "accuracy", "epochs", "seconds", "note"]
    for row, trial in zip(rows, found, strict=True):
        settings = trial["settings"]
        assert row[:3] == [
            str(trial["number"]),
            f"{settings['optimizer.learning_rate']:.4g}",
            settings["network.layers.0.activation"],
        ]
        assert row[3:5] == [f"{trial['value']:.2%}", "2"]
    assert [row[6:] for row in rows] == [["best"], [], []]
    text = " ".join(done.out.split())
    best = found[0]
    assert f"Best: trial {best['number']}, learning rate {best['settings']['optimizer.learning_rate']:.4g}, " in text
    assert f"; validation accuracy {best['value']:.2%}." in text
    assert "The same command with --out FOLDER writes the best configuration, all trials and a page." in text
    assert done.out.startswith("3 trials, evaluated on the validation samples, the best first\n")


def test_each_trial_is_a_line_on_standard_error_unless_it_is_quiet(command):
    first = command("my.toml", *RATE, "--trials", 2, *KEPT)
    lines = first.err.splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == ["1/2", "2/2"]
    assert re.fullmatch(r"1/2 learning rate [\d.]+: accuracy \d+\.\d\d%", lines[0])
    more = command("my.toml", *RATE, "--trials", 3, *KEPT)
    assert more.err.splitlines()[0] == "2/3 had ended before"
    assert len(more.err.splitlines()) == 2
    quiet = command("my.toml", *RATE, "--trials", 4, *KEPT, "--quiet")
    assert (quiet.code, quiet.err) == (0, "")


def test_the_best_configuration_trains_to_the_figure_that_was_found(command):
    done = command(
        "my.toml", *RATE, "--set", "optimizer.batch_size=20", "--seed", 3, "--trials", 3, *KEPT, "--out", "o"
    )
    assert done.code == 0
    assert done.out.splitlines()[-1] == (
        "The search has not looked at the test samples. The best configuration: modnet train o/best.toml"
    )
    found = command(
        "my.toml", *RATE, "--set", "optimizer.batch_size=20", "--seed", 3, "--trials", 3, *KEPT, "--json"
    ).json
    config = modnet.load_config("o/best.toml")
    assert (config.seed, config.optimizer.batch_size) == (3, 20)
    assert Trainer(config).fit().history[-1]["validation_accuracy"] == found["trials"][0]["value"]
    assert found["best_config"] == config.to_config()


def test_more_trials_than_fit_are_in_the_file(command):
    done = command("my.toml", *RATE, "--epochs", 0, "--trials", 23, *KEPT, "--seeds", 2, "--out", "o", "--quiet")
    assert done.out.startswith("23 trials, evaluated on the validation samples, the best first; mean ± standard\n")
    assert "deviation over 2 seeds; all are in o/trials.csv" in " ".join(done.out.split())
    assert len(rows_of(done.out)) == 1 + 20
    assert len(Path("o/trials.csv").read_text().splitlines()) == 1 + 23


def test_where_no_trial_is_complete_the_status_is_1(command):
    linear = 'network.layers=[{kind="dense", units=10, activation="identity"}]'
    huge = "optimizer.learning_rate=1e299,1e300"
    done = command("my.toml", "--set", linear, "--search", huge, "--trials", 2, *KEPT, "--quiet")
    assert done.code == 1
    assert done.err.startswith("modnet: no trial is complete: trial 0: ")
    assert "diverged" in done.out


BAD = [
    ((), "--search"),
    (("--search", "epochs=2..1"), "modnet: --search epochs=2..1: 2 is not below 1; allowed: LOW < HIGH\n"),
    (("--search", "epoch=1..2"), "modnet: --search epoch=1..2: epoch: unknown option; did you mean 'epochs'? (allowed"),
    ((*RATE, "--set", "epochs=-1"), "modnet: my.toml: epochs: -1 should be greater than or equal to 0\n"),
    (
        (*RATE, "--set", "network.layers=[8, 9]"),
        "modnet: my.toml: network.layers.1: the output layer has 9 units, the d",
    ),
    ((*RATE, "--metric", "f1"), "modnet: --metric f1: there is none (allowed: cost, accuracy)\n"),
    ((*RATE, "--prune", "medium"), "modnet: Invalid value for '--prune': 'medium' is not one of "),
    ((*RATE, "--trials", "0"), "modnet: Invalid value for '--trials': 0 is not in the range x>=1"),
    ((*RATE, "--out", "my.toml"), "modnet: --out my.toml: cannot be written: Not a directory\n"),
    ((*RATE, "--storage", "a/b.db"), "modnet: --storage a/b.db: cannot be written: No such file or directory\n"),
    (
        (*RATE, "--storage", "sqlite://"),
        "modnet: --storage sqlite://: is in memory; allowed: a file's path, or the URL",
    ),
]


@pytest.mark.parametrize(("arguments", "line"), BAD)
def test_bad_input_is_one_line_and_leaves_nothing(command, arguments, line):
    done = command("my.toml", *KEPT, *arguments)
    assert (done.code, done.out) == (2, "")
    assert line in done.err
    assert len(done.err.splitlines()) == 1
    assert {path.name for path in Path().iterdir()} == {"my.toml"}


def test_a_file_that_is_no_configuration_is_named(command):
    Path("other.toml").write_text("epochs = [")
    assert command("other.toml", *RATE, *KEPT).err.startswith("modnet: other.toml: is not TOML: ")
    assert command("missing.toml", *RATE, *KEPT).err.startswith("modnet: missing.toml: ")


def test_another_search_in_the_storage_is_refused_in_one_line(command):
    command("my.toml", *RATE, "--trials", 1, *KEPT)
    done = command("my.toml", *RATE, "--trials", 1, *KEPT, "--epochs", 3)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "modnet: search.db: the study 'modnet' is of another search: epochs is 2 there, and 3 here; "
        "allowed: the same search, another --study or another --storage\n"
    )


def test_help_needs_no_optuna():
    code = "import sys; import modnet_optuna.command; print([m for m in sys.modules if m in ('optuna', 'matplotlib')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_terminal_shows_a_bar():
    ours, theirs = pty.openpty()
    words = [*COMMAND, "my.toml", *RATE, "--trials", "6", "--storage", "search.db"]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "24"}
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    sent = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that nobody holds the other end any more
            break
        sent += piece
    os.close(ours)
    assert process.wait() == 0
    states = [line.strip() for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent.decode()))]
    bars = [line for line in states if "━" in line]
    pattern = r"(trials|learning rate [\d.]+: accuracy [\d.]+%) +[0-6]/6 ━"  # it is not drawn at every trial
    assert bars
    assert all(re.match(pattern, bar) for bar in bars)
    assert "/6 learning" not in sent.decode()
    assert sent.rindex(b"\x1b[?25h") > sent.rindex(b"\x1b[?25l")  # the cursor is there again
