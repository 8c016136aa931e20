"""What is wrong with a network, from its gradient flow at the start and now, in sentences that name layers and neurons.

The thresholds are measured; docs/decisions.md has the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from modnet.analysis.gradients.gradient_flow import GradientFlow, LayerGradientFlow
from modnet.core.numbers import format_number
from modnet.training.problem import NOTHING, find_problem
from modnet.training.scores import Scores

__all__ = ["FEW_UPDATES", "Diagnosis", "diagnose", "verdict"]

FEW_UPDATES = 300
"""The number of updates below which a lack of progress is not meaningful."""
LITTLE = 0.5
"""Little is learnt where the cost is less than this share below that of the best constant prediction; that alone is no
diagnosis."""
DAMPENED = 0.01
"""The largest ‖δ‖ at the first layer, as a share of that at the last, that may explain why little is learnt."""
LARGE_STEP, SMALL_STEP = 0.05, 0.01
"""The relative change of a layer by one update from which it may be too large, and up to which it may be too small."""
DEAD_LAYER, DEAD_HALF = 0.9, 0.5
"""The share of dead neurons that is always a diagnosis, and the share that is one where little is learnt."""
_NAMED = 5
"""The most dead neurons that a sentence names."""

Kind: TypeAlias = Literal[
    "diverged", "overshoot", "dead", "dampened", "stuck", "slow", "one-class", "nothing-learnt", "behind"
]


@dataclass(frozen=True)
class Diagnosis:
    """One thing that is wrong.

    Attributes:
        kind: ``diverged``: numbers became non-finite. ``overshoot``: the updates are too large. ``dead``: no error
            passes through some neurons. ``dampened``: δ shrinks so much on its way down that the lower layers do not
            learn (vanishing gradients). ``stuck``: output neurons give the same output for every sample. ``slow``: the
            updates are too small. ``one-class``: none of these, and every sample is classified as the same class.
            ``nothing-learnt``: none of these, and still nothing is learnt. ``behind``: the network learns, but other
            settings give far better ones.
        layers, neurons: The layers that it is about, from 1, and, where it is about one layer, the neurons, from 0.
        text: The diagnosis in words.
    """

    kind: Kind
    layers: tuple[int, ...]
    neurons: tuple[int, ...]
    text: str


def diagnose(
    start: GradientFlow, now: GradientFlow, classes: NDArray[Any] | None = None, scores: Scores | None = None
) -> tuple[Diagnosis, ...]:
    """Return what is wrong with a network after at least `FEW_UPDATES` updates, from its flow before and after them.

    Whether anything is learnt, `modnet.training.problem.find_problem` says; here the cause is found.

    Args:
        start: The gradient flow before the first update.
        now: That of the trained network.
        classes: The labels that the outputs stand for.
        scores: The scores of more training samples than those of ``now``.

    Returns:
        What is wrong; nothing is where it is empty.
    """
    problem, little = find_problem(scores or now.scores, classes), not now.explained >= LITTLE  # NaN is little
    nothing = problem is not None and not now.explained >= NOTHING
    largest = max(start.trained, key=lambda layer: layer.update or 0.0)
    step, diagnoses = largest.update or 0.0, []
    if now.explained < -NOTHING and step >= LARGE_STEP:
        text = f"the updates overshoot: the first alone changes layer {largest.number} by {step:,.0%} of its size"
        diagnoses.append(Diagnosis("overshoot", (largest.number,), (), text))
    diagnoses += [_dead(layer, start.layers[layer.number - 1]) for layer in _dead_layers(now, little, nothing)]
    if little and not diagnoses and start.delta_ratio <= DAMPENED:
        diagnoses.append(_dampened(start))
    if now.stuck and not nothing:
        diagnoses.append(_stuck(now, classes))
    if problem is not None and not diagnoses:
        if nothing and step <= SMALL_STEP:
            most = f"layer {largest.number} the most, by {format_number(step, 2)} of its size"
            text = f"the updates are too small: the first changes {most}"
            diagnoses.append(Diagnosis("slow", (largest.number,), (), text))
        elif problem.kind == "one-class":
            diagnoses.append(Diagnosis("one-class", (), (), problem.text))
        else:
            text = "nothing is learnt, and δ does not show why: it reaches every layer"
            diagnoses.append(Diagnosis("nothing-learnt", (), (), text))
    return tuple(diagnoses)


def verdict(diagnoses: Sequence[Diagnosis], now: GradientFlow | None, tried: int = 0) -> str:
    """Return the diagnoses in one sentence, or that there is no problem, after so many other settings were tried."""
    if diagnoses or now is None:
        return f"Problem: {'; '.join(diagnosis.text for diagnosis in diagnoses)}."
    saved = f"the cost is {now.explained:.0%} below that of the best constant prediction"
    others = f"none of {tried} changes is better by a wide margin" if tried else "no other settings were tried"
    return f"No problem found: δ reaches every layer, {saved}, and {others}."


def _dead_layers(now: GradientFlow, little: bool, nothing: bool) -> list[LayerGradientFlow]:
    """Return the layers that are mostly dead; at the output of a network that learns, flat slopes are success."""
    limit = DEAD_HALF if little else DEAD_LAYER
    layers = now.layers if nothing else now.layers[:-1]
    return [layer for layer in layers if len(layer.dead) >= limit * layer.units]


def _dead(layer: LayerGradientFlow, before: LayerGradientFlow) -> Diagnosis:
    count = len(layer.dead)
    which = f"all {count} neurons" if count == layer.units else f"{count} of {layer.units} neurons"
    if count <= _NAMED:
        which = f"neuron{'s' if count > 1 else ''} {_listed(layer.dead)}"
    early = len(before.dead) >= DEAD_HALF * layer.units
    how = f"{'is' if count == 1 else 'are'} dead from the start" if early else "died"
    text = f"in layer {layer.number} {which} {how}: no error passes through {'it' if count == 1 else 'them'}"
    return Diagnosis("dead", (layer.number,), layer.dead, text)


def _dampened(start: GradientFlow) -> Diagnosis:
    first, last = start.trained[0], start.trained[-1]
    layers = tuple(layer.number for layer in start.trained if layer.delta <= DAMPENED * last.delta)
    how = f"δ is 0 in layer {first.number}"
    if last.delta > 0 and first.delta > 0:
        how = f"δ shrinks {1 / start.delta_ratio:,.0f}-fold from layer {last.number} down to layer {first.number}"
    text = f"{how}, so {_layers(layers)} hardly learn{'s' if len(layers) == 1 else ''}"
    return Diagnosis("dampened", layers, (), text)


def _stuck(now: GradientFlow, classes: NDArray[Any] | None) -> Diagnosis:
    number, neurons = now.layers[-1].number, now.stuck
    plural, names = len(neurons) > 1, _listed(neurons)
    if classes is not None and len(classes) == now.layers[-1].units:
        names += f" (class{'es' if plural else ''} {_listed(classes[list(neurons)].tolist())})"
    which = f"neuron{'s' if plural else ''} {names} give{'' if plural else 's'}"
    text = f"in layer {number}, the output, {which} the same output for every sample"
    return Diagnosis("stuck", (number,), neurons, text)


def _layers(numbers: Sequence[int]) -> str:
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"layers {numbers[0]} to {numbers[-1]}"
    return f"layer{'s' if len(numbers) > 1 else ''} {_listed(numbers)}"


def _listed(items: Sequence[object]) -> str:
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last
