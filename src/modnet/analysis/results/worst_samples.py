"""The samples that a network predicts worst, as text and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.results.predictions import Predictions
from modnet.core.numbers import format_number
from modnet.data.table import cell_text, raw_row
from modnet.network.decoding import predict_codes
from modnet.network.network import Network

__all__ = ["Table", "WorstSample", "worst_samples", "worst_samples_table"]

Table: TypeAlias = tuple[list[str], list[list[str]]]
"""The headings of the columns, and the rows."""

_FEATURES, _OUTPUTS = 6, 3
"""The number of features that a table shows, and of outputs where the targets are numbers."""


@dataclass(frozen=True, eq=False)
class WorstSample:
    """A sample that is predicted wrongly, or, where the targets are numbers, at a large cost.

    Attributes:
        sample: Its index in its part of the data, from 0.
        true, predicted: Its class and the predicted one; its targets and the outputs where targets are numbers.
        cost, outputs: Its cost, and what the network predicts for it.
        true_output, predicted_output: The outputs for these classes; None for numbers, and where one output stands for
            two classes.
        x: The sample as the dataset provides it, (features,); None where it was not kept.
    """

    sample: int
    true: Any
    predicted: Any
    cost: float
    outputs: tuple[float, ...]
    true_output: float | None
    predicted_output: float | None
    x: NDArray[Any] | None

    @property
    def true_text(self) -> str:
        """The class, or the first targets."""
        return _target_text(self.true)

    @property
    def predicted_text(self) -> str:
        """The predicted class, or the first outputs."""
        return _target_text(self.predicted)

    @property
    def sentence(self) -> str:
        """The sample in a few words."""
        targets = f"true {self.true_text}, predicted {self.predicted_text}"
        return f"sample {self.sample}: {targets}, cost {format_number(self.cost)}"

    @property
    def decisive_outputs(self) -> dict[str, float]:
        """The outputs that explain a wrong class, by what they stand for; none where the targets are numbers."""
        if isinstance(self.true, list):
            return {}
        if self.true_output is None or self.predicted_output is None:
            return {"output": self.outputs[0]}
        return {"output for true": self.true_output, "output for predicted": self.predicted_output}


def worst_samples(
    network: Network, predictions: Predictions, candidates: NDArray[np.intp], most: int
) -> tuple[WorstSample, ...]:
    """Return those of the candidates (indices of samples) with the largest costs, at most ``most``, the worst first."""
    order = np.argsort(-predictions.costs[candidates], kind="stable")[: max(0, most)]
    return tuple(_worst_sample(network, predictions, index) for index in candidates[order].tolist())


def _worst_sample(network: Network, predictions: Predictions, index: int) -> WorstSample:
    outputs, targets = predictions.outputs[index], predictions.targets
    true_output = predicted_output = None
    if network.classes is None:
        true, predicted = np.asarray(targets.values)[index].tolist(), outputs.tolist()
    else:
        code, predicted_code = np.asarray(targets.codes)[index], predict_codes(outputs[None])[0]
        true, predicted = network.classes[[code, predicted_code]].tolist()
        if network.target_width > 1:
            true_output, predicted_output = float(outputs[code]), float(outputs[predicted_code])
    cost = float(predictions.costs[index])
    x = None if predictions.x is None else raw_row(predictions.x, index)
    return WorstSample(index, true, predicted, cost, tuple(outputs.tolist()), true_output, predicted_output, x)


def worst_samples_table(samples: Sequence[WorstSample], network: Network, with_features: bool) -> Table:
    """Return samples as text: index, class and prediction with their outputs, cost, and perhaps the first features."""
    count = int(np.prod(network.raw_shape))
    has_features = with_features and all(sample.x is not None for sample in samples)
    shown = min(count, _FEATURES) if has_features else 0
    features = [f"x{j}" for j in range(shown)] if network.features is None else list(map(str, network.features[:shown]))
    if 0 < shown < count:
        features.append(f"… {count - shown} more")
    outputs = list(samples[0].decisive_outputs) if samples else []
    head = ["sample", "true", "predicted", *outputs, "cost", *features]
    rows = []
    for sample in samples:
        x = [] if sample.x is None else sample.x.ravel()[:shown].tolist()
        numbers = map(format_number, [*sample.decisive_outputs.values(), sample.cost])
        row = [str(sample.sample), sample.true_text, sample.predicted_text, *numbers, *map(cell_text, x)]
        rows.append(row + [""] * (len(head) - len(row)))
    return head, rows


def _target_text(target: Any) -> str:
    if isinstance(target, list):
        return "; ".join(map(format_number, target[:_OUTPUTS])) + ("; …" if len(target) > _OUTPUTS else "")
    return str(target)
