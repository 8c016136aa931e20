"""A remedy for a network that does not learn: a change of its configuration, found by trying."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from modnet.analysis.gradients.trials import SHORT, Trial, TrialRunner
from modnet.analysis.progress import Progress, silent
from modnet.config.load import load_config
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError

__all__ = ["Patch", "Suggestion", "find_suggestion", "to_overrides"]

Patch: TypeAlias = dict[str, Any]
_INITIALIZERS = ("standard-normal", "scaled-normal", "glorot-normal", "he-normal")
_ACTIVATIONS = (("tanh", "glorot-normal"), ("relu", "he-normal"))
"""Hidden activations, each with the initializer that was made for it."""
_COSTS = {"sigmoid": "binary-cross-entropy", "softmax": "categorical-cross-entropy"}
"""The cost whose δ^L is a − y with an output activation, so that σ′ there dampens nothing."""
_RATES, _FINER = (1.0, 0.1, 0.01), (3.0, 1.0 / 3.0)
_FINALISTS = 4
_DOING = "Trying what would help"
_GAIN = 0.02
"""By so much of accuracy or r² a remedy must be better than the configuration as it is."""
_SIMPLER = 0.03
"""A change of fewer sorts is taken where it comes so near to the best."""


@dataclass(frozen=True)
class Suggestion:
    """What was tried, and what helped.

    Attributes:
        patch: Dotted keys and values, as ``--set`` takes them; None where nothing that was tried helped.
        before: The long trial of the configuration as it is.
        after: That with the patch; None where there is none.
        tried: Every trial, in the order in which they were made.
        held_out: How many training samples judged them and taught none; 0 where there were too few to hold any out.
    """

    patch: Patch | None
    before: Trial
    after: Trial | None
    tried: tuple[Trial, ...]
    held_out: int

    def to_dict(self) -> dict[str, Any]:
        """Return what was tried and what helped, as JSON has it."""
        return {
            "before": self.before.to_dict(),
            "after": None if self.after is None else self.after.to_dict(),
            "held_out": self.held_out,
            "tried": [trial.to_dict() for trial in self.tried],
        }


def find_suggestion(config: RunConfig, ground: TrialRunner, updates: int, progress: Progress = silent) -> Suggestion:
    """Return the simplest change of initializer, activation, cost and learning rate that lets a network learn.

    Some hundred updates of every candidate from the same seed say which are promising; the best are tried with other
    learning rates, and the best of all for as many ``updates`` as the configuration as it is. A change is a remedy
    where nothing is wrong after them, and where the network is better than that of the configuration as it is.
    """
    before = ground.trial(config, updates, {})
    rate = config.optimizer.learning_rate
    wholesale = [_with_rate(bundle, rate, factor) for bundle in _bundles(config) for factor in _RATES]
    candidates = [patch for patch in wholesale if patch]
    whole = len(candidates) + _FINALISTS * len(_FINER) + _FINALISTS
    tried: list[Trial] = []

    def attempt(patches: Sequence[Patch], length: int) -> list[Trial]:
        done = []
        for patch in patches:
            try:
                changed = load_config(config, to_overrides(patch))
                done.append(ground.trial(changed, length, patch))
            except ConfigError:
                continue  # a stranger's part may refuse what it is combined with
            finally:
                progress(_DOING, min(len(tried) + len(done), whole), whole)
        tried.extend(done)
        return done

    short = attempt(candidates, SHORT)
    finer = [
        _with_rate(trial.patch, trial.patch.get("optimizer.learning_rate", rate), factor)
        for trial in _finalists(short)
        for factor in _FINER
    ]
    known = [dict(trial.patch) for trial in short]
    short += attempt([patch for patch in finer if patch not in known], SHORT)
    long = attempt([dict(trial.patch) for trial in _finalists(short)], updates)
    progress(_DOING, whole, whole)
    needed = before.score + (_GAIN if before.findings else -_GAIN)  # what is wrong need not show on fewer samples
    cures = [trial for trial in long if not trial.findings and trial.score >= needed]
    if not cures:
        return Suggestion(None, before, None, tuple(tried), ground.held_out)
    top = max(trial.score for trial in cures)
    after = min(
        (trial for trial in cures if trial.score >= top - _SIMPLER), key=lambda trial: (_sorts(trial), _rank(trial))
    )
    return Suggestion(dict(after.patch), before, after, tuple(tried), ground.held_out)


def to_overrides(patch: Mapping[str, Any]) -> list[str]:
    """Return a patch as ``--set`` takes it: ``key=value`` for every key."""
    return [f"{key}={value}" for key, value in patch.items()]


def _rank(trial: Trial) -> tuple[float, int]:
    return -trial.score, _sorts(trial)


def _sorts(trial: Trial) -> int:
    """Return how many sorts of things a trial changes: a cost is one, an initializer in six layers too."""
    return len({key.rpartition(".")[2].removeprefix("bias_") for key in trial.patch})


def _finalists(short: Sequence[Trial]) -> list[Trial]:
    """Return the best of all, and the best of those that change one sort of thing and two."""
    ranked = sorted(short, key=_rank)
    simple = [next((trial for trial in ranked if _sorts(trial) <= sorts), None) for sorts in (1, 2)]
    chosen: list[Trial] = []
    for trial in [*simple, *ranked]:
        if trial is not None and trial not in chosen and len(chosen) < _FINALISTS:
            chosen.append(trial)
    return chosen


def _with_rate(patch: Mapping[str, Any], rate: float, factor: float) -> Patch:
    """Return a patch with the learning rate times a factor, in three digits."""
    if factor == 1.0:
        return dict(patch)
    return {**patch, "optimizer.learning_rate": float(f"{rate * factor:.3g}")}


def _bundles(config: RunConfig) -> Iterator[Patch]:
    """Yield changes of parts that go together, the empty one first, and each only once."""
    seen: list[Patch] = []
    cost = _cost(config)
    acts = [
        patch
        for activation, initializer in _ACTIVATIONS
        for patch in (_activations(config, activation), _activations(config, activation) | _starts(config, initializer))
    ]
    for patch in (
        {},
        *(_starts(config, kind) for kind in _INITIALIZERS),
        cost,
        *acts,
        *(acts[index] | cost for index in (1, 3)),
        _starts(config, "standard-normal") | cost,
    ):
        if patch not in seen:
            seen.append(patch)
            yield patch


def _activations(config: RunConfig, kind: str) -> Patch:
    """Return what gives every hidden layer that has an activation this one."""
    return _changes(config, {"activation": kind}, hidden=True)


def _starts(config: RunConfig, kind: str) -> Patch:
    """Return what gives every layer this initializer, with biases of 0 unless it is the document's."""
    return _changes(config, {"initializer": kind, "bias_initializer": kind if kind == "standard-normal" else "zeros"})


def _changes(config: RunConfig, options: Mapping[str, str], hidden: bool = False) -> Patch:
    layers = config.network.layers[:-1] if hidden else config.network.layers
    patch: Patch = {}
    for index, layer in enumerate(layers):
        for name, kind in options.items():
            has = name in type(layer).model_fields and not (
                name.startswith("bias_") and not getattr(layer, "bias", True)
            )
            if has and getattr(layer, name).to_config() != kind:
                patch[f"network.layers.{index}.{name}"] = kind
    return patch


def _cost(config: RunConfig) -> Patch:
    """Return what gives the output activation the cost that matches it."""
    activation = config.network.layers[-1].activation_function()
    matching = None if activation is None else _COSTS.get(activation.kind)
    return {} if matching in (None, config.network.cost.kind) else {"network.cost": matching}
