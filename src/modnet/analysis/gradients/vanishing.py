"""Gradient dampening (vanishing gradients): why a network does not learn, and what would help."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from modnet.analysis.finished_run import open_run
from modnet.analysis.gradients.callback import EpochGradientFlow, read_flows
from modnet.analysis.gradients.diagnosis import FEW_UPDATES, Diagnosis, verdict
from modnet.analysis.gradients.gradient_flow import GradientFlow, subsample
from modnet.analysis.gradients.suggestions import Suggestion, change_text, find_better, find_suggestion, to_overrides
from modnet.analysis.gradients.trials import Trial, TrialRunner, diagnose_trained, flow_at
from modnet.analysis.jsonable import jsonable
from modnet.analysis.open_run import OpenRun
from modnet.analysis.progress import Progress, silent
from modnet.config.load import ConfigSource, load_config
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError, ModelFileError
from modnet.data.files import is_folder
from modnet.network.network import Network
from modnet.storage.model_file import MODEL_NAME
from modnet.storage.run_folder import RunFolder
from modnet.training.result import Run, metric_text
from modnet.training.setup import build

__all__ = ["Dampening", "dampening"]


@dataclass(frozen=True)
class Dampening:
    """How the error flows through a network, what is wrong, and what would help.

    Attributes:
        source: The configuration file or the run that it is about; None for the defaults.
        samples: The number of training samples.
        start: The gradient flow before the first update.
        end: The gradient flow of the trained network that the verdict is about, the run's or the trial's; None where
            the trial diverged.
        trial: The training of the configuration as it is; None where the verdict is about a run as it ended.
        epochs: The gradient flows that a run's callback ``dampening`` has logged.
        diagnoses: What is wrong; empty where there is no problem.
        verdict: The same in one sentence.
        suggestion: What was tried: against the problem, or to see whether other settings give a far better network;
            None where no suggestion was asked for.
        patched_start: The gradient flow at the start with the suggested patch; None where there is none.
    """

    source: str | None
    samples: int
    start: GradientFlow
    end: GradientFlow | None
    trial: Trial | None
    epochs: tuple[EpochGradientFlow, ...]
    diagnoses: tuple[Diagnosis, ...]
    verdict: str
    suggestion: Suggestion | None
    patched_start: GradientFlow | None

    @property
    def patch(self) -> dict[str, Any] | None:
        """The suggested change of configuration, as ``--set`` takes it; None where there is none."""
        return None if self.suggestion is None else self.suggestion.patch

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-serializable dict."""
        return {
            "source": self.source,
            "samples": self.samples,
            "well": not self.diagnoses,
            "verdict": self.verdict,
            "findings": jsonable(self.diagnoses),
            "patch": self.patch,
            "start": jsonable(self.start),
            "end": jsonable(self.end),
            "epochs": jsonable(self.epochs),
            "trial": jsonable(self.trial),
            "remedy": jsonable(self.suggestion),
            "remedied": jsonable(self.patched_start),
        }


def dampening(
    source: ConfigSource | Run = None,
    *,
    samples: int = 512,
    data: Data | None = None,
    suggest: bool = True,
    progress: Progress = silent,
) -> Dampening:
    """Examine how δ flows back through a network (vanishing gradients), diagnose it, and try what would help.

    A run is diagnosed by its trained network. A configuration is diagnosed by the training that it asks for, of at
    least 300 and at most 5,000 updates; so is a run of fewer than 300, or without a trained network. What would help is
    tried on a part of the training samples, and evaluated on the others. Where nothing seems wrong, a few other
    settings are tried too: a network that is far behind what they give has a problem.

    Args:
        source: A run folder, a run as `modnet.Trainer.fit` returned it, or whatever `modnet.load_config` takes.
        samples: The number of training samples, sampled at random with the run's seed, that go through the network.
        data: The samples, instead of those that the configuration names.
        suggest: Whether to try changes: for one that helps, or that gives a far better network.
        progress: Called with the number of trials that are done, and of all.

    Raises:
        ConfigError: the configuration is not valid, or does not fit the data.
        DataError: samples or labels cannot be used, or are not those of the run's training any more.
        ModelFileError: the run cannot be read.
    """
    if samples < 1:
        raise ConfigError(f"samples: {samples} is too few; allowed: from 1")
    run, name = None, fspath(source) if isinstance(source, str | PathLike) else None
    if isinstance(source, Run | OpenRun) or (isinstance(source, str | PathLike) and is_folder(source)):
        run = open_run(source, data)
        config, data, name = run.folder_config, run.data, run.source or None
        if run.has_model:
            run.samples("train")  # which must be those of the training
            config = run.for_data(config)
    else:
        config = load_config(source)
        data = config.data.load() if data is None else data
    network, parts, _ = build(config, data, None)
    sample = subsample(parts["train"], samples, config.seed)
    start = flow_at(network, sample, config, 0)
    runner = TrialRunner(config, data, samples)
    updates = runner.long_updates(config, network.parameters.size)
    trial = suggestion = patched_start = None
    end: GradientFlow | None
    epochs = len(run.history) if run is not None and run.has_model else 0
    if run is not None and epochs * config.optimizer.updates(len(parts["train"])) >= FEW_UPDATES:
        end = flow_at(_trained(run, network), sample, config, epochs - 1)
        diagnoses = diagnose_trained(_trained(run, network), parts["train"], start, end)
    else:
        trial = runner.trial(config, updates, {}, hold_out=False)
        end, diagnoses = trial.end, trial.diagnoses
    if suggest and diagnoses:
        suggestion = find_suggestion(config, runner, updates, progress)
    elif suggest:
        configured = config.epochs * runner.updates_per_epoch
        suggestion = find_better(config, runner, min(configured, updates) or updates, _score(end), progress)
        diagnoses = _behind(suggestion)
    if suggestion is not None and suggestion.patch is not None:
        patched = load_config(config, to_overrides(suggestion.patch))
        patched_start = flow_at(build(patched, data, None)[0], sample, patched, 0)
    return Dampening(
        source=name,
        samples=len(sample),
        start=start,
        end=end,
        trial=trial,
        epochs=() if run is None or not run.source else read_flows(run.path),
        diagnoses=diagnoses,
        verdict=verdict(diagnoses, end, 0 if suggestion is None else len(suggestion.tried)),
        suggestion=suggestion,
        patched_start=patched_start,
    )


def _score(flow: GradientFlow | None) -> float:
    """Return what trials are compared by, of the samples of a flow; −∞ where there is none."""
    if flow is None or (flow.scores.classes is None and flow.scores.r2 is None):
        return -math.inf
    classes = flow.scores.classes
    if classes is None:
        return flow.scores.r2 or 0.0
    return classes.balanced_accuracy if classes.uneven else classes.accuracy


def _behind(suggestion: Suggestion) -> tuple[Diagnosis, ...]:
    """Return the diagnosis of a network that learns, but is far behind what a change makes of it; else none."""
    before, after = suggestion.before, suggestion.after
    if after is None:
        return ()
    scores = [metric_text(trial.metric, trial.score) for trial in (before, after)]
    samples = f"{suggestion.held_out:,} held-out" if suggestion.held_out else "the"
    reached = f"after {before.updates:,} updates {before.metric.replace('_', ' ')} is {scores[0]} on {samples} samples"
    text = f"the network learns, but is far behind: {reached}, with {change_text(after.patch)} it is {scores[1]}"
    return (Diagnosis("behind", (), (), text),)


def _trained(run: OpenRun, network: Network) -> Network:
    """Return the run's network, which must be of the same shape as the network of its configuration."""
    trained = run.network
    classes = [None if each.classes is None else each.classes.tolist() for each in (trained, network)]
    is_same = trained.sizes == network.sizes and trained.parameters.size == network.parameters.size
    if not is_same or classes[0] != classes[1]:
        raise ModelFileError(f"{run.path}: {MODEL_NAME} and {RunFolder.CONFIG} are of different networks")
    return trained
