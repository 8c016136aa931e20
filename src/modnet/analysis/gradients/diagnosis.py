"""What is wrong with a network, as its flow at the start and now shows it, in sentences that name layers and neurons.

The thresholds are measured; docs/decisions.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from modnet.analysis.gradients.gradient_flow import GradientFlow, LayerGradientFlow

__all__ = ["FEW_UPDATES", "Diagnosis", "findings", "verdict"]

FEW_UPDATES = 300
"""Before so many updates, that nothing was learnt says nothing."""
NOTHING = 0.05
"""Nothing is learnt where the cost is not this share below that of the best constant answer."""
LITTLE = 0.5
"""Little is learnt below this share; that alone is no finding."""
DAMPENED = 0.01
"""δ at the first layer, as a share of that at the last, up to which it may be why little is learnt."""
LARGE_STEP, SMALL_STEP = 0.05, 0.01
"""One update's change of a layer, relative to the layer: from where it may be too large, up to where too small."""
DEAD_LAYER, DEAD_HALF = 0.9, 0.5
"""The share of dead neurons that is a finding in itself, and that is one where little is learnt."""
_NAMED = 5
"""Up to how many dead neurons a sentence names."""

Kind: TypeAlias = Literal["diverged", "overshoot", "dead", "dampened", "stuck", "slow", "nothing-learnt"]


@dataclass(frozen=True)
class Diagnosis:
    """One thing that is wrong.

    Attributes:
        kind: ``diverged``: numbers left the finite ones. ``overshoot``: the updates are too large. ``dead``: neurons
            that no error gets past. ``dampened``: δ shrinks so much on its way down that the lower layers do not
            learn. ``stuck``: output neurons that answer the same for everything. ``slow``: the updates are too small.
            ``nothing-learnt``: nothing of that, and still nothing learnt.
        layers: The layers that it is about, from 1.
        neurons: The neurons that it is about, from 0, where it is about one layer.
        text: The finding in words.
    """

    kind: Kind
    layers: tuple[int, ...]
    neurons: tuple[int, ...]
    text: str


def findings(start: GradientFlow, now: GradientFlow, labels: Sequence[object] | None = None) -> tuple[Diagnosis, ...]:
    """Return what is wrong with a network that had at least `FEW_UPDATES` updates between two flows; () is all well.

    ``labels`` are the classes that the outputs stand for.
    """
    nothing, little = not now.explained >= NOTHING, not now.explained >= LITTLE  # NaN is nothing
    largest = max(start.trained, key=lambda layer: layer.update or 0.0)
    step, found = largest.update or 0.0, []
    if now.explained < -NOTHING and step >= LARGE_STEP:
        text = f"the updates overshoot: the first alone changes layer {largest.number} by {step:.0%} of its size"
        found.append(Diagnosis("overshoot", (largest.number,), (), text))
    found += [_dead(layer, start.layers[layer.number - 1]) for layer in _dead_layers(now, little, nothing)]
    if little and not found and start.shrinks <= DAMPENED:
        found.append(_dampened(start))
    if now.stuck and not nothing:
        found.append(_stuck(now, labels))
    if nothing and not found:
        if step <= SMALL_STEP:
            most = f"layer {largest.number} the most, by {step:.1e} of its size"
            text = f"the updates are too small: the first changes {most}"
            found.append(Diagnosis("slow", (largest.number,), (), text))
        else:
            text = "nothing is learnt, and δ does not show why: it reaches every layer"
            found.append(Diagnosis("nothing-learnt", (), (), text))
    return tuple(found)


def verdict(found: Sequence[Diagnosis], now: GradientFlow | None) -> str:
    """Return one sentence that names what was found, or says that all is well."""
    if found or now is None:
        return f"Not well: {'; '.join(finding.text for finding in found)}."
    return f"All is well: δ reaches every layer, and {now.explained:.0%} of what a constant answer costs is saved."


def _dead_layers(now: GradientFlow, little: bool, nothing: bool) -> list[LayerGradientFlow]:
    """Return the layers that are all but dead; at the output of a network that learns, flat slopes are success."""
    limit = DEAD_HALF if little else DEAD_LAYER
    last = now.layers[-1].number
    return [
        layer for layer in now.layers if len(layer.dead) >= limit * layer.units and (layer.number != last or nothing)
    ]


def _dead(layer: LayerGradientFlow, before: LayerGradientFlow) -> Diagnosis:
    count = len(layer.dead)
    which = f"all {count} neurons" if count == layer.units else f"{count} of {layer.units} neurons"
    if count <= _NAMED:
        which = f"neuron{'s' if count > 1 else ''} {_listed(layer.dead)}"
    early = len(before.dead) >= DEAD_HALF * layer.units
    how = ("is" if count == 1 else "are") + " dead from the start" if early else "died"
    return Diagnosis(
        "dead", (layer.number,), layer.dead, f"in layer {layer.number} {which} {how}: no error gets past them"
    )


def _dampened(start: GradientFlow) -> Diagnosis:
    last = start.trained[-1]
    faint = tuple(layer.number for layer in start.trained if layer.delta <= DAMPENED * last.delta)
    if last.delta > 0 and start.trained[0].delta > 0:
        how = (
            f"δ shrinks {1 / start.shrinks:,.0f}-fold from layer {last.number} down to layer {start.trained[0].number}"
        )
    else:
        how = f"δ is 0 in layer {start.trained[0].number}"
    return Diagnosis("dampened", faint, (), f"{how}, so {_layers(faint)} hardly learn{'s' if len(faint) == 1 else ''}")


def _stuck(now: GradientFlow, labels: Sequence[object] | None) -> Diagnosis:
    number, neurons = now.layers[-1].number, now.stuck
    plural, names = len(neurons) > 1, _listed(neurons)
    if labels is not None and len(labels) == now.layers[-1].units:
        names += f" (class{'es' if plural else ''} {_listed([labels[neuron] for neuron in neurons])})"
    text = (
        f"in layer {number}, the output, neuron{'s' if plural else ''} {names} "
        f"answer{'' if plural else 's'} the same for everything"
    )
    return Diagnosis("stuck", (number,), neurons, text)


def _layers(numbers: Sequence[int]) -> str:
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"layers {numbers[0]} to {numbers[-1]}"
    return f"layer{'s' if len(numbers) > 1 else ''} {_listed(numbers)}"


def _listed(items: Sequence[object]) -> str:
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last
