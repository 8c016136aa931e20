"""Sanity checks before the first epoch: combinations of components and data that cannot learn, each in one line."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from modnet.core.interfaces import Activation, Cost, Solver
from modnet.core.messages import short_repr
from modnet.core.numbers import format_number
from modnet.data.labels import Targets
from modnet.data.prepared import Samples
from modnet.data.validation import blocks
from modnet.network.network import Network

__all__ = ["ignores_zeros", "output_range", "sanity_checks"]

SPREADS = 1000.0
"""By how many times the ranges of two features may differ."""
ROWS, BYTES = 10_000, 64 << 20
"""The most rows, and bytes of them, that the features' ranges are measured on, at even distances."""
_PIECES = 10
OUTSIDE = 0.05
"""The share of the targets' range that may lie outside the outputs' range."""
LARGE = 10_000.0
"""The largest target, by its absolute value, that the steps of an update rule reach without a transform."""
_STEEP = 10.0
"""How many times more a cost of probabilities charges for a = 0 than for ½ where y = 1; a squared error, 4 times."""
_NEAR = np.concatenate([np.linspace(-40.0, 40.0, 321), [-1e3, 1e3]])
_FAR = np.array([-1e6, 1e6])
_NUMBERS = 50_000
"""For how many numbers an activation is evaluated at most; of many units for fewer values each."""


def sanity_checks(network: Network, samples: Samples) -> tuple[str, ...]:
    """Return what is wrong with a configured network for its training samples, in sentences that name a remedy.

    An output activation whose values cannot be the targets, or are no probabilities where the cost takes them as such;
    one that is constant; a cost that never lowers the outputs of labels; numbers to predict that are large, or that the
    cost takes as probabilities; features whose ranges differ more than 1,000-fold; and what the optimizer warns of.
    What an activation and a cost do is found by evaluating them, so those of plug-ins are checked like the others. The
    parameters do not matter.

    Args:
        network: The network.
        samples: The training samples as they enter it.
    """
    outputs = [*_output_checks(network, samples.targets)]
    return (
        *_optimizer_checks(network, samples),
        *outputs,
        *_label_checks(network, samples.targets),
        *_number_checks(network, samples.targets, is_reachable=not outputs),
        *_feature_checks(network, samples),
    )


def _optimizer_checks(network: Network, samples: Samples) -> Iterator[str]:
    warning = None if network.config is None else network.config.optimizer.warning(len(samples))
    if warning is not None:
        yield f"optimizer.{warning}"


def output_range(activation: Activation, cost: Cost, units: int) -> tuple[float, float] | None:
    """Return the least and the greatest prediction that an output activation allows, perhaps ±∞.

    It is evaluated for net inputs of up to ±1,000, for all units at once and for the first and the last alone. A bound
    that ±10⁶ exceeds is none. The result is None where a value is NaN.
    """
    with np.errstate(all="ignore"):
        near, far = (cost.predictions(activation(_net_inputs(values, units))) for values in (_NEAR, _FAR))
    if np.isnan(near).any() or np.isnan(far).any():
        return None
    low, high = float(near.min()), float(near.max())
    margin = 0.01 * max(abs(low), abs(high)) if math.isfinite(low) and math.isfinite(high) else 0.0
    return (
        -math.inf if float(far.min()) < low - margin else low,
        math.inf if float(far.max()) > high + margin else high,
    )


def ignores_zeros(cost: Cost, count: int) -> bool:
    """Whether a cost of ``count`` outputs is the same whatever they are, where all targets are 0."""
    if cost.outputs(count) != count:
        return False
    low, high = cost(np.array([[0.25], [0.75]]).repeat(count, axis=1), np.zeros((2, count))).tolist()
    return bool(low == high)


def _net_inputs(values: NDArray[np.float64], units: int) -> NDArray[np.float64]:
    """Return net inputs, (samples, units): of all units, of the first alone, and of the last."""
    values = np.concatenate([values[: -2 : -(-3 * units * len(values) // _NUMBERS)], values[-2:]])
    z = np.zeros((3, len(values), units))
    z[0] = values[:, None]
    z[1, :, 0] = z[2, :, -1] = values
    return z.reshape(-1, units)


def _output_checks(network: Network, targets: Targets) -> Iterator[str]:
    layer, cost = network.layers[-1], network.cost
    if layer.activation is None or not layer.parameters or layer.component.children(layer.input_shape):
        return  # what is behind other layers is not bounded by the activation alone
    possible = output_range(layer.activation, cost, network.outputs)
    if possible is None:
        return
    (low, high), kind = possible, layer.activation.kind
    place = f"network.layers.{len(network.layers) - 1}.activation: {kind}"
    if low == high or high - low <= 1e-9 * max(abs(low), abs(high)) < math.inf:
        other = "identity" if _are_numbers(targets) else "sigmoid"
        yield f"{place} always gives {format_number(high)}, whatever the net input; use '{other}'"
    elif _are_numbers(targets):
        least, most = _range(targets)
        allowed = OUTSIDE * (most - least)
        if least < low - allowed or most > high + allowed:
            remedy = "use 'identity'"
            if network.target_transform is None:
                remedy += ', with data.target_transform = "standard" where the targets are large'
            yield f"{place} gives values {_between(low, high)}, and {_numbers(network, targets)}; {remedy}"
    elif (low < -OUTSIDE or high > 1.0 + OUTSIDE) and _takes_probabilities(cost, network.target_width or 1):
        is_one = network.outputs == 1 or network.multi_label
        remedy = "use 'sigmoid'" if is_one else "use 'softmax' or 'sigmoid'"
        yield f"{place} gives values {_between(low, high)}, and {cost.kind} takes them as probabilities; {remedy}"


def _label_checks(network: Network, targets: Targets) -> Iterator[str]:
    function, count = network.layers[-1].activation, network.outputs
    if _are_numbers(targets) or (count > 1 and not targets.multi_label):
        return
    if (function is None or function.output_range != "simplex") and ignores_zeros(network.cost, count):
        problem = f"{network.cost.kind} does not depend on outputs that should be 0, so all become 1"
        yield f"network.cost: {problem}; use 'binary-cross-entropy'"


def _number_checks(network: Network, targets: Targets, *, is_reachable: bool) -> Iterator[str]:
    if not _are_numbers(targets):
        return
    least, most = _range(targets)
    if (least < 0.0 or most > 1.0) and _takes_probabilities(network.cost, network.target_width or 1):
        kind, numbers = network.cost.kind, _numbers(network, targets)
        yield f"network.cost: {kind} takes targets as probabilities, and {numbers}; use 'quadratic'"
    is_solved = network.config is not None and isinstance(network.config.optimizer, Solver)
    if is_reachable and network.target_transform is None and max(-least, most) > LARGE and not is_solved:
        yield f'{_numbers(network, targets)}; use data.target_transform = "standard"'


def _numbers(network: Network, targets: Targets) -> str:
    least, most = _range(targets)
    what = "the targets" if network.target_transform is None else "the transformed targets"
    return f"{what} range from {format_number(least)} to {format_number(most)}"


def _are_numbers(targets: Targets) -> bool:
    return targets.classes is None and not targets.multi_label


def _range(targets: Targets) -> tuple[float, float]:
    values = targets.values
    if values is None:
        return 0.0, 1.0
    pieces = [(float(values[rows].min()), float(values[rows].max())) for rows in blocks(values)]
    return min(low for low, _ in pieces), max(high for _, high in pieces)


def _between(low: float, high: float) -> str:
    if math.isinf(low):
        return "without bounds" if math.isinf(high) else f"up to {format_number(high)}"
    return f"from {format_number(low)}" + (" upwards" if math.isinf(high) else f" to {format_number(high)}")


def _takes_probabilities(cost: Cost, width: int) -> bool:
    """Whether a cost charges far more for 0 than for ½ where y = 1, as logarithms do, and nothing beyond 1."""
    if cost.outputs(width) != width:
        return False
    y = np.zeros((4, width))
    y[:, 0] = 1.0
    a = y * [[0.0], [0.5], [1.0], [2.0]]
    with np.errstate(all="ignore"):
        none, half, one, two = cost(a, y).tolist()
    return bool(half > 0.0 and none > _STEEP * half and not two > one)


def _feature_checks(network: Network, samples: Samples) -> Iterator[str]:
    if len(network.input_shape) != 1 or network.layers[0].needs_full_batch:
        return  # an image, whose features are all of one kind, or a first layer that normalizes them
    low = high = np.zeros(0)
    for rows in _some_rows(samples):
        x = np.asarray(samples.x[rows], np.float64)
        low = np.minimum(low, x.min(axis=0)) if low.size else x.min(axis=0)
        high = np.maximum(high, x.max(axis=0)) if high.size else x.max(axis=0)
    with np.errstate(over="ignore"):
        ranges = high - low
    varied = np.flatnonzero(ranges > 1e-12 * np.maximum(np.abs(low), np.abs(high)))
    if not len(varied):
        return
    widest, narrowest = (int(varied[choose(ranges[varied])]) for choose in (np.argmax, np.argmin))
    if ranges[widest] > SPREADS * ranges[narrowest]:
        wide, narrow = (
            (_column(network, index), f"from {format_number(low[index])} to {format_number(high[index])}")
            for index in (widest, narrowest)
        )
        times = format_number(float(ranges[widest] / ranges[narrowest]), 2)
        compared = f"ranges {wide[1]}, {times} times as far as {narrow[0]}, {narrow[1]}"
        yield f'{wide[0]} {compared}; use data.transforms = ["standard"]'


def _some_rows(samples: Samples) -> Iterator[slice]:
    """Yield pieces of all rows, or of as many as are looked at, at even distances: a file is read piece by piece."""
    most = max(_PIECES, min(ROWS, BYTES // max(1, np.asarray(samples.x[:1]).nbytes)))
    if len(samples) <= most:
        yield from blocks(samples.x)
        return
    for start in np.linspace(0, len(samples) - most // _PIECES, _PIECES).astype(int).tolist():
        yield slice(start, start + most // _PIECES)


def _column(network: Network, index: int) -> str:
    """Return a column with its name, or its number where it has none."""
    names = network.features
    if network.preprocessing is not None:
        names = network.preprocessing.output_names
        if network.features is None and names[index].startswith("column "):  # as unnamed ones are called
            return names[index]
    return f"column {index} (counted from 0)" if names is None else f"column {short_repr(names[index])}"
