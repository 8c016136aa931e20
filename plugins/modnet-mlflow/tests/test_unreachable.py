"""Stores that cannot be reached: one line, and the training goes on as if there were no log."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from run_reading import artifact, artifacts, curves, expected_curves, of_epochs, only_run, predicts_the_same
from server import Server, serving

from modnet import Run, Trainer
from modnet_mlflow import MLflow

TABLE: dict[str, Any] = {"epochs": 6, "network": {"layers": [8, 10]}}


def train(*callbacks: Any, **changes: Any) -> Run:
    return Trainer.from_config(TABLE | changes).fit(callbacks=callbacks)


def same(run: Run) -> bool:
    """Return whether a training ended with the bits of one without a log."""
    return run.network.parameters.tobytes() == train().network.parameters.tobytes()


@contextmanager
def closed_port() -> Iterator[str]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{one.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes requests and never answers."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(64)
        yield f"http://127.0.0.1:{one.getsockname()[1]}"


@contextmanager
def of(uri: str) -> Iterator[str]:
    yield uri


@pytest.mark.parametrize(
    "place",
    [
        closed_port(),
        silent(),
        of("http://no-such-host.invalid"),
        of("sqlite:////proc/self/nowhere/mlflow.db"),
        of("gopher://host"),
        of("postgresql://localhost/none"),
        of("file:///proc/self/nowhere"),
    ],
    ids=["closed", "silent", "no host", "no folder", "no scheme", "no driver", "no files"],
)
def test_what_cannot_be_reached(
    place: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr("modnet.analysis.logs.listener.SHARE", 1000)  # once in the beginning, once at the end
    with place as uri:
        run = train(MLflow(tracking_uri=uri, every_updates=20, histograms_every_epochs=2, confusion_every_epochs=0))
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith(f"modnet: mlflow: {uri}: cannot be written: ")
    assert same(run)


def test_a_password_is_in_no_message(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with closed_port() as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.replace("//", "//me:secret@"))
        monkeypatch.setattr("modnet.analysis.logs.listener.SHARE", 1000)
        train(MLflow(confusion_every_epochs=0), epochs=1)
        err = capfd.readouterr().err
    assert f"mlflow: {uri}: cannot be written" in err
    assert "secret" not in err


def test_a_training_is_refused_by_no_store(client: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """The experiment was deleted, and MLflow makes no other one of its name."""
    client.delete_experiment(client.create_experiment("gone"))
    run = train(MLflow(experiment="gone", confusion_every_epochs=0))
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert "deleted" in err
    assert same(run)


def test_what_was_logged_before_an_error_is_not_logged_again(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the histograms of an epoch cannot be stored what its numbers could."""
    from mlflow import MlflowClient

    sent: list[tuple[str, int]] = []
    log_batch = MlflowClient.log_batch

    def count(self: Any, run_id: str, metrics: Any = (), **options: Any) -> Any:
        sent.extend((metric.key, metric.step) for metric in metrics)
        return log_batch(self, run_id, metrics=metrics, **options)

    def refuse(*arguments: Any) -> None:
        raise OSError("no room for artifacts", len(arguments))

    monkeypatch.setattr(MlflowClient, "log_batch", count)
    monkeypatch.setattr(MlflowClient, "log_dict", refuse)
    run = train(MLflow(histograms_every_epochs=2, confusion_every_epochs=0))
    assert len(sent) == len(set(sent))
    assert of_epochs(curves(client, only_run(client))) == expected_curves(run.history)


@pytest.fixture
def server(empty_database: Path, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    with serving(tmp_path) as running:
        yield running


def test_a_server_that_goes_away_and_comes_back(
    server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    def come_and_go(training: Any, row: dict[str, Any]) -> None:
        del row
        if training.epochs == 2:
            server.stop()
        elif training.epochs == 5:
            server.start()

    run = train(come_and_go, MLflow(tracking_uri=server.url, every_updates=50, histograms_every_epochs=3))
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith(f"modnet: mlflow: {server.url}: cannot be written: ")
    assert same(run)
    client = MlflowClient(server.url)
    logged = only_run(client)
    found = curves(client, logged)
    assert of_epochs(found) == expected_curves(run.history)
    assert [step for step, _ in found["updates/cost"]] == list(range(50, run.updates + 1, 50))
    assert logged.info.status == "FINISHED"
    assert "histograms/epoch-00006.png" in artifacts(client, logged)
    assert "finished/confusion/test.png" in artifacts(client, logged)
    model = artifact(client, logged, "model.safetensors", tmp_path)
    assert predicts_the_same(run.network, model, run.samples["test"].x)
