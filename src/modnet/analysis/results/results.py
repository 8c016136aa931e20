"""What a run reached: its learning curves, what it takes for what, and where it is most wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.results.confusion_matrix import ConfusionMatrix, confusion_matrix
from modnet.analysis.results.learning_curves import Curve, history_in, learning_curves
from modnet.analysis.results.predictions import Predictions, answers, match_training
from modnet.components.metrics import R2
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError
from modnet.network.network import Network
from modnet.network.summary import times
from modnet.storage.model_file import load
from modnet.training.run import metric_text
from modnet.training.setup import resolve_metrics

__all__ = ["Image", "PredictionError", "Results", "WorstSample", "results"]

Image: TypeAlias = Literal["auto", "none"] | tuple[int, int]
"""Whether samples are images: as the dataset says, none, or of so many rows and columns."""

SCATTERED = 2000
"""Up to how many samples a fit shows; of more, so many at even distances."""
_SAME = 1e-3
"""Up to which relative difference a cost is that of the history: of float32, on another machine too."""


@dataclass(frozen=True, eq=False)
class WorstSample:
    """A sample that was answered wrongly.

    Attributes:
        sample: Its place in its part, from 0.
        true: Its class; for numbers its targets.
        predicted: What it was taken for; for numbers the outputs.
        cost: Its cost.
        outputs: The network's outputs.
        true_output: The output for its class; None for numbers, and of a network that has one output for two classes.
        predicted_output: The output for what it was taken for; likewise.
        x: The sample as the dataset gives it.
    """

    sample: int
    true: Any
    predicted: Any
    cost: float
    outputs: tuple[float, ...]
    true_output: float | None
    predicted_output: float | None
    x: NDArray[Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes by name, as JSON has them."""
        return {"sample": self.sample, "true": self.true, "predicted": self.predicted, "cost": self.cost,
                "outputs": list(self.outputs), "true_output": self.true_output,
                "predicted_output": self.predicted_output, "x": self.x.tolist()}  # fmt: skip


@dataclass(frozen=True, eq=False)
class PredictionError:
    """Predicted against true numbers.

    Attributes:
        true: The targets of the samples that are shown, (samples, outputs).
        predicted: The outputs, likewise.
        samples: How many samples there are in all.
        r2: The share of each output's variance that is explained, over all samples.
    """

    true: NDArray[Any]
    predicted: NDArray[Any]
    samples: int
    r2: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes by name, as JSON has them."""
        return {"true": self.true.tolist(), "predicted": self.predicted.tolist(), "samples": self.samples,
                "r2": list(self.r2)}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Results:
    """What a run reached.

    Attributes:
        run: The run folder.
        network: The finished network.
        config: The run's configuration.
        history: The history's rows.
        curves: The learning curves, the cost first; none where no epoch was trained.
        answers: The network's answers to the part of the data that all below is of.
        known: Whether the cost of these answers is one of the history's; None where the history cannot tell. False
            says that the data is not what the run was judged by, or that θ was changed after the last epoch.
        confusion: The confusion matrix; None where the targets are numbers.
        fit: Predicted against true numbers; None where the targets are classes.
        mistakes: The wrongly classified samples whose cost is largest; where the targets are numbers, the samples
            whose cost is largest.
        wrong: How many samples are wrongly classified; None where the targets are numbers.
        image: The rows and columns of an image, perhaps with colours, where the samples are images.
    """

    run: str
    network: Network
    config: RunConfig
    history: Sequence[dict[str, Any]]
    curves: tuple[Curve, ...]
    answers: Predictions
    known: bool | None
    confusion: ConfusionMatrix | None
    fit: PredictionError | None
    mistakes: tuple[WorstSample, ...]
    wrong: int | None
    image: tuple[int, ...] | None

    @property
    def part(self) -> str:
        """The part that the answers are of, as people call it."""
        return "training" if self.answers.part == "train" else self.answers.part

    @property
    def sentence(self) -> str:
        """What was reached, in one sentence."""
        figures, count = self.answers.figures, len(self.answers)
        best = next((name for name in ("accuracy", "r2") if name in figures), "cost")
        reached = f"{self.part} {best} {metric_text(best, figures[best])}"
        if self.confusion is not None:
            reached += f" ({self.confusion.right} of {count} {self.part} samples are right)"
        seconds = [row["seconds"] for row in self.history if isinstance(row.get("seconds"), int | float)]
        epochs = f"{len(self.history)} epoch{'' if len(self.history) == 1 else 's'}"
        return f"Reached {reached} after {epochs}{f' in {sum(seconds):.1f} s' if seconds else ''}."

    @property
    def doubt(self) -> str | None:
        """What is to be said where the data may not be the run's, or None."""
        if self.known is not False:
            return None
        return (
            f"The {self.part} cost, {metric_text('cost', self.answers.figures['cost'])}, is that of no epoch in the "
            "history: the data has changed since, or was given in Python, or the network was changed after training."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as JSON has them."""
        return {
            "run": self.run,
            "part": self.answers.part,
            "samples": len(self.answers),
            "figures": self.answers.figures,
            "known": self.known,
            "curves": [curve.to_dict() for curve in self.curves],
            "confusion": None if self.confusion is None else self.confusion.to_dict(),
            "fit": None if self.fit is None else self.fit.to_dict(),
            "wrong": self.wrong,
            "mistakes": [mistake.to_dict() for mistake in self.mistakes],
            "features": None if self.network.features is None else list(self.network.features),
            "image": None if self.image is None else list(self.image),
        }


def results(
    run: str | PathLike[str],
    *,
    part: str | None = None,
    mistakes: int = 12,
    image: Image = "auto",
    data: Data | None = None,
) -> Results:
    """Return what a run reached, worked out from its folder and its data.

    Args:
        run: A run folder.
        part: ``train``, ``validation`` or ``test``; without it the test samples, or where there are none the
            validation samples, or those of the training.
        mistakes: How many mistakes to return.
        image: Whether samples are images. ``auto`` says so where the dataset does, or where a sample is a matrix.
        data: The samples, instead of those that the run's configuration names.

    Raises:
        ModelFileError: the folder has no model or no history, or one is damaged.
        DataError: the data cannot be read, or does not fit the network.
        ConfigError: a sample has not as many features as an image of this size; a part is not installed.
    """
    history, network = history_in(run), load(run)
    config = network.config or RunConfig()
    if data is None:
        config = config.model_copy(update={"data": match_training(network, config.data)})
        data = config.data.load()
    found = answers(network, config, data, part)
    wrong = _wrong(network, found)
    return Results(
        run=fspath(run),
        network=network,
        config=config,
        history=history,
        curves=learning_curves(history, resolve_metrics(config, network)),
        answers=found,
        known=_known(found, history),
        confusion=_confusion(network, found),
        fit=None if network.classes is not None else _fit(found),
        mistakes=_worst(network, found, wrong, mistakes),
        wrong=None if network.classes is None else len(wrong),
        image=_image(image, data, network),
    )


def _wrong(network: Network, found: Predictions) -> NDArray[np.intp]:
    """Return the places of the samples that are wrongly classified; of all, where the targets are numbers."""
    if found.targets.codes is None:
        return np.arange(len(found))
    return np.flatnonzero(network.predict_codes(found.outputs) != found.targets.codes)


def _confusion(network: Network, found: Predictions) -> ConfusionMatrix | None:
    if network.classes is None or found.targets.codes is None:
        return None
    return confusion_matrix(found.targets.codes, network.predict_codes(found.outputs), network.classes)


def _fit(found: Predictions) -> PredictionError:
    true: NDArray[Any] = np.asarray(found.targets.values)
    r2, kept = R2(), slice(None, None, max(1, -(-len(found) // SCATTERED)))
    each = [r2.value(r2.partial(found.outputs[:, [j]], true[:, [j]])) for j in range(true.shape[1])]
    return PredictionError(true[kept], found.outputs[kept], len(found), tuple(each))


def _worst(network: Network, found: Predictions, wrong: NDArray[np.intp], most: int) -> tuple[WorstSample, ...]:
    worst = wrong[np.argsort(-found.costs[wrong], kind="stable")][: max(0, most)]
    outputs = found.outputs[worst]
    of_true: list[Any] = [None] * len(worst)
    of_predicted = of_true
    if network.classes is None:
        true, predicted = np.asarray(found.targets.values)[worst].tolist(), outputs.tolist()
    else:
        codes, answered = np.asarray(found.targets.codes)[worst], network.predict_codes(outputs)
        true, predicted = network.classes[codes].tolist(), network.classes[answered].tolist()
        if network.outputs > 1:
            of_true, of_predicted = (outputs[np.arange(len(worst)), each].tolist() for each in (codes, answered))
    return tuple(
        WorstSample(row, true[at], predicted[at], float(found.costs[row]), tuple(outputs[at].tolist()), of_true[at],
                of_predicted[at], found.x[row])
        for at, row in enumerate(worst.tolist())
    )  # fmt: skip


def _known(found: Predictions, history: Sequence[dict[str, Any]]) -> bool | None:
    """Return whether the cost is one of the history's, which has that of training samples only before their updates."""
    key = f"{found.part}_cost"
    costs = [float(row[key]) for row in history if isinstance(row.get(key), int | float)]
    if not costs:
        return None
    return any(math.isclose(found.figures["cost"], cost, rel_tol=_SAME) for cost in costs)


def _image(wanted: Image, data: Data, network: Network) -> tuple[int, ...] | None:
    if wanted == "none":
        return None
    size = math.prod(network.input_shape)
    if isinstance(wanted, tuple):
        if math.prod(wanted) != size:
            raise ConfigError(
                f"--image {times(wanted)}: a sample has {size} features; allowed: a product of {size}, none"
            )
        return wanted
    if data.image is not None and math.prod(data.image) == size:
        return data.image
    shape = network.input_shape
    is_image = len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4))
    return shape if is_image and min(shape[:2]) > 1 else None
