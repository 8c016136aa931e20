"""The rules: which network, training and preprocessing a table gets, from its size, its columns and its targets.

They were found by measuring, on the tables of ``benchmarks/tables.py``, and know nothing of any of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.recipe.choices import Choice, Item
from modnet.analysis.recipe.columns import Column
from modnet.core.messages import counted, list_values, short_repr
from modnet.core.numbers import format_number
from modnet.data.labels import Targets

__all__ = ["Facts", "choose", "data_choices"]

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
ENOUGH_TO_VALIDATE = 2_000
"""From how many training rows on some are held out to stop early: a tenth of fewer says too little, and is missed."""
ENOUGH_FOR_TWO_LAYERS = 10_000
UNITS = 100
EPOCHS, PATIENCE = 40, 10
RATE = 0.005
LEAST_BATCH, MOST_BATCH, BATCHES = 16, 256, 256
"""A batch is the power of two nearest to 1/256 of the rows, within bounds."""
UNEVEN = 1.5
"""How many times as frequent as the rarest class the most frequent one must be for classes to be weighted."""
LISTED = 6


@dataclass(frozen=True)
class Facts:
    """What is known of the samples.

    Attributes:
        rows: Their number, without those of parts of their own.
        columns: What the features hold.
        targets: Their targets.
        weights: How much each counts, (rows,); None: all the same.
        test: Whether a share of them is to be held out for the test.
        has_validation: Whether there are validation samples beside them.
    """

    rows: int
    columns: Sequence[Column]
    targets: Targets
    weights: NDArray[np.float64] | None = None
    test: bool = False
    has_validation: bool = False

    @property
    def validates(self) -> bool:
        """Whether there are validation samples, of their own or held out."""
        return self.has_validation or self._without_test >= ENOUGH_TO_VALIDATE

    @property
    def training_rows(self) -> int:
        """How many rows are left to train with."""
        return max(1, self._without_test - self.validation_rows)

    @property
    def test_rows(self) -> int:
        """How many rows are held out for the test."""
        return max(1, round(TEST_SHARE * self.rows)) if self.test else 0

    @property
    def validation_rows(self) -> int:
        """How many of the others are held out for validation."""
        is_held_out = self.validates and not self.has_validation
        return max(1, round(VALIDATION_SHARE * self._without_test)) if is_held_out else 0

    @property
    def _without_test(self) -> int:
        return self.rows - self.test_rows

    @property
    def class_counts(self) -> NDArray[np.float64] | None:
        """How many samples each class has, counted with their weights; None where the targets are no classes."""
        if self.targets.classes is None or self.targets.codes is None:
            return None
        return np.bincount(self.targets.codes, self.weights, len(self.targets.classes)).astype(np.float64)

    @property
    def are_numbers(self) -> bool:
        """Whether numbers are to be predicted."""
        return self.targets.classes is None and not self.targets.multi_label

    @property
    def is_uneven(self) -> bool:
        """Whether one class has many more samples than another."""
        counts = self.class_counts
        return counts is not None and bool(counts.max() > UNEVEN * counts.min())


def choose(facts: Facts) -> list[Choice]:
    """Return the choices that do not say where the data is, in the order of a configuration."""
    return [*_training(facts), *data_choices(facts), *_network(facts), *_optimizer(facts)]


def _training(facts: Facts) -> Iterator[Choice]:
    yield Choice("seed", 0, "another seed gives another division and other initial weights")
    rows = f"{facts.training_rows:,} training rows"
    if facts.validates:
        yield Choice("epochs", EPOCHS, "at most; the training stops early where more do not help")
    else:
        reason = f"{rows} are fewer than {ENOUGH_TO_VALIDATE:,}: all train, for a fixed number of passes"
        yield Choice("epochs", EPOCHS, reason)
    yield Choice("dtype", "float32", "as accurate here as float64, in half the memory")
    monitor = "validation_cost"
    if facts.is_uneven:
        monitor = "validation_balanced_accuracy"
        yield Choice("metrics", ["balanced-accuracy", "accuracy"], "the classes are uneven: the mean over them decides")
    elif facts.are_numbers:
        yield Choice("metrics", ["r2", "mean-absolute-error"], "the second is in the units of the targets")
    if facts.validates:
        stopping = {"kind": "early-stopping", "monitor": monitor, "patience": PATIENCE}
        reason = f"after {PATIENCE} epochs without a gain on the validation samples the best epoch is restored"
        yield Choice("callbacks", [Item(stopping, reason)])


def data_choices(facts: Facts) -> Iterator[Choice]:
    """Yield the choices of how the data is divided and preprocessed."""
    if facts.test:
        reason = f"{facts.test_rows:,} of {facts.rows:,} rows say how good the result is"
        yield Choice("data.test_share", TEST_SHARE, reason)
    if facts.validation_rows:
        rest = facts.training_rows + facts.validation_rows
        reason = f"{facts.validation_rows:,} of {'the other ' if facts.test else ''}{rest:,} rows say when to stop"
        yield Choice("data.validation_share", VALIDATION_SHARE, reason)
    transforms = list(_transforms(facts.columns))
    yield Choice("data.transforms", transforms, "fitted to the training rows alone, in this order")
    counts = facts.class_counts
    if facts.are_numbers:
        yield Choice("data.target_transform", "standard", "predictions are given in the units of the targets")
    if facts.is_uneven and counts is not None:
        reason = f"the classes are uneven ({_class_shares(facts)}): now each counts the same"
        yield Choice("data.class_weight", "balanced", reason)


def _transforms(columns: Sequence[Column]) -> Iterator[Item]:
    numbers = [column for column in columns if not column.is_text]
    texts = [column for column in columns if column.is_text]
    if missing := _missing(numbers):
        yield Item({"kind": "impute", "columns": "number", "strategy": "median"}, f"{missing}; the median is filled in")
    if missing := _missing(texts):
        fill = {"kind": "impute", "columns": "text", "strategy": "constant", "value": "missing"}
        yield Item(fill, f"{missing}; that is a category of its own")
    if numbers:
        yield Item({"kind": "standard", "columns": "number"}, _ranges(numbers))
    if texts:
        categories = ", ".join(f"{short_repr(column.name)} {column.distinct}" for column in texts[:LISTED])
        more = ", …" if len(texts) > LISTED else ""
        reason = f"a column of 0 and 1 for each text: {categories}{more}; a text that training has not is 0 in all"
        yield Item({"kind": "one-hot", "columns": "text", "unknown": "ignore"}, reason)


def _missing(columns: Sequence[Column]) -> str:
    """Return in which columns values are missing, or nothing."""
    found = [column for column in columns if column.missing]
    if not found:
        return ""
    parts = [f"{column.missing:,} in {short_repr(column.name)}" for column in found[:LISTED]]
    more = f", and some in {counted(len(found) - LISTED, 'other column')}" if len(found) > LISTED else ""
    return f"of {found[0].rows:,} rows, missing are {', '.join(parts)}{more}"


def _ranges(numbers: Sequence[Column]) -> str:
    low, high = min(column.low for column in numbers), max(column.high for column in numbers)
    spread = f"from {format_number(low)} to {format_number(high)}"
    return f"{counted(len(numbers), 'column')} of numbers, {spread}: to mean 0 and deviation 1"


def _class_shares(facts: Facts) -> str:
    """Return the most frequent classes with their shares, for a comment."""
    counts, classes = facts.class_counts, facts.targets.classes
    assert counts is not None and classes is not None  # noqa: S101, PT018 -- who calls it knows
    order = np.argsort(-counts, kind="stable")[:LISTED]
    shares = [f"{short_repr(classes[place])} {format_number(counts[place] / counts.sum())}" for place in order]
    return ", ".join(shares) + (", …" if len(classes) > LISTED else "")


def _network(facts: Facts) -> Iterator[Choice]:
    is_large = facts.training_rows >= ENOUGH_FOR_TWO_LAYERS
    size = f"{'at least' if is_large else 'fewer than'} {ENOUGH_FOR_TWO_LAYERS:,} training rows"
    hidden: dict[str, Any] = {"kind": "dense", "units": UNITS, "activation": "relu"}
    output, cost, reason, cost_reason = _output(facts.targets)
    layers = [Item(hidden, f"{size}: {'two hidden layers' if is_large else 'one hidden layer'}")]
    layers += [Item(hidden)] if is_large else []
    yield Choice("network.layers", [*layers, Item(output, reason)])
    yield Choice("network.cost", cost, cost_reason)
    strength = float(f"{1 / facts.training_rows:.2g}")
    reason = f"1 / {facts.training_rows:,} training rows: the fewer there are, the more large weights cost"
    yield Choice("network.regularizers", [Item({"kind": "l2", "strength": strength}, reason)])


def _output(targets: Targets) -> tuple[dict[str, Any], str, str, str]:
    """Return the output layer, the cost, and the reasons of both."""

    def layer(units: int, activation: str) -> dict[str, Any]:
        return {"kind": "dense", "units": units, "activation": activation}

    if targets.classes is not None:
        count = len(targets.classes)
        reason = f"{count:,} classes, {list_values(targets.classes.tolist())}: a probability each"
        return layer(count, "softmax"), "categorical-cross-entropy", reason, "of classes, one of which applies"
    width = targets.width or 1
    if targets.multi_label:
        reason = f"{width:,} labels, each of which may apply: a probability each"
        return layer(width, "sigmoid"), "binary-cross-entropy", reason, "of labels, several of which may apply"
    reason = f"{counted(width, 'number')} to predict, without bounds"
    return layer(width, "identity"), "quadratic", reason, "of numbers"


def _optimizer(facts: Facts) -> Iterator[Choice]:
    rows = facts.training_rows
    power = 2 ** round(math.log2(max(1.0, rows / BATCHES)))
    batch = min(max(LEAST_BATCH, min(MOST_BATCH, power)), rows)
    updates = -(-rows // batch)
    yield Choice("optimizer.kind", "mini-batch")
    yield Choice("optimizer.batch_size", batch, f"{rows:,} training rows: {counted(updates, 'update')} an epoch")
    yield Choice("optimizer.rule", "adam", "has a step size of its own for each weight")
    yield Choice("optimizer.learning_rate", RATE)
    yield Choice("optimizer.schedule", "cosine", "the rate falls to 0 over the epochs")
