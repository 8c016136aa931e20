"""Gradient dampening, in the field's words vanishing gradients: why a network does not learn, and what would help."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from modnet.analysis.gradients.diagnosis import FEW_UPDATES, Diagnosis, findings, verdict
from modnet.analysis.gradients.gradient_flow import GradientFlow, drawn, flow_through
from modnet.analysis.gradients.log import EpochGradientFlow, flows_in
from modnet.analysis.gradients.suggestions import Suggestion, find_suggestion, to_overrides
from modnet.analysis.gradients.trials import Trial, TrialRunner, rate_at
from modnet.analysis.progress import Progress, silent
from modnet.config.load import ConfigSource, load_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError, ModelFileError
from modnet.data.prepared import Samples
from modnet.network.network import Network
from modnet.storage.model_file import MODEL_NAME, load
from modnet.storage.run_folder import RunFolder
from modnet.training.setup import build

__all__ = ["Dampening", "dampening"]


@dataclass(frozen=True)
class Dampening:
    """How the error gets through a network, what is wrong, and what would help.

    Attributes:
        source: The configuration's file or the run that it is about; None for the defaults.
        samples: How many training samples went through.
        start: The flow before the first update.
        end: The flow of the trained network that the verdict rests on: the run's, or the trial's; None where the
            numbers of the trial left the finite ones.
        trial: A rehearsal of the training, by the configuration as it is; None where the run was judged as it ended.
        epochs: The flows that a run's callback ``dampening`` has written down.
        findings: What is wrong; none where all is well.
        verdict: The same in one sentence.
        remedy: What was tried against it; None where all is well or none was wanted.
        remedied: The flow at the start with the patch; None where there is none.
    """

    source: str | None
    samples: int
    start: GradientFlow
    end: GradientFlow | None
    trial: Trial | None
    epochs: tuple[EpochGradientFlow, ...]
    findings: tuple[Diagnosis, ...]
    verdict: str
    remedy: Suggestion | None
    remedied: GradientFlow | None

    @property
    def patch(self) -> dict[str, Any] | None:
        """The change of configuration that helps, as ``--set`` takes it; None where none is needed or none helped."""
        return None if self.remedy is None else self.remedy.patch

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "source": self.source,
            "samples": self.samples,
            "well": not self.findings,
            "verdict": self.verdict,
            "findings": [asdict(finding) for finding in self.findings],
            "patch": self.patch,
            "start": self.start.to_dict(),
            "end": None if self.end is None else self.end.to_dict(),
            "epochs": [{"epochs": each.epochs, "flow": each.flow.to_dict()} for each in self.epochs],
            "trial": None if self.trial is None else self.trial.to_dict(),
            "remedy": None if self.remedy is None else self.remedy.to_dict(),
            "remedied": None if self.remedied is None else self.remedied.to_dict(),
        }


def dampening(
    source: ConfigSource = None,
    *,
    samples: int = 512,
    data: Data | None = None,
    remedy: bool = True,
    progress: Progress = silent,
) -> Dampening:
    """Look into how δ gets through a network, say what is wrong, and try what would help.

    A run is judged by its own network. A configuration is judged by a rehearsal: the training that it asks for, of at
    least 300 and at most 5,000 updates; so is a run of fewer than 300, or without a network. What would help is tried
    on a part of the training samples, and judged by the others.

    Args:
        source: A run folder, or whatever `modnet.load_config` takes.
        samples: How many training samples, drawn by the run's seed, go through the network.
        data: The samples, instead of those that the configuration names.
        remedy: Whether to look for a remedy where something is wrong.
        progress: Hears how many trials are done, of how many.

    Raises:
        ConfigError: the configuration does not hold, or does not fit the data.
        DataError: samples or labels cannot be used.
        ModelFileError: the run cannot be read.
    """
    if samples < 1:
        raise ConfigError(f"samples: {samples} is too few; allowed: from 1")
    run = _run_at(source)
    config = load_config(source if run is None else run / RunFolder.CONFIG)
    data = config.data.load() if data is None else data
    network, parts, _ = build(config, data, None)
    sample = drawn(parts["train"], samples, config.seed)
    start = _flow(network, sample, config, 0)
    ground = TrialRunner(config, data, samples)
    length = ground.long(config, network.parameters.size)
    past = 0 if run is None else _passes_of(run)
    trial: Trial | None = None
    end: GradientFlow | None
    if run is not None and past * config.optimizer.updates(len(parts["train"])) >= FEW_UPDATES:
        end = _flow(_trained(run, network), sample, config, past - 1)
        labels = None if network.classes is None else network.classes.tolist()
        found = findings(start, end, labels)
    else:
        trial = ground.baseline(config, length)
        found, end = trial.findings, trial.end
    helps = remedied = None
    if found and remedy:
        helps = find_suggestion(config, ground, length, progress)
        if helps.patch is not None:
            changed = load_config(config, to_overrides(helps.patch))
            remedied = _flow(build(changed, data, None)[0], sample, changed, 0)
    return Dampening(
        source=fspath(source) if isinstance(source, str | PathLike) else None,
        samples=len(sample),
        start=start,
        end=end,
        trial=trial,
        epochs=() if run is None else flows_in(run),
        findings=found,
        verdict=verdict(found, end),
        remedy=helps,
        remedied=remedied,
    )


def _flow(network: Network, sample: Samples, config: RunConfig, epoch: int) -> GradientFlow:
    return flow_through(network, sample, config.optimizer.rule, rate_at(config, epoch), seed=config.seed)


def _run_at(source: ConfigSource) -> Path | None:
    """Return the run folder that ``source`` names, or None where it names none."""
    if not isinstance(source, str | PathLike) or not Path(source).is_dir():
        return None
    folder = Path(source)
    if not (folder / RunFolder.CONFIG).is_file():
        raise ModelFileError(f"{folder}: is no run folder: it has no {RunFolder.CONFIG}")
    return folder


def _trained(run: Path, like: Network) -> Network:
    """Return the run's network, which must be of the shape that its configuration says."""
    network = load(run)
    if network.sizes != like.sizes or network.parameters.size != like.parameters.size:
        raise ModelFileError(f"{run}: {MODEL_NAME} and {RunFolder.CONFIG} are of different networks")
    return network


def _passes_of(run: Path) -> int:
    """Return how many epochs a run's history has; 0 for a run without a network, which has not come to its end."""
    file = run / RunFolder.HISTORY
    if not (run / MODEL_NAME).is_file():
        return 0
    try:
        return len(file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{file}: cannot be read: {error}") from None
