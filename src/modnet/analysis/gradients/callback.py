"""The callback that watches for gradient dampening (vanishing gradients) in a training, and the log that it writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError

from modnet.analysis.gradients.diagnosis import FEW_UPDATES, Diagnosis, diagnose
from modnet.analysis.gradients.gradient_flow import GradientFlow, flow_through, subsample
from modnet.analysis.jsonable import jsonable
from modnet.core.errors import ModelFileError
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.messages import epoch_number, warn, warn_once
from modnet.core.plugins.hookspecs import hookimpl
from modnet.data.files import read_bytes
from modnet.storage.atomic import file_errors
from modnet.storage.inside import inside

__all__ = ["LOG", "Dampening", "EpochGradientFlow", "append_flow", "read_flows"]

LOG = "dampening.jsonl"
"""The log's name in the run folder: a line of JSON for the gradient flow at the start, and after each epoch."""

GAIN = 0.1
"""The gain in what is learnt after which the count of epochs starts again, as `GradientFlow.explained` measures it."""


class Dampening(Callback):
    """Warns, once, of a network that does not learn because of how δ flows through it (vanishing gradients).

    After every epoch some training samples go forward and back through the network; the norms of δ, and what they are
    made of, are logged in the run folder's ``dampening.jsonl``. One line on standard error says what is wrong, once
    that was diagnosed ``patience`` epochs in a row while little more was learnt, or in the last epoch. ``modnet
    dampening`` says more, and what would help. Source: the document, "Digression on Delta".
    """

    kind: Literal["dampening"] = "dampening"
    unique: ClassVar[bool] = True
    samples: int = Field(default=256, ge=1, description="how many training samples, always the same, are looked at")
    patience: int = Field(
        default=10,
        ge=1,
        description="after how many epochs in a row with a diagnosis, while little more is learnt, to warn",
    )

    def listener(self) -> object:
        """Return a listener that keeps the gradient flow at the start and counts epochs."""
        return _Listener(self)


class _Listener:
    def __init__(self, options: Dampening) -> None:
        self._options = options
        self._start: GradientFlow | None = None
        self._unwritten: list[
            EpochGradientFlow
        ] = []  # a training that another callback refuses at its start leaves no folder
        self._diagnoses: tuple[Diagnosis, ...] = ()
        self._epochs = 0
        self._explained = 0.0
        self._warned = False

    def state_dict(self) -> dict[str, Any]:
        """Return the flow at the start, the count of epochs with a diagnosis, and whether the warning was given."""
        # Lists in the place of tuples, as a checkpoint has them.
        start = None if self._start is None else TypeAdapter(GradientFlow).dump_python(self._start, mode="json")
        return {"start": start, "epochs": self._epochs, "explained": self._explained, "warned": self._warned}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._start = TypeAdapter(GradientFlow).validate_python(state["start"])
        self._unwritten = [EpochGradientFlow(0, self._start)]
        self._epochs, self._explained, self._warned = state["epochs"], state["explained"], state["warned"]

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        self._start = self._flow(training)
        self._unwritten = [EpochGradientFlow(0, self._start)]

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        now = self._flow(training)
        if training.folder is not None:
            self._unwritten.append(EpochGradientFlow(row["epoch"] + 1, now))
            self._write(training.folder)
        if self._warned or self._start is None or training.updates < FEW_UPDATES:
            return
        self._diagnoses = diagnose(self._start, now, training.network.classes)
        if not self._diagnoses or now.explained >= self._explained + GAIN:
            self._epochs, self._explained = 0, now.explained
        self._epochs += bool(self._diagnoses)
        if self._epochs >= self._options.patience:
            self._warn(training)

    @hookimpl
    def modnet_fit_end(self, training: TrainingView) -> None:
        if self._diagnoses and not self._warned:
            self._warn(training)

    def _flow(self, training: TrainingView) -> GradientFlow:
        config, network = training.config, training.network
        samples = subsample(training.train, self._options.samples, config.seed)
        return flow_through(
            network, samples, config.optimizer.rule, training.learning_rate, training.rule_state, config.seed
        )

    def _write(self, folder: Path) -> None:
        try:
            while self._unwritten:
                append_flow(folder, self._unwritten[0])
                del self._unwritten[0]
        except ModelFileError as error:  # such as a full disk, which must not end the training
            warn_once(f"{error}; the training goes on, and the log is written when that is possible")

    def _warn(self, training: TrainingView) -> None:
        self._warned = True
        problem = "; ".join(diagnosis.text for diagnosis in self._diagnoses)
        source = "CONFIG" if training.folder is None else training.folder
        place = f"epoch {epoch_number(training.epoch)}"
        warn(f"{place}: {problem}; what would help: modnet dampening {source}")


@dataclass(frozen=True)
class EpochGradientFlow:
    """The gradient flow after so many epochs; 0 is the start."""

    epochs: int
    flow: GradientFlow


def append_flow(folder: Path, flow: EpochGradientFlow) -> None:
    """Append a line to a run folder's log, in place of a last line that a killed process left unfinished.

    Raises:
        ModelFileError: the file cannot be written, or is a symbolic link that leads out of the folder.
    """
    path = inside(folder, LOG)
    with file_errors(path, "cannot be written"), path.open("a+b") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(f"{json.dumps(jsonable(flow))}\n".encode())


def read_flows(folder: Path) -> tuple[EpochGradientFlow, ...]:
    """Return the flows in a run folder's log, by epochs; none where there is no log.

    Where a training was resumed from an earlier epoch, what was written after that epoch before is left out. A last
    line that does not end is ignored.

    Raises:
        ModelFileError: the file cannot be read, or a line is not what `append_flow` writes.
    """
    path = folder / LOG
    with file_errors(path, "cannot be read"):
        try:
            content = read_bytes(path)
        except FileNotFoundError:
            return ()
    adapter = TypeAdapter(EpochGradientFlow)
    flows: list[EpochGradientFlow] = []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
        try:
            flow = adapter.validate_json(line)
        except ValidationError:
            raise ModelFileError(f"{path}: line {number} is not the gradient flow of an epoch") from None
        if flow.epochs == 0 and flows:  # the start, written again
            continue
        while flows and flows[-1].epochs >= flow.epochs:
            flows.pop()
        flows.append(flow)
    return tuple(flows)
