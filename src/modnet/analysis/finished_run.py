"""A run in Python, with the samples that it holds, read as a run folder is."""

from __future__ import annotations

from functools import cached_property
from os import PathLike
from typing import TypeAlias

from modnet.analysis.open_run import OpenRun, all_rows
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.data.prepared import Samples
from modnet.network.network import Network
from modnet.storage.atomic import file_errors
from modnet.storage.metadata import Metadata
from modnet.training.result import Run
from modnet.training.setup import Part, split_data

__all__ = ["RunSource", "open_run"]

RunSource: TypeAlias = "Run | str | PathLike[str]"
"""A run as `modnet.Trainer.fit` returned it, or a run folder."""


def open_run(run: RunSource, data: Data | None = None) -> OpenRun:
    """Return a run to read from, perhaps with other samples; one that is open already stays as it is."""
    if isinstance(run, Run):
        return FinishedRun(run, data)
    return run if isinstance(run, OpenRun) and data is None else OpenRun(run, data)


class FinishedRun(OpenRun):
    """A run as `modnet.Trainer.fit` returned it, with the samples that it holds."""

    has_model = has_samples = True
    record = None  # of which samples it had: they are here

    def __init__(self, run: Run, data: Data | None = None) -> None:
        super().__init__("" if run.folder is None else run.folder, data)
        self._run = run
        self.history = run.history

    @cached_property
    def _model(self) -> tuple[Network, Metadata]:
        with file_errors(self.source or "the run", "cannot be described"):
            return self._run.network, Metadata.of(self._run.network)

    @property
    def network(self) -> Network:
        """The trained network."""
        return self._run.network

    @property
    def folder_config(self) -> RunConfig:
        """The configuration."""
        return self._run.config

    @cached_property
    def data(self) -> Data:
        """The samples that were given, or those of the run: before the transforms, and divided as they were."""
        if self._given is not None:
            return self._given
        parts = {name: (part.x, part.targets.as_given(), part.weights) for name, part in self.parts.items()}
        names, groups = self.network.features, self.parts["train"].groups
        return Data(parts["train"], parts.get("validation"), parts.get("test"), names, groups=groups)

    @cached_property
    def _division(self) -> tuple[dict[str, Part], bool]:
        if self._given is not None:
            return split_data(all_rows(self.config), self.data, self.network), True
        parts = {}
        for name, samples in self._run.samples.items():
            x, targets = samples.raw or (samples.x, samples.targets)
            parts[name] = Part(x, targets, samples.weights, groups=samples.groups)
        return parts, False

    def for_data(self, config: RunConfig) -> RunConfig:
        """Return a configuration as it applies to the samples, which are divided and weighted already."""
        return all_rows(config)

    def samples(self, part: str) -> Samples:
        """Return the samples of a part as they enter the network."""
        return self._run.samples[part] if self._given is None else self.check(part)
