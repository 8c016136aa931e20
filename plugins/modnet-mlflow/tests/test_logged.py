"""What is logged, read by MLflow's own client."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from run_reading import artifact, artifacts, curves, expected_curves, of_epochs, only_run, predicts_the_same, runs

import modnet
from modnet import ConfigError, Run, Trainer, hookimpl, load_config
from modnet.testing import parametrize_checks
from modnet_mlflow import MLflow
from modnet_mlflow.names import LONGEST_NAME, LONGEST_VALUE, mlflow_name, parameters

LAYERS = [12, {"kind": "dropout", "rate": 0.2}, "batch-norm", 10]


def train(*callbacks: Any, out: Path | None = None, **changes: Any) -> Run:
    table = {"epochs": 3, "network": {"layers": LAYERS}, "data": {"validation_share": 0.1}} | changes
    return Trainer.from_config(table).fit(callbacks=callbacks, out=out)


def test_the_curves_are_the_history(client: Any) -> None:
    run = train(MLflow(confusion_every_epochs=0))
    logged = only_run(client)
    assert curves(client, logged) == expected_curves(run.history)
    assert {"cost", "validation_cost", "test_accuracy"} < curves(client, logged).keys()
    assert len(client.get_metric_history(logged.info.run_id, "seconds")) == 3
    assert logged.info.status == "FINISHED"
    assert logged.info.end_time >= logged.info.start_time


class Updates:
    """Hears every update."""

    def __init__(self) -> None:
        self.heard: dict[str, list[tuple[int, float]]] = {"updates/cost": [], "updates/gradient_norm": []}

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        self.heard["updates/cost"].append((training.updates, training.last_cost))
        self.heard["updates/gradient_norm"].append((training.updates, training.gradient_norm))


def test_updates_are_logged_where_that_is_asked_for(client: Any) -> None:
    updates = Updates()
    run = train(updates, MLflow(every_updates=60, confusion_every_epochs=0))
    found = curves(client, only_run(client))
    for name, points in updates.heard.items():
        assert found[name] == points[59::60]
    assert of_epochs(found) == expected_curves(run.history)


def test_more_points_than_a_request_takes(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modnet_mlflow.writer._METRICS", 7)
    monkeypatch.setattr("modnet_mlflow.writer._PARAMETERS", 7)
    run = train(MLflow(every_updates=30, confusion_every_epochs=0))
    logged = only_run(client)
    assert of_epochs(curves(client, logged)) == expected_curves(run.history)
    assert logged.data.params == parameters_by_hand(run)


def parameters_by_hand(run: Run) -> dict[str, str]:
    """Return the leaves of the configuration, as the client should show them."""
    found = {}

    def walk(value: Any, key: str) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                walk(item, f"{key}.{name}" if key else name)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            for index, item in enumerate(value):
                walk(item, f"{key}.{index}")
        else:
            found[key] = value if isinstance(value, str) else json.dumps(value)

    walk(run.config.to_config(), "")
    return found


def test_the_configuration_is_parameters_and_a_file(client: Any, tmp_path: Path) -> None:
    run = train(MLflow(confusion_every_epochs=0))
    logged = only_run(client)
    assert logged.data.params == parameters_by_hand(run)
    assert logged.data.params["network.layers.1.rate"] == "0.2"
    assert logged.data.params["network.layers.0.activation"] == "sigmoid"
    assert load_config(artifact(client, logged, "config.toml", tmp_path)) == run.config


def test_tags_tell_versions_and_digests(client: Any, tmp_path: Path) -> None:
    run = train(MLflow(tags={"who": "a student"}, run_name="the first", confusion_every_epochs=0))
    logged = only_run(client)
    tags = logged.data.tags
    assert tags["who"] == "a student"
    assert logged.info.run_name == "the first"
    assert (tags["version.modnet"], tags["version.numpy"]) == (modnet.__version__, np.__version__)
    for part, samples in run.samples.items():
        assert tags[f"samples.{part}.sha256"] == samples.digest()
    model = artifact(client, logged, "model.safetensors", tmp_path)
    assert tags["model.sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()


def test_the_model_is_an_artifact(client: Any, tmp_path: Path) -> None:
    log = MLflow(confusion_every_epochs=0)
    run = train(log, callbacks=[{"kind": "early-stopping", "monitor": "cost", "patience": 1, "minimum_gain": 9.0}])
    logged = only_run(client)
    assert run.stopped
    assert logged.data.tags["stopped"] == run.stopped
    model = artifact(client, logged, "model.safetensors", tmp_path)
    assert predicts_the_same(run.network, model, run.samples["test"].x)


def test_without_the_model(client: Any) -> None:
    train(MLflow(model=False, confusion_every_epochs=0))
    assert artifacts(client, only_run(client)) == ["config.toml"]


def test_histograms_and_confusion_matrices_are_artifacts(client: Any, tmp_path: Path) -> None:
    run = train(MLflow(histograms_every_epochs=3, confusion_every_epochs=2))
    logged = only_run(client)
    assert artifacts(client, logged) == [
        "config.toml",
        "confusion/test/epoch-00002.png",
        "finished/confusion/test.png",
        "histograms/epoch-00000.json",
        "histograms/epoch-00000.png",
        "histograms/epoch-00003.json",
        "histograms/epoch-00003.png",
        "model.safetensors",
    ]
    found = json.loads(artifact(client, logged, "histograms/epoch-00003.json", tmp_path).read_text())
    for number, layer in enumerate(run.network.layers, 1):
        for name, values in layer.parameters.items():
            histogram = found[f"layer-{number}/{name}"]
            counts, _ = np.histogram(values, np.array(histogram["edges"]))
            assert histogram["counts"] == counts.tolist()
        assert sum(found[f"layer-{number}/delta"]["counts"]) == 256 * np.prod(layer.output_shape)
    for path in ("finished/confusion/test.png", "histograms/epoch-00003.png"):
        pixels = matplotlib.image.imread(artifact(client, logged, path, tmp_path))
        assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 50


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_training_is_to_the_bit_what_it_is_without(client: Any, dtype: str) -> None:
    logged = train(MLflow(every_updates=20, histograms_every_epochs=3, confusion_every_epochs=0), dtype=dtype)
    alone = train(dtype=dtype)
    assert len(runs(client)) == 1
    assert logged.network.parameters.tobytes() == alone.network.parameters.tobytes()
    assert [{**row, "seconds": 0} for row in logged.history] == [{**row, "seconds": 0} for row in alone.history]


def test_each_training_is_a_run_of_its_experiment(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(MLflow(experiment="digits", confusion_every_epochs=0), out=tmp_path / "one")
    train(MLflow(experiment="digits", confusion_every_epochs=0), out=tmp_path / "two")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of the environment")
    train(MLflow(confusion_every_epochs=0), out=tmp_path / "three")
    assert {run.info.run_name for run in runs(client, "digits")} == {"one", "two"}
    assert only_run(client, "of the environment").info.run_name == "three"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("network.layers.0.units", "network.layers.0.units"),
        ('data.columns."km/h"', "data.columns._km_h_"),
        ("größe", "größe"),
        ("a=b;c", "a_b_c"),
        ("..", "_"),
        ("", "_"),
    ],
)
def test_names_are_those_that_mlflow_takes(name: str, expected: str) -> None:
    assert mlflow_name(name) == expected


def test_long_names_and_values_are_cut_off(client: Any) -> None:
    config: dict[str, Any] = {"k" * 400: 1, "k" * 401: 2, "a/b": 3, "a:b": 4, "empty": "", "text": "x" * 9000}
    found = parameters(config)
    assert len(found) == len(config)
    assert all(len(name) <= LONGEST_NAME and 0 < len(value) <= LONGEST_VALUE for name, value in found.items())
    assert found["text"].endswith("x…")
    experiment = client.create_experiment("names")
    run = client.create_run(experiment)
    for name, value in found.items():
        client.log_param(run.info.run_id, name, value)
    assert client.get_run(run.info.run_id).data.params == found


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tracking_uri": ""}, "callbacks.0.tracking_uri"),
        ({"tracking_uri": "https://me:secret@host"}, "callbacks.0.tracking_uri: has a password"),
        ({"experiment": ""}, "callbacks.0.experiment"),
        ({"run_name": "x" * 251}, "callbacks.0.run_name"),
        ({"tags": {"a/b": "c"}}, "callbacks.0.tags: 'a/b' is no name of a tag; allowed: letters"),
        ({"tags": {"a": ""}}, "callbacks.0.tags: a: has 0 characters; allowed: 1 to 5,000"),
        ({"model": 1}, "callbacks.0.model"),
        ({"uri": "x"}, "callbacks.0.uri"),
        ({"every_updates": -1}, "callbacks.0.every_updates"),
    ],
)
def test_an_option_that_is_wrong_is_one_line(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"callbacks": [{"kind": "mlflow", **options}]})
    assert str(caught.value).startswith(problem)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("client")
@parametrize_checks(MLflow, examples=[{"confusion_every_epochs": 0}])
def test_conformance(check: Any) -> None:
    check()


def modnet_command(*arguments: str, cwd: Path) -> str:
    """Return what a command prints; standard error must be empty."""
    command = [sys.executable, "-c", "from modnet.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_it_is_listed_and_shown(tmp_path: Path) -> None:
    assert "mlflow" in modnet_command("plugins", "list", cwd=tmp_path)
    shown = modnet_command("plugins", "show", "callback", "mlflow", cwd=tmp_path)
    assert "modnet-mlflow" in shown
    assert "tracking_uri" in shown


def test_the_command_prints_its_result_alone(client: Any, tmp_path: Path) -> None:
    """MLflow's own messages, about the tables that it makes, say, are no part of a command's output."""
    Path("mlflow.db").unlink()
    settings = ["--set", 'callbacks=[{kind="mlflow", confusion_every_epochs=0}]']
    out = modnet_command("train", "--epochs", "1", "--quiet", "--out", "run", *settings, cwd=tmp_path)
    assert out.count("\n") == 1
    assert out.startswith("Reached test accuracy ")
    del client


def test_without_it_nothing_of_it_is_imported(tmp_path: Path) -> None:
    """Discovery reads the callback's options alone, and a training that does not name it imports no more."""
    code = (
        "import sys; from modnet import Trainer; Trainer.from_config({'epochs': 1}).fit();"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'mlflow', 'sqlalchemy', 'requests'}),"
        "'modnet_mlflow.writer' in sys.modules, 'modnet_mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[] False True\n"
