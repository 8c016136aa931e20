"""The results of a run: its learning curves, its predictions against the targets, and its worst samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.finished_run import RunSource, open_run
from modnet.analysis.jsonable import jsonable
from modnet.analysis.open_run import OpenRun, is_number
from modnet.analysis.results.confusion_matrix import ConfusionMatrix, confusion_matrix
from modnet.analysis.results.learning_curves import Curve, learning_curves
from modnet.analysis.results.predictions import Predictions, predict_part
from modnet.analysis.results.worst_samples import WorstSample, worst_samples
from modnet.analysis.summary import times
from modnet.components.metrics import R2
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError
from modnet.core.messages import counted
from modnet.network.decoding import predict_codes
from modnet.network.network import Network
from modnet.training.problem import Problem, find_problem
from modnet.training.result import main_metric, metric_text, part_name
from modnet.training.setup import resolve_metrics

__all__ = ["Image", "PredictionError", "Results", "image_shape", "results"]

Image: TypeAlias = Literal["auto", "none"] | tuple[int, int]
"""Whether samples are images: as the dataset says, not at all, or with so many rows and columns."""

SCATTERED = 2000
"""The most samples of a `PredictionError`; of more samples, so many at even distances."""
_SAME_COST = 1e-3
"""The relative difference up to which a cost counts as one of the history's, in float32 on another machine too."""


@dataclass(frozen=True, eq=False)
class PredictionError:
    """Predicted against true numbers.

    Attributes:
        true, predicted: The targets and the outputs of the samples that are shown, (samples, outputs) each.
        samples: The number of all samples.
        r2: The share of each output's variance that is explained, over all samples.
    """

    true: NDArray[Any]
    predicted: NDArray[Any]
    samples: int
    r2: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Results:
    """The results of a run.

    Attributes:
        run: The run, with its network, configuration and history.
        curves: The learning curves, the cost first; none where no epoch was trained.
        predictions: The network's predictions for the part of the data that everything below is about.
        matches_history: Whether the cost of these predictions is one of the history's; None where the history has no
            such costs. False means that the data is not the run's, or that θ was changed after the last epoch.
        confusion: The confusion matrix; None where the targets are numbers, or a sample has several labels.
        prediction_error: Predicted against true numbers; None where the targets are classes or labels.
        mistakes: The wrongly classified samples with the largest costs; where the targets are numbers, the samples
            with the largest costs. Of several labels, one that is wrong makes the sample wrong.
        errors: The number of wrongly classified samples; None where the targets are numbers.
        image: The rows and columns of an image, perhaps with colours, where the samples are images.
    """

    run: OpenRun
    curves: tuple[Curve, ...]
    predictions: Predictions
    matches_history: bool | None
    confusion: ConfusionMatrix | None
    prediction_error: PredictionError | None
    mistakes: tuple[WorstSample, ...]
    errors: int | None
    image: tuple[int, ...] | None

    @property
    def part(self) -> str:
        """The part of the data, as sentences name it."""
        return part_name(self.predictions.part)

    @property
    def sentence(self) -> str:
        """The most important metric, and how long the training took."""
        metrics, count = self.predictions.metrics, len(self.predictions)
        best, remarks = main_metric(metrics), []
        reached = f"{self.part} {best} {metric_text(best, metrics[best])}".removeprefix("given ")
        if self.confusion is not None and self.predictions.weights is None:
            remarks.append(f"{self.confusion.correct:,} of {count:,} {self.part} samples are correct")
        if best == "accuracy":
            remarks.append(self.predictions.scores.remark(self.predictions.labels))
        if any(remarks):
            reached += f" ({'; '.join(filter(None, remarks))})"
        history = self.run.history
        seconds = [row["seconds"] for row in history if is_number(row.get("seconds"))]
        epochs = counted(len(history), "epoch")
        return f"Reached {reached} after {epochs}{f' in {sum(seconds):.1f} s' if seconds else ''}."

    @property
    def problem(self) -> Problem | None:
        """Why the network has not learnt, as these samples show it, or None where it has."""
        return find_problem(self.predictions.scores, self.predictions.labels, self.part)

    @property
    def warning(self) -> str | None:
        """A sentence where the data may not be the run's, or None."""
        if self.matches_history is not False:
            return None
        cost = metric_text("cost", self.predictions.metrics["cost"])
        return (
            f"The {self.part} cost, {cost}, is not the cost of any epoch in the history: the samples are not those of "
            "the run, or the network was changed after training."
        )

    @property
    def mistakes_title(self) -> str:
        """What the mistakes are, and how many there are in all."""
        count = len(self.predictions)
        if self.errors is None:
            return f"The {len(self.mistakes)} {self.part} samples with the largest cost, of {count:,}"
        if not self.errors:
            return f"No mistakes: all {count:,} {self.part} samples are correct"
        return f"The worst {len(self.mistakes)} of {self.errors:,} mistakes among {count:,} {self.part} samples"

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as JSON has them."""
        return {
            "run": self.run.source,
            "part": self.predictions.part,
            "samples": len(self.predictions),
            "figures": self.predictions.metrics,
            "scores": jsonable(self.predictions.scores),
            "problem": jsonable(self.problem),
            "known": self.matches_history,
            "curves": jsonable(self.curves),
            "confusion": jsonable(self.confusion),
            "fit": jsonable(self.prediction_error),
            "wrong": self.errors,
            "mistakes": jsonable(self.mistakes),
            "features": jsonable(self.run.network.features),
            "image": jsonable(self.image),
        }


def results(
    run: RunSource,
    *,
    part: str | None = None,
    mistakes: int = 12,
    image: Image = "auto",
    data: Data | None = None,
) -> Results:
    """Return the results of a run, computed from its network and its data.

    Args:
        run: A run folder, or a run as `modnet.Trainer.fit` returned it.
        part: ``train``, ``validation`` or ``test``; by default the last of these that the data has.
        mistakes: The number of mistakes to return.
        image: Whether samples are images. With ``auto`` they are where the dataset says so, or a sample is a matrix.
        data: The samples, instead of those that the run's configuration names. All are evaluated, unless they are
            those of the training: then they are divided as there.

    Raises:
        ModelFileError: the folder has no model file or no history, or one is damaged.
        DataError: the data cannot be read, does not fit the network, or is not that of the training any more.
        ConfigError: a sample has not as many features as an image of this size; a component is not installed.
    """
    opened = open_run(run, data)
    history, network = opened.history, opened.network
    predictions = predict_part(opened, part)
    candidates, confusion = np.arange(len(predictions)), None
    if network.classes is not None and predictions.targets.codes is not None:
        true, predicted = predictions.targets.codes, predict_codes(predictions.outputs)
        candidates, confusion = np.flatnonzero(predicted != true), confusion_matrix(true, predicted, network.classes)
    elif network.multi_label:
        labels = np.asarray(predictions.targets.values)
        candidates = np.flatnonzero((network.decode(predictions.outputs) != labels).any(axis=1))
    are_numbers = network.classes is None and not network.multi_label
    return Results(
        run=opened,
        curves=learning_curves(history, resolve_metrics(opened.config, network), network.task),
        predictions=predictions,
        matches_history=_matches_history(predictions, history),
        confusion=confusion,
        prediction_error=_prediction_error(predictions) if are_numbers else None,
        mistakes=worst_samples(network, predictions, candidates, mistakes),
        errors=None if are_numbers else len(candidates),
        image=_image_shape(image, opened, network),
    )


def _prediction_error(predictions: Predictions) -> PredictionError:
    true: NDArray[Any] = np.asarray(predictions.targets.values)
    metric, shown = R2(), slice(None, None, max(1, -(-len(predictions) // SCATTERED)))
    columns = [(predictions.outputs[:, [j]], true[:, [j]]) for j in range(true.shape[1])]
    r2 = tuple(metric.value(metric.partial(*column, predictions.weights)) for column in columns)
    return PredictionError(true[shown], predictions.outputs[shown], len(predictions), r2)


def _matches_history(predictions: Predictions, history: Sequence[dict[str, Any]]) -> bool | None:
    """Return whether the cost is one of the history's, which has no costs of training samples after an epoch."""
    key = f"{predictions.part}_cost"
    costs = [float(row[key]) for row in history if is_number(row.get(key))]
    if not costs:
        return None
    return any(math.isclose(predictions.metrics["cost"], cost, rel_tol=_SAME_COST) for cost in costs)


def _image_shape(image: Image, run: OpenRun, network: Network) -> tuple[int, ...] | None:
    if image == "none" or (image == "auto" and not run.has_samples):
        return None
    size = math.prod(network.input_shape)
    data = run.data
    if isinstance(image, tuple):
        if math.prod(image) != size:
            raise ConfigError(
                f"--image {times(image)}: a sample has {size} features; allowed: a product of {size}, none"
            )
        return image
    return image_shape(data, network)


def image_shape(data: Data, network: Network) -> tuple[int, ...] | None:
    """Return a sample's rows and columns, perhaps with colours, if it is an image: the dataset or its shape says so."""
    if data.image is not None and math.prod(data.image) == math.prod(network.input_shape):
        return data.image
    shape = network.input_shape
    is_image = len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4))
    return shape if is_image and min(shape[:2]) > 1 else None
