"""Faulty metrics, callbacks and datasets."""

# ruff: noqa: ARG002, N818 -- faulty components ignore their arguments, and a mean squared error is no exception

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from testing.faulty.record import found_by

from modnet import Callback, Data, Dataset, hookimpl
from modnet.components.metrics import Accuracy, MeanSquaredError


@found_by("merge-equals-whole", "in 2 pieces it is")
class MeanOfMeans(Accuracy):
    """The mean of the pieces' accuracies, whatever their lengths."""

    kind: Literal["mean-of-means"] = "mean-of-means"

    def merge(self, one, other):
        shares = [part[0] / part[1] for part in (one, other)]
        return np.array([sum(shares) / 2.0, 1.0])


@found_by("merge-order", "in another order it is")
class LastPieceOnly(MeanSquaredError):
    """Σ (a − y)² of the last piece."""

    kind: Literal["last-piece-only"] = "last-piece-only"

    def merge(self, one, other):
        return other


@found_by("perfect-is-best", "better = 'higher', but exact outputs")
class WrongWay(MeanSquaredError):
    """Σ (a − y)², where higher is called better."""

    kind: Literal["wrong-way"] = "wrong-way"
    better: ClassVar[Literal["higher", "lower"]] = "higher"


@found_by("inputs-not-modified", "merge modifies its input")
class MergesInPlace(MeanSquaredError):
    """Σ (a − y)², added up in the first piece."""

    kind: Literal["merges-in-place"] = "merges-in-place"

    def merge(self, one, other):
        one += other
        return one


@found_by("label-format", "the label should be")
class BadLabel(MeanSquaredError):
    """Σ (a − y)² with a label that contains blanks."""

    kind: Literal["bad-label"] = "bad-label"

    @property
    def label(self):
        return "Mean Squared Error"


@found_by("label-format", "'validation_error' is reserved in the history")
class ReservedLabel(MeanSquaredError):
    """Σ (a − y)², under the name of another metric of the validation samples."""

    kind: Literal["validation-error"] = "validation-error"


@found_by("merge-equals-whole", "value should return a finite Python float, got array")
class ArrayValue(MeanSquaredError):
    """Σ (a − y)², as an array."""

    kind: Literal["array-value"] = "array-value"

    def value(self, total):
        return np.array(super().value(total))


@found_by("weights-repeat-samples", "the value should be")
class IgnoresWeights(MeanSquaredError):
    """Σ (a − y)², in which all samples count the same."""

    kind: Literal["ignores-weights"] = "ignores-weights"

    def partial(self, a, y, weights):
        return super().partial(a, y, None)


@found_by("weights-repeat-samples", "with weights instead of repeated and absent samples")
class DividesByTheSamples(MeanSquaredError):
    """Σ w (a − y)², divided by the number of samples."""

    kind: Literal["divides-by-the-samples"] = "divides-by-the-samples"

    def partial(self, a, y, weights):
        total = super().partial(a, y, weights)
        return total if weights is None else np.stack([total[0], np.asarray(float(len(a)))])


@found_by("names-match", "value gives numbers for ('bias',), the names are ('spread',)")
class OtherNames(MeanSquaredError):
    """Σ (a − y)², under a name that is not announced."""

    kind: Literal["other-names"] = "other-names"

    def names(self, task):
        return ("spread",)

    def value(self, total):
        return {"bias": super().value(total)}


@found_by("refuses-with-value-error", "refuses both classes and numbers")
class TakesNoTask(MeanSquaredError):
    """Σ (a − y)², for no task."""

    kind: Literal["takes-no-task"] = "takes-no-task"

    def check(self, task):
        raise ValueError("not this task")


class Listener:
    @hookimpl
    def modnet_epoch_end(self, training, row):
        pass


_ONLY_LISTENER = Listener()


@found_by("new-listener", "returned the same one twice")
class SameListener(Callback):
    """Has one listener for all trainings."""

    kind: Literal["same-listener"] = "same-listener"

    def listener(self):
        return _ONLY_LISTENER


@found_by("new-listener", "should return an object with hook implementations, got None")
class NoListener(Callback):
    """Nothing."""

    kind: Literal["no-listener"] = "no-listener"

    def listener(self):
        return None


@found_by("known-hooks", "the listener implements no hook")
class NoHook(Callback):
    """An object without hooks."""

    kind: Literal["no-hook"] = "no-hook"

    def listener(self):
        return object()


class Misspelt:
    @hookimpl
    def modnet_epoch_ends(self, training):
        pass


@found_by("known-hooks", "unknown hook 'modnet_epoch_ends'")
class UnknownHook(Callback):
    """Implements a hook that does not exist."""

    kind: Literal["unknown-hook"] = "unknown-hook"

    def listener(self):
        return Misspelt()


class Unmarked:
    def modnet_epoch_end(self, training, row):
        pass


@found_by("known-hooks", "modnet_epoch_end is not marked")
class UnmarkedHook(Callback):
    """Implements a hook without marking it."""

    kind: Literal["unmarked-hook"] = "unmarked-hook"

    def listener(self):
        return Unmarked()


class Meddler:
    @hookimpl
    def modnet_epoch_end(self, training, row):
        training.parameters[...] *= 0.5


@found_by("training-unaffected", "should end with the same θ")
class Meddles(Callback):
    """Halves θ after every epoch."""

    kind: Literal["meddles"] = "meddles"

    def listener(self):
        return Meddler()


@found_by("returns-data", "should return a modnet.Data, got tuple")
class Tuples(Dataset):
    """x and y as a tuple."""

    kind: Literal["tuples"] = "tuples"

    def load(self):
        return np.eye(2), np.array([0, 1])


@found_by("returns-data", "is nan")
class HoldsNan(Dataset):
    """x with a NaN."""

    kind: Literal["holds-nan"] = "holds-nan"

    def load(self):
        return Data((np.array([[1.0], [np.nan]]), np.array([0, 1])))


@found_by("returns-data", "training x: samples of shape (2,), but 1 names of columns")
class MissingName(Dataset):
    """Two features, of which one has a name."""

    kind: Literal["missing-name"] = "missing-name"

    def load(self):
        return Data((np.eye(2), np.array([0, 1])), features=("height",))


@found_by("deterministic", "train.x is not the same")
class OtherEveryTime(Dataset):
    """x that is sampled anew whenever it is loaded."""

    kind: Literal["other-every-time"] = "other-every-time"

    def load(self):
        return Data((np.random.default_rng().standard_normal((4, 2)), np.array([0, 1, 0, 1])))
