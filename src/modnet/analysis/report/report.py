"""The report of a run as one object: its network, its results, its gradient flow, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

from modnet.analysis.gradients.vanishing import Dampening, dampening
from modnet.analysis.jsonable import jsonable
from modnet.analysis.open_run import OpenRun
from modnet.analysis.progress import Progress, silent
from modnet.analysis.report.provenance import Provenance, provenance
from modnet.analysis.results.results import Image, Results, results
from modnet.analysis.summary import Summary, summary
from modnet.core.dataset import Data

__all__ = ["RunReport", "run_report"]


@dataclass(frozen=True, eq=False)
class RunReport:
    """The report of a run.

    Attributes:
        network: The dimensions of its network.
        results: Its results.
        dampening: How the error δ flows back through its network.
        provenance: Its configuration, who provided its components, and the command that repeats it.
    """

    network: Summary
    results: Results
    dampening: Dampening
    provenance: Provenance

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {name: jsonable(value) for name, value in vars(self).items()}


def run_report(
    run: str | PathLike[str],
    *,
    part: str | None = None,
    mistakes: int = 12,
    image: Image = "auto",
    suggest: bool = True,
    data: Data | None = None,
    progress: Progress = silent,
) -> RunReport:
    """Return the report of a run. Each of its files is read once.

    Args:
        run: A run folder.
        part: As for `results`, like ``mistakes`` and ``image``.
        mistakes: The number of mistakes to return.
        image: Whether samples are images.
        suggest: As for `dampening`: whether to look for a change that helps where something is wrong.
        data: The samples, instead of those that the run's configuration names.
        progress: Called with the number of trials of changes that are done, and of all.

    Raises:
        ModelFileError: the folder has no model file, no history or no configuration, or one is damaged.
        DataError: the data cannot be read, or does not fit the network.
        ConfigError: a component is not installed, or ``image`` does not fit.
    """
    opened = OpenRun.of(run, data)
    reached = results(opened, part=part, mistakes=mistakes, image=image)
    origin = provenance(opened)
    return RunReport(summary(opened.network), reached, dampening(opened, suggest=suggest, progress=progress), origin)
