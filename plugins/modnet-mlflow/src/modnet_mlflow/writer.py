"""The writer: one run of MLflow for one training, whatever interrupts it."""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import modnet
from modnet import LogRecord, LogWriter, TrainingView
from modnet.analysis.logs.contents import described, flat_config
from modnet.analysis.logs.pictures import histogram_picture
from modnet.analysis.logs.writer import Ending, without_credentials
from modnet.analysis.plots.figure import figure_bytes, render
from modnet.core.messages import warn
from modnet_mlflow.names import mlflow_name, parameters
from modnet_mlflow.requests import quick_and_quiet

__all__ = ["MLflowWriter"]

_STATUS: dict[Ending, str] = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
_METRICS, _PARAMETERS = 1000, 100
"""The most of them in one request."""
_TOKEN = "modnet.training"  # noqa: S105 -- the name of a tag, which no secret is in


class MLflowWriter(LogWriter):
    """Logs to a run.

    The run is known by its identifier, which is in checkpoints, and before there is one by a random token in its tags,
    so that a request whose answer was lost makes no second run. MLflow replaces no point of a curve: those that are
    there already, because a process was killed after the checkpoint that it is resumed from, are not logged again.

    Args:
        uri, experiment, name: Where the run is logged, and what it is called; None for the usual.
        tags: Tags beside its own.
        has_model: Whether the model is logged.
    """

    def __init__(
        self, uri: str | None, experiment: str | None, name: str | None, tags: Mapping[str, str], *, has_model: bool
    ) -> None:
        self._uri, self._given_experiment, self._given_name = uri, experiment, name
        self._tags, self._has_model = tags, has_model
        self._client: Any = None
        self._token = secrets.token_hex(8)
        self._run: str | None = None
        self._points: dict[str, dict[int, float]] = {}
        self._last: dict[str, int] = {}
        self._differs = False

    @property
    def target(self) -> str:
        """The URL."""
        return without_credentials(self._uri or os.environ.get("MLFLOW_TRACKING_URI") or "its usual place")

    def state_dict(self) -> dict[str, Any]:
        """Return the run, and the token by which it can be found."""
        return {"token": self._token, "run": self._run}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._token, self._run = state["token"], state["run"]

    @quick_and_quiet()
    def open(self, training: TrainingView) -> bool:
        """Find the run, or make it."""
        from mlflow import MlflowClient

        self._client = MlflowClient(self._uri)
        run = self._find()
        if run is None:
            self._make(training)
            return False
        self._run = run.info.run_id
        self._client.update_run(self._run, status="RUNNING")
        for name in run.data.metrics:
            history = self._client.get_metric_history(self._run, name)
            self._points[name] = {point.step: point.value for point in history}
            self._last[name] = max(self._points[name], default=-1)
        self._describe(training, run.data.params)
        return True

    def _find(self) -> Any:
        """Return the run of this training, or None where there is none any more."""
        from mlflow.exceptions import MlflowException

        if self._run is None:
            experiment = self._client.get_experiment_by_name(self._experiment)
            tagged = f"tags.`{_TOKEN}` = '{self._token}'"
            found = [] if experiment is None else self._client.search_runs([experiment.experiment_id], tagged)
            return found[0] if found else None
        try:
            run = self._client.get_run(self._run)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run if run.info.lifecycle_stage == "active" else None

    @property
    def _experiment(self) -> str:
        return self._given_experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "modnet"

    def _make(self, training: TrainingView) -> None:
        from mlflow.exceptions import MlflowException

        experiment = self._client.get_experiment_by_name(self._experiment)
        try:
            identifier = experiment.experiment_id if experiment else self._client.create_experiment(self._experiment)
        except MlflowException as error:  # another process made it just now
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            identifier = self._client.get_experiment_by_name(self._experiment).experiment_id
        name = self._given_name or (training.folder.name if training.folder else None)
        run = self._client.create_run(identifier, tags={_TOKEN: self._token, **self._tags}, run_name=name)
        self._run, self._points, self._last = run.info.run_id, {}, {}
        self._describe(training, {})

    def _describe(self, training: TrainingView, known: Mapping[str, str]) -> None:
        """Log what the run lacks of parameters, tags and the configuration; what has changed is a tag."""
        from mlflow.entities import Param, RunTag

        here = parameters(flat_config(training.config))
        new = [Param(name, value) for name, value in here.items() if name not in known]
        for batch in _batches(new, _PARAMETERS):
            self._client.log_batch(self._run, params=batch)
        tags = {
            mlflow_name(name if name.startswith("samples.") else f"version.{name}"): value
            for name, value in described(training).items()
        }
        # A parameter can never be changed, and a training that is resumed may have more epochs.
        changed = {f"resumed.{name}": value for name, value in here.items() if known.get(name, value) != value}
        self._client.log_batch(self._run, tags=[RunTag(name, value) for name, value in {**tags, **changed}.items()])
        if changed or not known:
            self._client.log_text(self._run, training.config.to_toml(), "config.toml")

    @quick_and_quiet()
    def write(self, records: Sequence[LogRecord]) -> None:
        """Log the metrics and artifacts of records."""
        for batch in _batches(self._metrics(records), _METRICS):
            self._client.log_batch(self._run, metrics=batch)
            for metric in batch:
                self._last[metric.key] = metric.step
        for record in records:
            epoch = f"epoch-{record.step:05d}"
            if record.histograms:
                counts = {
                    name: {"edges": each.edges.tolist(), "counts": each.counts.tolist()}
                    for name, each in record.histograms.items()
                }
                self._client.log_dict(self._run, counts, f"histograms/{epoch}.json")
                if find_spec("matplotlib") is not None:
                    picture = histogram_picture(record.histograms, f"Layers after epoch {record.step}")
                    self._log_file(figure_bytes(render([picture]), "png"), f"histograms/{epoch}.png")
            for name, png in record.pictures.items():
                self._log_file(png, f"{name}.png" if name.startswith("finished/") else f"{name}/{epoch}.png")

    def _metrics(self, records: Sequence[LogRecord]) -> Iterator[Any]:
        """Yield the points that are not there yet."""
        from mlflow.entities import Metric

        for record in records:
            for name, value in record.numbers.items():
                key = f"updates/{mlflow_name(name)}" if record.axis == "update" else mlflow_name(name)
                if record.step > self._last.get(key, -1):
                    yield Metric(key, value, round(1000 * record.time), record.step)
                elif name != "seconds":
                    self._compare(key, record.step, value)

    def _compare(self, key: str, step: int, value: float) -> None:
        """Say so once where a point that cannot be replaced has another value."""
        there = self._points.get(key, {}).get(step, value)
        if not self._differs and math.isfinite(value) and there != value:
            self._differs = True
            warn(f"mlflow: run {self._run}: has other values from step {step} of {key} on, and keeps them")

    def _log_file(self, content: bytes, path: str) -> None:
        with tempfile.TemporaryDirectory(prefix="modnet-") as folder:
            file = Path(folder, Path(path).name)
            file.write_bytes(content)
            parent = str(Path(path).parent)
            self._client.log_artifact(self._run, str(file), None if parent == "." else parent)

    @quick_and_quiet()
    def close(self, training: TrainingView, ending: Ending) -> None:
        """Log the model of a training that has finished, and set the run's status."""
        try:
            if training.stopped:
                self._client.set_tag(self._run, "stopped", training.stopped)
            if ending == "finished" and self._has_model:
                with tempfile.TemporaryDirectory(prefix="modnet-") as folder:
                    file = Path(folder, "model.safetensors")
                    modnet.save(training.network, file)
                    self._client.log_artifact(self._run, str(file))
                    digest = hashlib.sha256(file.read_bytes()).hexdigest()
                self._client.set_tag(self._run, "model.sha256", digest)
        finally:
            self._client.set_terminated(self._run, _STATUS[ending])


def _batches(items: Any, size: int) -> Iterator[list[Any]]:
    """Yield items by so many."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
