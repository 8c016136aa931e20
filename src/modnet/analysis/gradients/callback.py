"""Gradient dampening, watched for while a network is trained."""

from __future__ import annotations

import sys
from typing import Any, Literal

from pydantic import Field, TypeAdapter

from modnet.analysis.gradients.diagnosis import FEW_UPDATES, Diagnosis, findings
from modnet.analysis.gradients.gradient_flow import GradientFlow, drawn, flow_through
from modnet.analysis.gradients.log import EpochGradientFlow, append_flow
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.plugins.hookspecs import hookimpl

__all__ = ["Dampening"]

GAIN = 0.1
"""What is found begins to count anew where so much more is learnt, as a share of what a constant answer costs."""


class Dampening(Callback):
    """Warns, once, of a network that does not learn because of how δ gets through it (vanishing gradients).

    After every epoch some training samples go through the network, and their error back; the norms of δ and what they
    are made of are kept in the run folder's ``dampening.jsonl``. One line on standard error tells what was found, where
    it was found ``patience`` epochs in a row while little more was learnt, or in the last. ``modnet dampening`` says
    more, and what would help. Source: the document, "Digression on Delta".
    """

    kind: Literal["dampening"] = "dampening"
    samples: int = Field(default=256, ge=1, description="how many training samples, always the same, go through")
    patience: int = Field(
        default=10,
        ge=1,
        description="for how many epochs in a row something must be found, while little more is learnt, to be told",
    )

    def listener(self) -> object:
        """Return a listener that keeps the flow at the start and counts."""
        return _Listener(self)


class _Listener:
    def __init__(self, options: Dampening) -> None:
        self._options = options
        self._start: GradientFlow | None = None
        self._unwritten: list[EpochGradientFlow] = []  # there is no run folder yet when a training starts
        self._found: tuple[Diagnosis, ...] = ()
        self._epochs = 0
        self._explained = 0.0
        self._told = False

    def state_dict(self) -> dict[str, Any]:
        """Return the flow at the start, for how many epochs something was found, and whether it was told."""
        # As a file has it, with lists for tuples.
        start = None if self._start is None else TypeAdapter(GradientFlow).dump_python(self._start, mode="json")
        return {"start": start, "epochs": self._epochs, "explained": self._explained, "told": self._told}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""
        self._start = TypeAdapter(GradientFlow).validate_python(state["start"])
        self._unwritten = [EpochGradientFlow(0, self._start)]
        self._epochs, self._explained, self._told = state["epochs"], state["explained"], state["told"]

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        self._start = self._look(training)
        self._unwritten = [EpochGradientFlow(0, self._start)]

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        now = self._look(training)
        if training.folder is not None:
            for each in [*self._unwritten, EpochGradientFlow(row["epoch"] + 1, now)]:
                append_flow(training.folder, each)
            self._unwritten = []
        if self._told or self._start is None or training.updates < FEW_UPDATES:
            return
        classes = training.network.classes
        self._found = findings(self._start, now, None if classes is None else classes.tolist())
        if not self._found or now.explained >= self._explained + GAIN:
            self._epochs, self._explained = 0, now.explained
        self._epochs += bool(self._found)
        if self._epochs >= self._options.patience:
            self._tell(training)

    @hookimpl
    def modnet_fit_end(self, training: TrainingView) -> None:
        if self._found and not self._told:
            self._tell(training)

    def _look(self, training: TrainingView) -> GradientFlow:
        config, network = training.config, training.network
        samples = drawn(training.train, self._options.samples, config.seed)
        return flow_through(
            network, samples, config.optimizer.rule, training.learning_rate, training.rule_state, config.seed
        )

    def _tell(self, training: TrainingView) -> None:
        self._told = True
        what = "; ".join(finding.text for finding in self._found)
        run = "CONFIG" if training.folder is None else training.folder
        line = f"modnet: epoch {training.epoch}: {what}; what would help: modnet dampening {run}"
        print(line, file=sys.stderr, flush=True)
