"""All that there is to say of a run, in one object: its network, its results, how δ gets through it, its origin."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

from modnet.analysis.gradients.vanishing import Dampening, dampening
from modnet.analysis.progress import Progress, silent
from modnet.analysis.report.provenance import Provenance, provenance
from modnet.analysis.results.learning_curves import history_in
from modnet.analysis.results.predictions import match_training
from modnet.analysis.results.results import Image, Results, results
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.network.summary import Summary, summary
from modnet.storage.model_file import load

__all__ = ["RunReport", "run_report"]


@dataclass(frozen=True, eq=False)
class RunReport:
    """All that there is to say of a run.

    Attributes:
        summary: The dimensions of its network.
        results: What it reached.
        dampening: How the error δ gets through its network.
        provenance: Its configuration, who gave its parts, and the command that repeats it.
    """

    summary: Summary
    results: Results
    dampening: Dampening
    provenance: Provenance

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "network": self.summary.to_dict(),
            "results": self.results.to_dict(),
            "dampening": self.dampening.to_dict(),
            "provenance": self.provenance.to_dict(),
        }


def run_report(
    run: str | PathLike[str],
    *,
    part: str | None = None,
    mistakes: int = 12,
    image: Image = "auto",
    remedy: bool = True,
    data: Data | None = None,
    progress: Progress = silent,
) -> RunReport:
    """Return all that there is to say of a run; its data is read once.

    Args:
        run: A run folder.
        part: As for `results`, like ``mistakes`` and ``image``.
        mistakes: How many mistakes to return.
        image: Whether samples are images.
        remedy: As for `dampening`: whether to look for a remedy where something is wrong.
        data: The samples, instead of those that the run's configuration names.
        progress: Hears how many trials of a remedy are done, of how many.

    Raises:
        ModelFileError: the folder has no model, no history or no configuration, or one is damaged.
        DataError: the data cannot be read, or does not fit the network.
        ConfigError: a part is not installed, or ``image`` does not fit.
    """
    if data is None:
        history_in(run)  # what is no run folder is told before data is read
        network = load(run)
        data = match_training(network, (network.config or RunConfig()).data).load()
    found = results(run, part=part, mistakes=mistakes, image=image, data=data)
    origin = provenance(run, found.network)
    flow = dampening(run, data=data, remedy=remedy, progress=progress)
    return RunReport(summary(found.network), found, flow, origin)
