"""``modnet compare``: the types of gradient descent from the same start, and grids of settings."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.running import COMMAND, ENVIRONMENT, Flowers, Modnet, history_of, process, table_in
from cli.test_terminal import CONTROL, on_a_terminal

import modnet as library
from modnet.cli import compare

FAST = ("--epochs", 1, "--set", "network.layers=[10]")
RATES = ("--set", "optimizer.learning_rate=3,0.3")
ONE = ("--jobs", 1, "--quiet")


def rows_of(text: str) -> list[list[dict[str, Any]]]:
    """Return what all runs of the JSON reached, but for how long they took."""
    return [
        [{**run, "seconds": None, "epoch_seconds": None} for run in row["runs"]] for row in json.loads(text)["rows"]
    ]


def test_each_has_the_figures_of_a_run_of_its_own(trained: Modnet) -> None:
    found = json.loads(trained("compare", "--epochs", 2, "--json", *ONE).out)
    assert [row["settings"] for row in found["rows"]] == [
        {"optimizer.kind": kind} for kind in ("batch", "stochastic", "mini-batch")
    ]
    assert [row["updates"]["mean"] for row in found["rows"]] == [2, 2 * 1437, 2 * 144]
    for row in found["rows"]:
        kind = row["settings"]["optimizer.kind"]
        trained("train", "--set", f"optimizer.kind={kind}", "--epochs", 2, "--quiet", "--out", kind)
        last = history_of(kind)[-1]
        (run,) = row["runs"]
        assert (run["epochs"], found["part"]) == (2, "test")
        assert run["metrics"] == {"cost": last["test_cost"], "accuracy": last["test_accuracy"]}
        assert row["metrics"]["cost"] == {"mean": last["test_cost"], "sd": None}
        assert run["seconds"] > 0


def test_the_table_has_a_row_for_each(trained: Modnet) -> None:
    options = ("compare", "--epochs", 1, "--optimizers", "mini-batch, batch", *ONE)
    found = json.loads(trained(*options, "--json").out)["rows"]
    result = trained(*options)
    title, names, rows = table_in(result.lines, 2)
    assert title == "1 epoch each, evaluated on the test samples"
    assert names == ["optimizer", "updates", "seconds", "cost", "accuracy", "best"]
    assert [[cell for index, cell in enumerate(row) if index != 2] for row in rows] == [
        [row["settings"]["optimizer.kind"], f"{row['updates']['mean']:,.0f}", f"{row['metrics']['cost']['mean']:.6g}",
         f"{row['metrics']['accuracy']['mean']:.2%}", *(["*"] if row["best"] else [])]
        for row in found
    ]  # fmt: skip
    assert f"\nBest: optimizer mini-batch; test accuracy {found[0]['metrics']['accuracy']['mean']:.2%}.\n" in result.out
    assert "The best was chosen by the test samples" in result.out


def test_a_file_and_settings_say_what_is_compared(trained: Modnet, flowers: Flowers) -> None:
    Path("my.toml").write_text('[optimizer]\nkind = "mini-batch"\nbatch_size = 30\nrule = "momentum"\n')
    options = ("my.toml", *flowers.train, "--epochs", 4, "--seed", 2)
    found = json.loads(trained("compare", *options, "--optimizers", "mini-batch,batch", "--json", *ONE).out)
    assert found["part"] == "train"
    assert [row["updates"]["mean"] for row in found["rows"]] == [4 * 3, 4]
    trained("train", *options, "--quiet", "--out", "run")
    evaluated = json.loads(trained("evaluate", "run", "--json").out)
    assert found["rows"][0]["metrics"]["cost"]["mean"] == evaluated["cost"]


def test_a_grid_with_seeds_has_means_and_deviations(trained: Modnet) -> None:
    options = ("compare", *FAST, "--set", "optimizer.rule=plain,momentum", *RATES, "--seeds", 2, *ONE)
    found = json.loads(trained(*options, "--json").out)["rows"]
    _, names, rows = table_in(trained(*options).lines, 4)
    assert names == ["rule", "learning rate", "seconds", "cost", "accuracy", "best"]
    assert [row[:2] for row in rows] == [["plain", "3"], ["plain", "0.3"], ["momentum", "3"], ["momentum", "0.3"]]
    for row, told in zip(rows, found, strict=True):
        first, second = (run["metrics"]["accuracy"] for run in told["runs"])
        assert row[4] == f"{(first + second) / 2:.2%} ± {abs(first - second) / 2**0.5:.2%}"  # √(2 (d/2)² / 1)
        assert [run["seed"] for run in told["runs"]] == [0, 1]


def test_engines_are_compared_for_their_time(trained: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    original = compare.compare_combinations

    def counted(*args: Any, **options: Any) -> Any:
        used.append(options["jobs"])
        return original(*args, **options)

    monkeypatch.setattr(compare, "compare_combinations", counted)
    options = ("compare", *FAST, "--set", 'engine={kind="numpy",threads=1},numpy', "--quiet")
    result = trained(*options)
    _, names, rows = table_in(result.lines, 2)
    assert names == ["engine", "seconds", "an epoch", "cost", "accuracy", "best"]
    assert all(re.fullmatch(r"\d+\.\d\d \d+\.\d{4}", " ".join(row[1:3])) for row in rows)
    assert re.search(r"\nFastest: engine .*numpy.*; 0\.\d{4} seconds\san\sepoch\s\(the\smedian", result.out)
    trained(*options, "--jobs", 2)
    assert used == [1, 2]


def test_an_order_of_settings_is_that_of_the_command_line_and_optimizers_come_last(trained: Modnet) -> None:
    options = (
        "--set",
        "optimizer.kind=mini-batch",
        "--set",
        "optimizer.batch_size=10,20",
        "--optimizers",
        "mini-batch,batch",
    )
    found = json.loads(trained("compare", "--epochs", 0, *options, "--json", *ONE).out)
    assert [list(row["settings"].values()) for row in found["rows"]] == [
        [10, "mini-batch"], ["batch"], [20, "mini-batch"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "rows"),
    [((), 3), (("--seeds", 1), 1), (("--folds", 2), 1), (RATES, 2), ((*RATES, "--optimizers", "batch"), 2)],
)
def test_the_three_types_are_compared_where_nothing_else_is_asked_for(
    trained: Modnet, options: tuple[str, ...], rows: int
) -> None:
    found = json.loads(trained("compare", "--epochs", 0, *options, "--json", *ONE).out)
    assert len(found["rows"]) == rows


def test_one_configuration_is_cross_validated(trained: Modnet) -> None:
    result = trained("compare", *FAST, "--folds", 3, *ONE)
    text = " ".join(result.out.split())
    assert text.startswith("1 epoch and 96 updates each, evaluated on the validation samples; mean ± ")
    assert " over 3 folds seconds cost accuracy ── " in re.sub("─+", "──", text)
    assert "Best" not in text
    assert "chosen" not in text


def test_the_best_is_written_as_a_file_that_trains_as_well(trained: Modnet) -> None:
    Path("my.toml").write_text(
        "epochs = 2\n[network]\nlayers = [10]\n[data]\nkind = 'digits'\nvalidation_share = 0.2\n"
    )
    told = json.loads(trained("compare", "my.toml", *RATES, "--best", "best.toml", "--json", *ONE).out)
    best = told["rows"][told["best"]]
    assert library.load_config("best.toml") == library.load_config(
        "my.toml", [f"optimizer.learning_rate={best['settings']['optimizer.learning_rate']}"]
    )
    trained("train", "best.toml", "--quiet", "--out", "run")
    assert history_of("run")[-1]["validation_accuracy"] == best["metrics"]["accuracy"]["mean"]


@pytest.mark.parametrize("settings", [RATES, ("--set", "optimizer.rule=plain,adam")])
def test_pictures_of_curves_and_bars(modnet: Modnet, settings: tuple[str, str]) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.png"):
        assert modnet("compare", *FAST, *settings, "--seeds", 2, "--plot", name, *ONE).code == 0
    assert Path("a.svg").read_text().lstrip().startswith("<?xml")
    assert Path("b.png").read_bytes().startswith(b"\x89PNG")


def test_each_finished_run_is_a_line_on_standard_error(modnet: Modnet) -> None:
    result = modnet("compare", *FAST, *RATES, "--folds", 2, "--jobs", 1, "--json")
    told = [run for row in json.loads(result.out)["rows"] for run in row["runs"]]
    rates = (3, 3, 0.3, 0.3)
    assert result.err.splitlines() == [
        f"{number}/4 learning rate {rate}, seed 0, fold {run['fold'] + 1}: accuracy {run['metrics']['accuracy']:.2%}"
        for number, (rate, run) in enumerate(zip(rates, told, strict=True), 1)
    ]


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    words = [*map(str, FAST), *RATES, "--jobs", "2"]
    code, sent = on_a_terminal(tmp_path, "compare", *words)
    assert code == 0
    plain = CONTROL.sub("", sent)
    assert re.search(r"learning rate (0\.3|3), seed 0: accuracy \S+ \d/2 ", plain)
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")
    assert plain.count("accuracy  best") == 1


def test_divergence_is_a_row(modnet: Modnet, flowers: Flowers) -> None:
    layer = "network.layers=[{kind='dense', units=3, activation='identity'}]"
    options = ("compare", *flowers.train, "--set", layer, "--epochs", 2)
    result = modnet(*options, "--set", "optimizer.eta=1e300,1e-3", "--seeds", 2, *ONE)
    assert result.code == 0
    assert re.search(r"^1e\+300 .* 2 of 2 diverged", result.out, re.MULTILINE)
    assert "Best: eta 0.001; training accuracy " in result.out
    result = modnet(*options, "--set", "optimizer.eta=1e300", "--seeds", 2, "--best", "best.toml", *ONE)
    assert result.code == 1
    assert result.err.startswith(
        "modnet: every combination diverged; --best best.toml is not written: epoch 1, update "
    )
    assert result.err.count("\n") == 1
    assert not Path("best.toml").exists()


def test_no_kind_at_all_is_refused(modnet: Modnet) -> None:
    result = modnet("compare", "--epochs", 1, "--optimizers", ",")
    assert (result.code, len(result.err.splitlines())) == (2, 1)


DROP = ("--set", "optimizer.drop_last=true")  # of a batch that is larger than the data nothing is left


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--optimizers", "batch,mini-bach"), "optimizer: unknown optimizer 'mini-bach'; did you mean 'mini-batch'?"),
        (("--set", "optimizer.batch_size=5000", *DROP), "optimizer.batch_size: 5000 is more than the 1437 training"),
        (("--set", "optimizer.batch_size=5,5000", *DROP), "optimizer.batch_size: 5000 is more than the 1437 training"),
        (("--set", "optimizer.rule=plain,adm"), "optimizer.rule: unknown rule 'adm'; did you mean 'adam'"),
        (("--set", "optimizer.rul=plain,adam"), "optimizer.rul: unknown option; did you mean 'rule'?"),
        (("--set", "optimizer.rule=plain,"), "--set optimizer.rule=plain,: there is no value before or after a comma"),
        (("--set", "optimizer.rule="), "optimizer.rule: unknown rule ''"),
        (("--set", "seed=1,2", "--set", "seed=3,4"), "seed: is varied twice; allowed: all its values in one place"),
        (("--set", "epochs=1,x"), "epochs: 'x' should be a valid integer"),
        (("--folds", "1"), "Invalid value for '--folds': 1 is not in the range x>=2."),
        (("--folds", "140"), "--folds 140: class 8 has 139 samples; allowed: 2 to 139"),
        (("--seeds", "0"), "Invalid value for '--seeds': 0 is not in the range x>=1."),
        (("--jobs", "0"), "Invalid value for '--jobs': 0 is not in the range x>=1."),
        (("--metric", "acuracy"), "--metric acuracy: there is none; did you mean 'accuracy'? (allowed: cost, "),
        (("--plot", "x.jpg"), "x.jpg: cannot be drawn as 'jpg'; allowed: .pdf, .png, .svg"),
        (("--best", "none/x"), "--best none/x: cannot be written: No such file or directory"),
        (("--out", "file"), "--out file: cannot be written: Not a directory"),
        (("--out", "full"), "full: is not empty, and has no comparison.json; allowed: a new folder"),
        (("my.toml", "--metric", "r2"), "--metric r2: there is none (allowed: cost, accuracy)"),
        (("my.toml", "--set", "optimizer.batch_size=5,5000", *DROP), "my.toml: optimizer.batch_size: 5000 is more"),
        (("my.toml", "--set", "epochs=5,-1"), "my.toml: epochs: -1 should be greater than or equal to 0"),
    ],
)  # fmt: skip
def test_everything_is_checked_before_anything_is_trained(
    modnet: Modnet, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], error: str
) -> None:
    Path("my.toml").write_text("epochs = 2\n")
    Path("file").touch()
    Path("full").mkdir()
    Path("full/x").touch()
    before = sorted(Path().rglob("*"))
    monkeypatch.setattr("modnet.analysis.comparison.comparison.run_all", None)
    result = modnet("compare", *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")
    assert sorted(Path().rglob("*")) == before


SLOW = ("--set", "network.layers=[10]", "--set", "epochs=1,150", "--seeds", "1")
"""A short run and a long one."""


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a comparison in a session of its own, as a terminal does."""
    command = [*COMMAND, "compare", *SLOW, *arguments]
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)  # fmt: skip


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never comes to that"
        time.sleep(0.01)


def members(session: int) -> Iterator[int]:
    """Yield the processes of a session."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            yield int(path.parent.name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """What the slow comparison reaches without an interruption."""
    result = process(tmp_path_factory.mktemp("whole"), "compare", *SLOW, "--jobs", "1", "--json")
    assert result.returncode == 0
    return rows_of(result.stdout)


ON_LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked for in /proc")


@ON_LINUX
@pytest.mark.parametrize(
    ("number", "to_all", "jobs"),
    [
        (signal.SIGINT, True, 2),
        (signal.SIGTERM, False, 1),
        (signal.SIGKILL, False, 2),
        pytest.param(signal.SIGINT, True, 1, marks=pytest.mark.soak),
        pytest.param(signal.SIGTERM, False, 2, marks=pytest.mark.soak),
        pytest.param(signal.SIGTERM, True, 2, marks=pytest.mark.soak),
        pytest.param(signal.SIGHUP, True, 2, marks=pytest.mark.soak),
        pytest.param(signal.SIGKILL, False, 1, marks=pytest.mark.soak),
    ],
)
def test_it_goes_on_after_an_interruption(
    tmp_path: Path, whole: list[list[dict[str, Any]]], number: signal.Signals, to_all: bool, jobs: int
) -> None:
    running = started(tmp_path, "--jobs", str(jobs), "--out", "kept")
    assert running.stderr is not None
    assert running.stderr.readline().startswith("1/2 epochs 1, seed 0: accuracy ")
    long = tmp_path / "kept/combination-002-seed-0"
    history = long / "history.jsonl"
    wait_for(lambda: history.exists() and history.read_text().count("\n") > 3)
    (os.killpg if to_all else os.kill)(running.pid, number)
    out, err = running.communicate(timeout=30)
    wait_for(lambda: not [*members(running.pid)])
    assert not (long / "model.safetensors").exists()
    if number != signal.SIGKILL:
        assert (running.returncode, out) == (128 + number, "")
        start, command = err.split("; go on with: ")
        assert start == "modnet: interrupted after 1 of 2 runs"
        assert shlex.split(command) == ["modnet", "compare", *SLOW, "--jobs", str(jobs), "--out", "kept"]
    if (number, jobs) != (signal.SIGKILL, 1):  # the process that is killed itself writes no checkpoint
        assert len([*long.glob("checkpoints/epoch-*")]) == 1
    short = (tmp_path / "kept/combination-001-seed-0/model.safetensors").stat().st_mtime_ns
    result = process(tmp_path, "compare", *SLOW, "--out", "kept", "--json")
    assert result.returncode == 0
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == [
        "1/2 finished already",
        "2/2 epochs 150, seed 0",
    ]
    assert rows_of(result.stdout) == whole
    assert (tmp_path / "kept/combination-001-seed-0/model.safetensors").stat().st_mtime_ns == short


@ON_LINUX
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_without_a_folder_an_interruption_leaves_nothing(tmp_path: Path, jobs: str) -> None:
    running = started(tmp_path, "--jobs", jobs, "--set", "seed=0,1")
    assert running.stderr is not None
    assert running.stderr.readline().startswith("1/4 ")
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (130, "")
    assert re.fullmatch(
        r"modnet: interrupted after \d of 4 runs; nothing is kept: with --out DIR .*", err.splitlines()[-1]
    )
    wait_for(lambda: not [*members(running.pid)])
    assert list(tmp_path.iterdir()) == []


@ON_LINUX
def test_a_process_that_is_killed_is_one_line(tmp_path: Path) -> None:
    running = started(tmp_path, "--jobs", "2", "--set", "seed=0,1,2,3,4,5", "--out", "kept")
    assert running.stderr is not None
    assert running.stderr.readline().startswith("1/12 ")
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        pid = int(path.parent.name)
        if pid in [*members(running.pid)] and b"spawn_main" in path.read_bytes():
            os.kill(pid, signal.SIGKILL)
            break
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (2, "")
    assert err.splitlines()[-1].startswith(
        "modnet: a process of the comparison has ended: it was killed, or there is not "
    )


PLUGIN = '''
import os
from typing import Literal
import numpy as np
from modnet import Activation, Data, Dataset, hookimpl

class Counted(Dataset):
    """Samples whose loading is written down."""
    kind: Literal["counted"] = "counted"
    path: str
    def load(self):
        with open(self.path, "a") as file:
            file.write(f"{os.getpid()}\\n")
        y = np.arange(40) % 2
        return Data((np.stack([y, 1 - y], axis=1) + 0.0, y))

@hookimpl
def modnet_components():
    return [Counted]
'''


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """The environment in which a plug-in with a dataset is installed."""
    site = tmp_path / "site"
    info = site / "modnet_counted-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "modnet_counted.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: modnet-counted\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[modnet]\ncounted = modnet_counted\n")
    return {"PYTHONPATH": os.pathsep.join([str(site), ENVIRONMENT["PYTHONPATH"]])}


def test_a_plug_in_works_in_the_processes_and_samples_are_loaded_once_in_each(
    tmp_path: Path, plugin: dict[str, str]
) -> None:
    options = (
        "--set",
        "data={kind='counted', path='loads'}",
        "--set",
        "network.layers=[2]",
        *map(str, RATES),
        "--folds",
        "2",
    )
    command = ("compare", *options, "--epochs", "2", "--seeds", "4", "--json")
    two = process(tmp_path, *command, "--jobs", "2", **plugin)
    assert two.returncode == 0
    loads = (tmp_path / "loads").read_text().split()
    assert len(loads) == len(set(loads))
    assert 2 <= len(loads) <= 3
    one = process(tmp_path, *command, "--jobs", "1", **plugin)
    assert rows_of(one.stdout) == rows_of(two.stdout)
    assert json.loads(two.stdout)["part"] == "validation"


def test_a_plug_in_that_is_disabled_is_so_in_the_processes(tmp_path: Path, plugin: dict[str, str]) -> None:
    (tmp_path / "site/modnet_counted.py").write_text("raise ImportError('not to be loaded')\n")
    words = [*map(str, FAST), *map(str, RATES), "--jobs", "2", "--quiet"]
    result = process(tmp_path, "compare", *words, "--no-plugins", **plugin)
    assert (result.returncode, result.stderr) == (0, "")
    assert process(tmp_path, "compare", *words, **plugin).stderr.count("could not be loaded") > 1  # in each of them


def test_a_callback_s_mistake_is_one_line_too(modnet: Modnet) -> None:
    callback = "callbacks=[{kind='early-stopping', monitor='tset_cost'}]"
    for jobs in (1, 2):
        result = modnet("compare", *FAST, *RATES, "--set", callback, "--jobs", jobs)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert result.err.startswith("modnet: callbacks.0.monitor: no metric is called 'tset_cost'; did you mean ")
