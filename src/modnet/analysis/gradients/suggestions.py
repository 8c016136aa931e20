"""A suggestion for a network that does not learn: a change of its configuration, found by trying."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from modnet.analysis.gradients.trials import SHORT, Trial, TrialRunner
from modnet.analysis.progress import Progress, silent
from modnet.config.load import load_config
from modnet.config.run_config import RunConfig, iter_components
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Activation, Layer

__all__ = ["Patch", "Suggestion", "change_text", "find_better", "find_suggestion", "to_overrides"]

Patch: TypeAlias = dict[str, Any]
"""Dotted keys and values, as ``--set`` takes them."""

_INITIALIZERS = ("standard-normal", "scaled-normal", "glorot-normal", "he-normal")
_ACTIVATIONS = (("tanh", "glorot-normal"), ("relu", "he-normal"))
"""Hidden activations, each with the initializer that was made for it."""
_COSTS = {"sigmoid": "binary-cross-entropy", "softmax": "categorical-cross-entropy"}
"""The cost whose δ^L is a − y with an output activation, so that σ′ there dampens nothing."""
_RATES, _FINER_RATES = (1.0, 0.1, 0.01), (3.0, 1.0 / 3.0)
"""Factors of the learning rate: those of the first trials, and those that the finalists are tried with."""
_HIGHER = 10.0
"""A factor of the learning rate that is tried where little else is changed: a rate that is far too high is an error."""
_EPOCHS = 4
"""The factor of more epochs."""
_FINALISTS, _BEST = 4, 2
_MINIMUM_GAIN = 0.02
"""By how much of accuracy or r² a suggestion must be better than the configuration as it is."""
_MARGIN, _FEWER_ERRORS = 0.05, 1.0 / 3.0
"""By how much of accuracy or r², and by what share of what is missing to 1, a change is better by a wide margin."""
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
    learning rates, and the best of all for as many ``updates`` as the configuration as it is, and one for more epochs.
    A change is a suggestion where nothing is wrong after them, and where the network is better than with the
    configuration as it is.
    """
    rate, before = config.optimizer.learning_rate, runner.trial(config, updates, {})
    patches = [*_candidates(config), *_class_weights(config, runner)]
    candidates = [_with_rate(patch, rate, factor) for patch in patches for factor in _RATES]
    candidates.remove({})
    candidates += [_with_rate(patch, rate, _HIGHER) for patch in patches if len(patch) <= 1]
    total = len(candidates) + _FINALISTS * len(_FINER_RATES) + _FINALISTS
    search = _Search(config, runner, progress, total)
    short = search.run(candidates, SHORT)
    finer = [
        _with_rate(trial.patch, trial.patch.get("optimizer.learning_rate", rate), factor)
        for trial in _finalists(short, _FINALISTS)
        for factor in _FINER_RATES
    ]
    known = [trial.patch for trial in short]
    short += search.run([patch for patch in finer if patch not in known], SHORT)
    long = search.run([dict(trial.patch) for trial in _finalists(short, _FINALISTS)], updates)
    long += search.run_more_epochs(before, updates)
    # What is wrong need not show in the score on fewer samples.
    least = before.score + (_MINIMUM_GAIN if before.diagnoses else -_MINIMUM_GAIN)
    return search.result(before, [trial for trial in long if trial.score >= least])


def find_better(
    config: RunConfig, runner: TrialRunner, updates: int, own: float, progress: Progress = silent
) -> Suggestion:
    """Return the simplest change by which a network that learns becomes better by a wide margin, in few trials.

    Other learning rates, initializers, and for uneven classes balanced weights are tried for some hundred updates from
    the same seed; the two best for as many ``updates`` as the configuration as it is, and one for more epochs. ``own``
    is the score of the network itself on its training samples: without those that are held out it may fail by chance.
    """
    rate, before = config.optimizer.learning_rate, runner.trial(config, updates, {})
    patches = [_with_rate({}, rate, factor) for factor in (_HIGHER, *_FINER_RATES)]
    patches += [*(patch for patch in _starts(config) if patch), *_class_weights(config, runner)]
    search = _Search(config, runner, progress, len(patches) + _BEST)
    short = search.run(patches, min(SHORT, updates))
    long = search.run([dict(trial.patch) for trial in _finalists(short, _BEST)], updates)
    long += search.run_more_epochs(before, updates)
    score = max(before.score, own) if before.diagnoses else before.score
    return search.result(before, [trial for trial in long if _is_far_better(trial.score, score, runner.evaluated)])


def _is_far_better(score: float, before: float, samples: int) -> bool:
    """Return whether a score is better by a wide margin, which so many samples can tell from chance."""
    before = min(max(before, 0.0), 1.0)
    noise = 3.0 * math.sqrt(before * (1.0 - before) / samples)  # three standard errors of a share: the best of some
    return score - before >= max(_MARGIN, noise, (1.0 - before) * _FEWER_ERRORS)


class _Search:
    """The trials of one search, in order, and what follows from them."""

    def __init__(self, config: RunConfig, runner: TrialRunner, progress: Progress, total: int) -> None:
        self._config, self._runner, self._progress, self._total = config, runner, progress, total
        self._tried: list[Trial] = []

    def run(self, patches: Sequence[Patch], updates: int) -> list[Trial]:
        """Return the trials of these patches, for so many updates."""
        trials = []
        for patch in patches:
            try:
                changed = load_config(self._config, to_overrides(patch))
                trials.append(self._runner.trial(changed, updates, patch))
            except ConfigError:
                continue  # a plug-in's component may refuse what it is combined with
            finally:
                done = min(len(self._tried) + len(trials), self._total)
                self._progress("Trying what would help", done, self._total)
        self._tried.extend(trials)
        return trials

    def run_more_epochs(self, before: Trial, updates: int) -> list[Trial]:
        """Return the trial of more epochs, or none where that would not be much longer or would take too long."""
        epochs, per_epoch = _EPOCHS * self._config.epochs, self._runner.updates_per_epoch
        more = self._config.model_copy(update={"epochs": epochs})
        length = self._runner.long_updates(more, sum(layer.parameters for layer in before.start.layers))
        if not epochs or 2 * length < 3 * updates:
            return []
        return self.run([{"epochs": max(epochs, -(-length // per_epoch))}], length)

    def result(self, before: Trial, better: Sequence[Trial]) -> Suggestion:
        """Return the simplest of the better trials that is nearly as good as the best, of those without a problem."""
        self._progress("Trying what would help", self._total, self._total)
        tried, helpful = tuple(self._tried), [trial for trial in better if not trial.diagnoses]
        if not helpful:
            return Suggestion(None, before, None, tried, self._runner.held_out)
        best = max(trial.score for trial in helpful)
        close = [trial for trial in helpful if trial.score >= best - _SIMPLER]
        after = min(close, key=lambda trial: (_complexity(trial), -trial.score))
        return Suggestion(dict(after.patch), before, after, tried, self._runner.held_out)


def change_text(patch: Mapping[str, Any]) -> str:
    """Return a patch in words; what it changes in several layers is named once."""
    changes = (f"{key.rpartition('.')[2].replace('_', ' ')} {value}" for key, value in patch.items())
    return ", ".join(dict.fromkeys(changes)) or "none"


def to_overrides(patch: Mapping[str, Any]) -> list[str]:
    """Return a patch as ``--set`` takes it: ``key=value`` for every key."""
    return [f"{key}={value}" for key, value in patch.items()]


def _complexity(trial: Trial) -> int:
    """Return how many kinds of things a trial changes: an initializer in six layers is one."""
    return len({key.rpartition(".")[2].removeprefix("bias_") for key in trial.patch})


def _finalists(trials: Sequence[Trial], count: int) -> list[Trial]:
    """Return the best that changes one kind of thing, the best that changes at most two, and the best of all."""
    ranked = sorted(trials, key=lambda trial: (-trial.score, _complexity(trial)))
    simple = [next((trial for trial in ranked if _complexity(trial) <= most), None) for most in (1, 2)]
    finalists: list[Trial] = []
    for trial in [*simple, *ranked]:
        if trial is not None and trial not in finalists and len(finalists) < count:
            finalists.append(trial)
    return finalists


def _with_rate(patch: Mapping[str, Any], rate: float, factor: float) -> Patch:
    """Return a patch with the learning rate times a factor, in three digits."""
    return dict(patch) if factor == 1.0 else {**patch, "optimizer.learning_rate": float(f"{rate * factor:.3g}")}


def _candidates(config: RunConfig) -> list[Patch]:
    """Return changes of components that go together, the empty one first, and each only once."""
    starts = dict(zip(_INITIALIZERS, _starts(config), strict=True))
    hidden = {kind: _hidden(config, kind) for kind, _ in _ACTIVATIONS}
    matched = [hidden[kind] | starts[initializer] for kind, initializer in _ACTIVATIONS]
    cost = _matching_cost(config)
    patches = [{}, *starts.values(), cost]
    for alone, started in zip(hidden.values(), matched, strict=True):
        patches += [alone, started]
    patches += [*(started | cost for started in matched), starts["standard-normal"] | cost]
    return [patch for index, patch in enumerate(patches) if patch not in patches[:index]]


def _starts(config: RunConfig) -> list[Patch]:
    """Return the patch that gives every layer an initializer, for each of the initializers that are tried."""
    return [_layers(config, _start(kind)) for kind in _INITIALIZERS]


def _class_weights(config: RunConfig, runner: TrialRunner) -> list[Patch]:
    """Return the patch that lets uneven classes count the same, where none is configured."""
    return [{"data.class_weight": "balanced"}] if runner.uneven and config.data.class_weight is None else []


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
