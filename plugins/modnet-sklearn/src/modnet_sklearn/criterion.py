"""What scikit-learn does after every epoch: the curves, the criterion that stops, the rate, and the verbose lines."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from modnet import ConfigError, TrainingView, hookimpl
from modnet.components.callbacks.early_stopping import EarlyStopping
from modnet.components.callbacks.monitoring import sign_of

__all__ = ["Criterion", "EpochRate", "NoScoreError", "WeightedCriterion", "score_metric"]

Vector = NDArray[Any]

SMALLEST_RATE = 1e-6
"""The learning rate at which scikit-learn's ``adaptive`` gives up."""


class EpochRate:
    """The learning rate from epoch to epoch, kept from one call of ``partial_fit`` to the next.

    Attributes:
        initial: The rate at the start.
        learning_rate: The rate in force.
    """

    def __init__(self, initial: float, learning_rate: float | None = None) -> None:
        self.initial = initial
        self.learning_rate = initial if learning_rate is None else learning_rate

    @property
    def factor(self) -> float:
        """The rate in force as a share of the initial one."""
        return self.learning_rate / self.initial


class Criterion:
    """The listener of one training of an estimator, whose fitted attributes it keeps.

    Args:
        estimator: The estimator.
        score: The history's name of the validation score that early stopping watches, or None without it.
        incremental: Whether the training is one epoch of ``partial_fit``.
    """

    def __init__(self, estimator: Any, score: str | None, *, incremental: bool) -> None:
        self._estimator, self._score, self._incremental = estimator, score, incremental
        self._sign = 1.0
        self.reason: str | None = None

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        """Make the network that is trained the estimator's."""
        estimator = self._estimator
        estimator._adopt(training.network)
        training.learning_rate_factor = estimator._optimizer.factor
        if self._score is not None:
            try:
                self._sign = sign_of(self._score, training, EarlyStopping(monitor=self._score))
            except ConfigError as error:
                raise ConfigError(str(error).removeprefix("early-stopping.")) from None

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        """Keep the figures of the epoch, and set the rate of the next one."""
        samples = len(training.train)
        self.after_epoch(self._loss(row, samples), samples, row, training)
        training.learning_rate_factor = self._estimator._optimizer.factor

    @hookimpl
    def modnet_should_stop(self, training: TrainingView) -> str | None:
        """Return why the training stops."""
        del training
        return self.reason

    def _loss(self, row: dict[str, Any], samples: int) -> float:
        """Return the mean of cost and penalties over the updates of the epoch."""
        del samples
        return float(row["cost_with_penalty"])

    def after_epoch(self, loss: float, samples: int, row: dict[str, Any], training: TrainingView | None) -> None:
        """Keep the epoch's figures, and decide whether the training stops."""
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.loss_ = loss
        estimator.t_ += samples
        estimator.loss_curve_.append(loss)
        if training is not None:
            history = vars(estimator).setdefault("history_", [])  # whose attributes somebody else may have set
            history.append({**row, "epoch": len(history)})
        if "validation_cost" in row:
            estimator.validation_loss_curve_.append(row["validation_cost"])
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        if self._score is None:
            self._count_losses(loss)
        else:
            self._count_scores(row[self._score], training)
        if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
            rate = estimator._optimizer
            rate.learning_rate = rate.initial / (estimator.t_ + 1) ** estimator.power_t
        self._decide()

    def _count_losses(self, loss: float) -> None:
        estimator = self._estimator
        worse = loss > estimator.best_loss_ - estimator.tol
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0
        estimator.best_loss_ = min(estimator.best_loss_, loss) if loss == loss else estimator.best_loss_

    def _count_scores(self, score: float, training: TrainingView | None) -> None:
        estimator = self._estimator
        estimator.validation_scores_.append(score)
        if estimator.verbose:
            print(f"Validation score: {score:f}")
        best = (
            self._sign * estimator.best_validation_score_ if np.isfinite(estimator.best_validation_score_) else -np.inf
        )
        worse = self._sign * score < best + estimator.tol
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0
        if self._sign * score > best:
            estimator.best_validation_score_ = score
            if training is not None:
                estimator._best = training.parameters.copy(), training.network.layer_states()

    def _decide(self) -> None:
        estimator = self._estimator
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            watched = "Training loss" if self._score is None else "Validation score"
            reason = (
                f"{watched} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} "
                "consecutive epochs."
            )
            rate = estimator._optimizer
            if estimator.solver != "sgd" or estimator.learning_rate != "adaptive":
                self._stop(reason, "Stopping.")
            elif rate.learning_rate <= SMALLEST_RATE:
                self._stop(reason, "Learning rate too small. Stopping.")
            else:
                rate.learning_rate /= 5.0
                estimator._no_improvement_count = 0
                if estimator.verbose:
                    print(f"{reason} Setting learning rate to {rate.learning_rate:f}")
        if self.reason is None and not self._incremental and estimator.n_iter_ == estimator.max_iter:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _stop(self, reason: str, then: str) -> None:
        self.reason = reason
        if self._estimator.verbose:
            print(f"{reason} {then}")

    def go_on_without_numbers(self, samples: int) -> None:
        """Keep the figures of the remaining epochs where θ is no longer finite: scikit-learn trains on to the last."""
        nothing = {self._score: float("nan")} if self._score is not None else {}
        while self.reason is None and self._estimator.n_iter_ < (1 if self._incremental else self._estimator.max_iter):
            self.after_epoch(float("nan"), samples, nothing, None)


class WeightedCriterion(Criterion):
    """The criterion of weighted samples: scikit-learn's loss weights samples within a batch, and not batches.

    Args:
        estimator, score, incremental: As of `Criterion`.
    """

    def __init__(self, estimator: Any, score: str | None, *, incremental: bool) -> None:
        super().__init__(estimator, score, incremental=incremental)
        self._weights: list[float] = []
        self._rows: list[int] = []
        self._batch, self._sum, self._penalty = 0, 0.0, 0.0

    def begin_epoch(self, weights: list[float], rows: list[int]) -> None:
        """Begin the sum of an epoch's losses; its batches are of these weights and numbers of samples."""
        self._weights, self._rows, self._batch, self._sum = weights, rows, 0, 0.0
        self._penalty = self._estimator._network.penalty(weights[0])

    @hookimpl
    def modnet_batch_end(self, training: TrainingView) -> None:
        """Add the loss of a batch, with the penalties, as its update saw it."""
        self._sum += self._rows[self._batch] * (training.last_cost + self._penalty)
        self._batch += 1
        if self._batch < len(self._weights):
            self._penalty = training.network.penalty(self._weights[self._batch])

    def _loss(self, row: dict[str, Any], samples: int) -> float:
        del row
        return self._sum / samples


class NoScoreError(ArithmeticError):
    """The predictions for the validation samples are not finite."""


def score_metric(function: Callable[..., float]) -> Callable[..., float]:
    """Return scikit-learn's score of validation samples, as a metric of the training."""

    def score(y: Vector, predictions: Vector, sample_weight: Vector | None = None) -> float:
        if predictions.dtype.kind == "f" and not np.isfinite(predictions).all():
            raise NoScoreError
        with suppress(ValueError):
            return float(function(y, predictions, sample_weight=sample_weight))
        raise NoScoreError

    return score
