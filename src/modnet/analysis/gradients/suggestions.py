"""A suggestion for a network that does not learn: a change of its configuration, found by trying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from modnet.analysis.gradients.trials import SHORT, Trial, TrialRunner
from modnet.analysis.progress import Progress, silent
from modnet.config.load import load_config
from modnet.config.run_config import RunConfig, iter_components
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Activation, Layer

__all__ = ["Patch", "Suggestion", "find_suggestion", "to_overrides"]

Patch: TypeAlias = dict[str, Any]
"""Dotted keys and values, as ``--set`` takes them."""

_INITIALIZERS = ("standard-normal", "scaled-normal", "glorot-normal", "he-normal")
_ACTIVATIONS = (("tanh", "glorot-normal"), ("relu", "he-normal"))
"""Hidden activations, each with the initializer that was made for it."""
_COSTS = {"sigmoid": "binary-cross-entropy", "softmax": "categorical-cross-entropy"}
"""The cost whose δ^L is a − y with an output activation, so that σ′ there dampens nothing."""
_RATES, _FINER_RATES = (1.0, 0.1, 0.01), (3.0, 1.0 / 3.0)
"""Factors of the learning rate: those of the first trials, and those that the finalists are tried with."""
_FINALISTS = 4
_MINIMUM_GAIN = 0.02
"""By how much of accuracy or r² a suggestion must be better than the configuration as it is."""
_SIMPLER = 0.03
"""How much worse than the best a simpler change may be to be preferred."""


@dataclass(frozen=True)
class Suggestion:
    """What was tried, and what helped.

    Attributes:
        patch: The change that helped; None where nothing did.
        before, after: The long trials of the configuration as it is, and with the patch; None where there is none.
        tried, held_out: Every trial, in order, and the number of samples that they were evaluated on and did not see.
    """

    patch: Patch | None
    before: Trial
    after: Trial | None
    tried: tuple[Trial, ...]
    held_out: int

    def to_dict(self) -> dict[str, Any]:
        """Return what was tried and what helped, as a JSON-serializable dict."""
        return {
            "before": self.before.to_dict(),
            "after": None if self.after is None else self.after.to_dict(),
            "held_out": self.held_out,
            "tried": [trial.to_dict() for trial in self.tried],
        }


def find_suggestion(config: RunConfig, runner: TrialRunner, updates: int, progress: Progress = silent) -> Suggestion:
    """Return the simplest change of initializer, activation, cost and learning rate that lets a network learn.

    Every candidate is trained for some hundred updates from the same seed. The most promising are tried with other
    learning rates, and the best of all for as many ``updates`` as the configuration as it is. A change is a suggestion
    where nothing is wrong after them, and where the network is better than with the configuration as it is.
    """
    before = runner.trial(config, updates, {})
    rate = config.optimizer.learning_rate
    candidates = [_with_rate(patch, rate, factor) for patch in _candidates(config) for factor in _RATES]
    candidates.remove({})
    total = len(candidates) + _FINALISTS * len(_FINER_RATES) + _FINALISTS
    tried: list[Trial] = []

    def run_trials(patches: Sequence[Patch], length: int) -> list[Trial]:
        trials = []
        for patch in patches:
            try:
                trials.append(runner.trial(load_config(config, to_overrides(patch)), length, patch))
            except ConfigError:
                continue  # a plug-in's component may refuse what it is combined with
            finally:
                progress("Trying what would help", min(len(tried) + len(trials), total), total)
        tried.extend(trials)
        return trials

    short = run_trials(candidates, SHORT)
    finer = [
        _with_rate(trial.patch, trial.patch.get("optimizer.learning_rate", rate), factor)
        for trial in _finalists(short)
        for factor in _FINER_RATES
    ]
    known = [trial.patch for trial in short]
    short += run_trials([patch for patch in finer if patch not in known], SHORT)
    long = run_trials([dict(trial.patch) for trial in _finalists(short)], updates)
    progress("Trying what would help", total, total)
    # What is wrong need not show in the score on fewer samples.
    least = before.score + (_MINIMUM_GAIN if before.diagnoses else -_MINIMUM_GAIN)
    helpful = [trial for trial in long if not trial.diagnoses and trial.score >= least]
    if not helpful:
        return Suggestion(None, before, None, tuple(tried), runner.held_out)
    best = max(trial.score for trial in helpful)
    close = [trial for trial in helpful if trial.score >= best - _SIMPLER]
    after = min(close, key=lambda trial: (_complexity(trial), -trial.score))
    return Suggestion(dict(after.patch), before, after, tuple(tried), runner.held_out)


def to_overrides(patch: Mapping[str, Any]) -> list[str]:
    """Return a patch as ``--set`` takes it: ``key=value`` for every key."""
    return [f"{key}={value}" for key, value in patch.items()]


def _complexity(trial: Trial) -> int:
    """Return how many kinds of things a trial changes: an initializer in six layers is one."""
    return len({key.rpartition(".")[2].removeprefix("bias_") for key in trial.patch})


def _finalists(trials: Sequence[Trial]) -> list[Trial]:
    """Return the best that changes one kind of thing, the best that changes at most two, and the best of all."""
    ranked = sorted(trials, key=lambda trial: (-trial.score, _complexity(trial)))
    simple = [next((trial for trial in ranked if _complexity(trial) <= most), None) for most in (1, 2)]
    finalists: list[Trial] = []
    for trial in [*simple, *ranked]:
        if trial is not None and trial not in finalists and len(finalists) < _FINALISTS:
            finalists.append(trial)
    return finalists


def _with_rate(patch: Mapping[str, Any], rate: float, factor: float) -> Patch:
    """Return a patch with the learning rate times a factor, in three digits."""
    return dict(patch) if factor == 1.0 else {**patch, "optimizer.learning_rate": float(f"{rate * factor:.3g}")}


def _candidates(config: RunConfig) -> list[Patch]:
    """Return changes of components that go together, the empty one first, and each only once."""
    starts = {kind: _layers(config, _start(kind)) for kind in _INITIALIZERS}
    hidden = {kind: _hidden(config, kind) for kind, _ in _ACTIVATIONS}
    matched = [hidden[kind] | starts[initializer] for kind, initializer in _ACTIVATIONS]
    cost = _matching_cost(config)
    patches = [{}, *starts.values(), cost]
    for alone, started in zip(hidden.values(), matched, strict=True):
        patches += [alone, started]
    patches += [*(started | cost for started in matched), starts["standard-normal"] | cost]
    return [patch for index, patch in enumerate(patches) if patch not in patches[:index]]


def _start(initializer: str) -> dict[str, str]:
    """Return an initializer for weights with what suits it for biases: zeros, unless it is the document's."""
    biases = initializer if initializer == "standard-normal" else "zeros"
    return {"initializer": initializer, "bias_initializer": biases}


def _layers(config: RunConfig, options: Mapping[str, str]) -> Patch:
    """Return the patch that gives every layer these options where it has them."""
    patch: Patch = {}
    for path, layer in _all_layers(config):
        patch |= {f"{path}.{name}": kind for name, kind in options.items() if _differs(layer, name, kind)}
    return patch


def _hidden(config: RunConfig, activation: str) -> Patch:
    """Return the patch that gives every hidden layer this activation.

    An initializer that is the usual one of the activation before becomes that of the new one: where a configuration
    names none, it does so anyway.
    """
    patch, new, last = Patch(), Activation.resolve(activation), f"network.layers.{len(config.network.layers) - 1}"
    for path, layer in _all_layers(config):
        fields = type(layer).model_fields
        is_open = "initializer" in fields or getattr(layer, "activation", None) != Activation.resolve("identity")
        if f"{path}.".startswith(f"{last}.") or not is_open or not _differs(layer, "activation", activation):
            continue
        patch[f"{path}.activation"] = activation
        for name in ("initializer", "bias_initializer"):
            kind, before = getattr(new, f"usual_{name}"), getattr(layer.activation_function(), f"usual_{name}", None)
            if _differs(layer, name, kind) and not _differs(layer, name, str(before)):
                patch[f"{path}.{name}"] = kind
    return patch


def _all_layers(config: RunConfig) -> list[tuple[str, Layer]]:
    """Return the key paths of all layers, those within others included, and the layers."""
    return [(path, part) for path, part in iter_components(config) if isinstance(part, Layer)]


def _differs(layer: Layer, name: str, kind: str) -> bool:
    """Whether a layer has this option, uses it, and another component in it."""
    without_bias = name.startswith("bias_") and not getattr(layer, "bias", True)
    is_option = name in type(layer).model_fields and not without_bias
    return is_option and getattr(layer, name).to_config() != kind


def _matching_cost(config: RunConfig) -> Patch:
    """Return the patch that sets the cost which matches the output activation; empty where there is none."""
    activation = config.network.layers[-1].activation_function()
    matching = None if activation is None else _COSTS.get(activation.kind)
    return {} if matching in (None, config.network.cost.kind) else {"network.cost": matching}
