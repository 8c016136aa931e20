"""``modnet train``: what it says, and what it leaves behind."""

from __future__ import annotations

import multiprocessing
import re
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import Flowers, Modnet, history_of, outputs_of, write_csv
from safetensors.numpy import load_file

from modnet import __version__, load, load_config
from modnet.cli import main
from modnet.data.datasets.arrays import Digits


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    return Digits().load().test


def right(run: str, digits: tuple[np.ndarray, np.ndarray]) -> int:
    x, y = digits
    return int(np.sum(np.argmax(outputs_of(run, x), axis=1) == y))


def test_the_default_run_is_the_documents_network_and_reaches_93_per_cent(
    trained: Modnet, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    result = trained("train", "--out", "run")
    shapes = {name: values.shape for name, values in load_file("run/model.safetensors").items()}
    assert shapes == {
        "layers.0.weights": (30, 64), "layers.0.biases": (30,), "layers.1.weights": (10, 30), "layers.1.biases": (10,),
    }  # fmt: skip
    hits = right("run", digits)
    assert hits / 360 >= 0.93

    rows = history_of("run")
    assert [row["epoch"] for row in rows] == list(range(30))
    assert {row["learning_rate"] for row in rows} == {3.0}
    assert result.lines[:-1] == [f"Epoch {row['epoch'] + 1}/30: {row['test_accuracy'] * 360:.0f} / 360" for row in rows]
    assert result.lines[-2] == f"Epoch 30/30: {hits} / 360"
    closing = rf"Reached test accuracy {hits / 3.6:.2f}% \({hits} of 360\) after 30 epochs and 4,320 updates in \S+ s; "
    assert re.fullmatch(closing + r"the run is in run\.", result.lines[-1])


def test_the_run_folder_holds_four_files_and_a_row_of_figures_for_each_epoch(trained: Modnet) -> None:
    trained("train", "--epochs", 2, "--out", "deep/er/run")
    assert sorted(path.name for path in Path("deep/er/run").iterdir()) == [
        "config.toml", "data.json", "history.jsonl", "model.safetensors",
    ]  # fmt: skip
    for row in history_of("deep/er/run"):
        assert list(row) == ["epoch", "learning_rate", "cost", "accuracy", "test_cost", "test_accuracy", "seconds"]
        assert row["seconds"] > 0


def test_without_out_every_run_has_a_new_folder_in_runs(trained: Modnet) -> None:
    folders = set()
    for _ in range(3):
        sentence = trained("train", "--epochs", 1, "--quiet").out
        found = re.search(r"the run is in (runs/digits-\d{8}-\d{6}\S*)\.\n", sentence)
        assert found, sentence
        folders.add(found[1])
    assert len(folders) == 3
    assert {str(path) for path in Path("runs").iterdir()} == folders


def at_once(gate: Any, seed: int) -> None:
    sys.argv = ["modnet", "train", "--epochs", "0", "--quiet", "--set", "network.layers=[10]", "--seed", str(seed)]
    gate.wait()
    main()


def started_at_once(count: int, method: str) -> None:
    """Start trainings without --out in as many processes; each has a folder of its own."""
    context = multiprocessing.get_context(method)
    gate = context.Barrier(count)
    workers = [context.Process(target=at_once, args=(gate, seed), daemon=True) for seed in range(count)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on it warns of forks
        for worker in workers:
            worker.start()
    for worker in workers:
        worker.join(timeout=300)
    assert [worker.exitcode for worker in workers] == [0] * count
    assert sorted(load(path).config.seed for path in Path("runs").iterdir()) == list(range(count))


@pytest.mark.usefixtures("modnet")
def test_trainings_that_start_at_once_have_folders_of_their_own() -> None:
    started_at_once(8, "fork")


@pytest.mark.soak
@pytest.mark.usefixtures("modnet")
def test_twenty_four_trainings_that_start_at_once_have_folders_of_their_own() -> None:
    started_at_once(24, "spawn")


def test_a_training_that_is_refused_leaves_no_folder(modnet: Modnet) -> None:
    assert modnet("train", "--set", "network.layers=[3]").code == 2
    assert list(Path().iterdir()) == []
    Path("runs").write_text("a file")
    refused = modnet("train", "--epochs", 0)
    assert refused.code == 2
    assert re.fullmatch(r"modnet: runs/digits-\S+: cannot be made: Not a directory\n", refused.err)


def test_config_toml_has_every_default_and_is_a_fixed_point(trained: Modnet) -> None:
    trained("train", "--epochs", 0, "--out", "run")
    text = Path("run/config.toml").read_text()
    dense = {
        "trainable": True,
        "kind": "dense",
        "activation": "sigmoid",
        "bias": True,
        "initializer": "standard-normal",
        "bias_initializer": "standard-normal",
    }
    table = tomllib.loads(text)
    table["callbacks"] = [kind for kind in table["callbacks"] if kind != "progress"]
    assert table == {
        "seed": 0,
        "epochs": 0,
        "engine": {"kind": "numpy", "threads": "auto"},
        "dtype": "float64",
        "metrics": "auto",
        "callbacks": [],
        "data": {"kind": "digits", "validation_share": 0.0, "test_share": 0.0, "transforms": []},
        "cost_with_penalty": False,
        "terminate_on_nan": True,
        "network": {
            "layers": [{**dense, "units": 30}, {**dense, "units": 10}],
            "cost": "quadratic",
            "regularizers": [],
        },
        "optimizer": {
            "kind": "mini-batch",
            "batch_size": 10,
            "shuffle": True,
            "drop_last": False,
            "learning_rate": 3.0,
            "rule": "plain",
            "schedule": "constant",
        },
    }
    assert text.startswith(f"# Written by modnet {__version__}; every default is filled in. Plug-ins: none\n")
    filled = load_config("run/config.toml")
    assert filled == load("run").config
    assert text.endswith(filled.to_toml())
    trained("train", "run/config.toml", "--out", "again")
    assert Path("again/config.toml").read_text() == text


def test_a_run_folders_configuration_gives_the_same_run_again(trained: Modnet) -> None:
    trained("train", "--epochs", 2, "--seed", 5, "--set", "optimizer.rule=adam", "--out", "run")
    trained("train", "run/config.toml", "--out", "again")
    one, other = load_file("run/model.safetensors"), load_file("again/model.safetensors")
    assert one.keys() == other.keys()
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_quiet_says_nothing_but_the_sentence_whatever_the_configuration_names(trained: Modnet) -> None:
    trained("train", "--epochs", 2, "--out", "run")
    assert len(trained("train", "run/config.toml", "--quiet", "--out", "again").lines) == 1


def test_quiet_says_nothing_but_the_sentence(trained: Modnet) -> None:
    lines = trained("train", "--epochs", 2, "--quiet", "--out", "run").lines
    assert len(lines) == 1
    assert lines[0].startswith("Reached test accuracy ")
    assert len(history_of("run")) == 2


def test_no_epochs_give_the_initialised_network(trained: Modnet, digits: tuple[np.ndarray, np.ndarray]) -> None:
    result = trained("train", "--epochs", 0, "--out", "run")
    hits = right("run", digits)
    assert re.fullmatch(
        rf"Reached test accuracy \S+ \({hits} of 360\) after 0 epochs and 0 updates in \S+ s; the run is in run\.\n",
        result.out,
    )
    assert history_of("run") == []
    theta = np.concatenate([values.ravel() for values in load_file("run/model.safetensors").values()])
    assert theta.size == 30 * 64 + 30 + 10 * 30 + 10
    assert abs(theta.mean()) < 0.1  # the standard normal distribution: 2,260 draws, five standard errors
    assert abs(theta.std() - 1.0) < 0.08
    assert len(np.unique(theta)) == theta.size


def test_the_options_for_seed_and_dtype(trained: Modnet) -> None:
    trained("train", "--epochs", 0, "--out", "zero")
    trained("train", "--epochs", 0, "--seed", 1, "--out", "one")
    trained("train", "--epochs", 0, "--dtype", "float32", "--out", "single")
    zero, one, single = (load_file(f"{run}/model.safetensors") for run in ("zero", "one", "single"))
    for name, values in zero.items():
        assert values.dtype == np.float64
        assert single[name].dtype == np.float32
        assert np.array_equal(single[name], values.astype(np.float32))
        assert not np.any(one[name] == values)
    config = load_config("single/config.toml")
    assert (config.dtype, config.seed, load_config("one/config.toml").seed) == ("float32", 0, 1)


def test_an_option_beside_a_file_wins(trained: Modnet) -> None:
    Path("my.toml").write_text('seed = 3\nepochs = 4\n[optimizer]\nkind = "batch"\n')
    lines = trained("train", "my.toml", "--epochs", 1, "--out", "run").lines
    assert re.search(r"after 1 epoch and 1 update in ", lines[-1])
    config = load_config("run/config.toml")
    assert (config.seed, config.epochs, config.optimizer.kind) == (3, 1, "batch")


def test_a_folder_that_is_not_empty_is_left_untouched(modnet: Modnet) -> None:
    folder = Path("run")
    folder.mkdir()
    (folder / "config.toml").write_text("mine")
    result = modnet("train", "--epochs", 1, "--out", "run")
    assert (result.code, result.out) == (2, "")
    assert result.err == "modnet: run: is not empty; a run needs a folder of its own\n"
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("config.toml", "mine")]


def test_an_empty_folder_may_be_there_already(trained: Modnet) -> None:
    Path("run").mkdir()
    trained("train", "--epochs", 1, "--out", "run")
    assert len(history_of("run")) == 1


def test_data_without_test_samples_is_told_by_the_documents_other_line(trained: Modnet, flowers: Flowers) -> None:
    lines = trained("train", *flowers.train, "--epochs", 3, "--out", "run").lines
    assert lines[:-1] == ["Epoch 1/3 complete", "Epoch 2/3 complete", "Epoch 3/3 complete"]
    assert list(history_of("run")[0]) == ["epoch", "learning_rate", "cost", "accuracy", "seconds"]


def test_without_test_samples_the_sentence_tells_what_the_finished_network_reaches(
    trained: Modnet, flowers: Flowers
) -> None:
    sentence = trained("train", *flowers.train, "--epochs", 1, "--quiet", "--out", "run").out
    _, codes = np.unique(flowers.names, return_inverse=True)
    hits = int(np.sum(np.argmax(outputs_of("run", flowers.x), axis=1) == codes))
    assert f"{hits / 90:.2%} ({hits} of 90)" in sentence


def test_validation_samples_are_told_where_there_are_no_others(trained: Modnet, flowers: Flowers) -> None:
    share = ("--set", "data.validation_share=0.2")
    lines = trained("train", *flowers.train, *share, "--epochs", 3, "--out", "run").lines
    rows = history_of("run")
    assert lines[:-1] == [f"Epoch {row['epoch'] + 1}/3: {row['validation_accuracy'] * 18:.0f} / 18" for row in rows]
    assert f"Reached validation accuracy {rows[-1]['validation_accuracy']:.2%} (" in lines[-1]


def test_the_sentence_tells_what_the_network_reaches_that_early_stopping_went_back_to(
    trained: Modnet, rng: np.random.Generator
) -> None:
    noise = rng.normal(size=(120, 3)).tolist()  # nothing to learn: the best epoch soon lies behind
    write_csv(
        "noise.csv", ["a", "b", "c", "coin"], [[*row, "heads" if rng.random() < 0.5 else "tails"] for row in noise]
    )
    settings = ("data.kind=csv", "data.path=noise.csv", "data.target=coin", "data.validation_share=0.5",
                "network.layers=[4, 2]", 'callbacks=["early-stopping"]')  # fmt: skip
    options = [part for setting in settings for part in ("--set", setting)]
    sentence = trained("train", *options, "--quiet", "--out", "run").out
    rows = history_of("run")
    best = min(rows, key=lambda row: row["validation_cost"])
    restored = f"epoch {best['epoch'] + 1} is restored"
    assert f"(stopped: validation_cost has not improved for 5 epochs; {restored})" in sentence
    if best["validation_accuracy"] == rows[-1]["validation_accuracy"]:
        pytest.fail("the two epochs that should be told apart look alike")
    assert f"Reached validation accuracy {best['validation_accuracy']:.2%}" in sentence


def test_processes_that_train_each_by_itself_are_told_so(
    modnet: Modnet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("OMPI_COMM_WORLD_RANK", rank)
        assert modnet("train", "--quiet", "--epochs", 1).code == 0
    (told,) = caplog.messages  # of the first alone
    assert told.startswith(
        "modnet: 2 processes were started together, but the engine 'numpy' trains in each by itself; "
    )


def test_another_engine_goes_on_only_where_it_is_allowed(modnet: Modnet) -> None:
    first = modnet("train", "--quiet", "--epochs", 1, "--set", "callbacks=['checkpoint']", "--out", "run")
    assert (first.code, first.err) == (0, "")
    more = ["train", "--quiet", "--resume", "run", "--epochs", 2, "--set", "engine.threads=2"]
    refused = modnet(*more)
    assert refused.code == 2
    assert "was written with threads 1, here it is 2, so the last bits would differ; allowed with" in refused.err
    assert modnet(*more, "--allow-other-engine").err == ""
    alone = modnet("train", "--allow-other-engine")
    assert alone.err.startswith("modnet: --allow-other-engine: applies only to a training that is resumed")
    other = modnet("train", "--resume", "run", "--set", "seed=3")
    assert "cannot be combined with --set; allowed: --epochs, and --set of the engine" in other.err
