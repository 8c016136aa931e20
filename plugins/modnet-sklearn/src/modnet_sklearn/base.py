"""The estimators' common base: from scikit-learn's parameters to a training by modnet, and back to its attributes."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.neural_network import MLPRegressor as Original
from sklearn.utils import check_random_state

from modnet import DivergenceError, ModnetError, Network, Run, RunConfig, Trainer
from modnet.core.dataset import Data
from modnet_sklearn.criterion import Criterion, EpochRate, NoScoreError, WeightedCriterion, score_metric
from modnet_sklearn.fitted import NetworkHolder
from modnet_sklearn.layers import check_outputs, for_files, hidden_layers, initialize, layers_of, training_cost
from modnet_sklearn.parts import Lbfgs
from modnet_sklearn.preparing import listeners, metric_functions, optimizer_of, run_config, split
from modnet_sklearn.private import check_lbfgs, check_sample_weight

__all__ = ["BaseMLP"]

Vector = NDArray[Any]

STOCHASTIC = ("sgd", "adam")
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


class BaseMLP(NetworkHolder):
    """What the classifier and the regressor share."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: rule for name, rule in Original._parameter_constraints.items() if name != "loss"},
        **dict.fromkeys(
            (
                "activation",
                "cost",
                "rule",
                "schedule",
                "regularizers",
                "initializer",
                "output_activation",
                "metrics",
                "monitor",
                "callbacks",
                "engine",
            ),
            "no_validation",
        ),
    }

    def _layers(self, hidden: list[Any]) -> list[Any]:
        output = self.output_activation if self.output_activation is not None else self.out_activation_
        cost = training_cost(self.cost, self.out_activation_)
        return layers_of(hidden, self.activation, cost.outputs(self.n_outputs_), output)

    def _make_network(self, hidden: list[Any], inputs: int, dtype: Any) -> Network:
        cost = training_cost(self.cost, self.out_activation_)
        return Network(self._layers(hidden), (inputs,), cost, dtype=np.dtype(dtype).name)

    def _initialize(self, hidden: list[Any], inputs: int, dtype: Any) -> None:
        self.n_iter_ = self.t_ = 0
        network = self._make_network(hidden, inputs, dtype)
        logistic = self.activation in ("logistic", "sigmoid")
        if self.cost is not None or self.output_activation is not None:
            check_outputs(network, has_labels=self.out_activation_ == "logistic")
        initialize(network, hidden, self._random_state, logistic, self.initializer)
        self._adopt(network)
        self.n_layers_ = len(self.coefs_) + 1
        self._best: tuple[Vector, list[Any]] | None = (network.parameters.copy(), network.layer_states())
        self._rule_state: dict[str, Any] = {}
        self.history_: list[dict[str, Any]] = []
        if self.solver in STOCHASTIC:
            self.loss_curve_: list[float] = []
            self.validation_loss_curve_: list[float] = []
            self._no_improvement_count = 0
            if self.early_stopping:
                self.validation_scores_: list[float] | None = []
                self.best_validation_score_: float | None = -np.inf
                self.best_loss_: float | None = None
            else:
                self.best_loss_, self.validation_scores_, self.best_validation_score_ = np.inf, None, None

    def _fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None, *, incremental: bool = False
    ) -> Self:
        hidden = hidden_layers(self.hidden_layer_sizes)
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, first)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X)
        sample_weight = self._weights(y, sample_weight, incremental)
        self.n_outputs_ = self._count_outputs(y)
        self._random_state = check_random_state(self.random_state)
        try:
            if first:
                self.out_activation_ = self._out_activation()
                self._initialize(hidden, X.shape[1], X.dtype)
            held_out = self._held_out(validation_data)
            if self.solver in STOCHASTIC:
                self._fit_stochastic(X, y, sample_weight, held_out, incremental)
            else:
                self._fit_lbfgs(X, y, sample_weight, held_out)
        except ModnetError as error:
            raise ValueError(str(error)) from None
        if not np.isfinite(self._network.parameters).all():
            raise ValueError(NOT_FINITE)
        self._finish()
        return self

    def _finish(self) -> None:
        """Make the network one that a model file can hold, and that reads rows and labels as the estimator does."""
        network = self._network
        network.cost, network.regularizers, network.config = for_files(network.cost), (), None
        names = getattr(self, "feature_names_in_", None)
        network.features = None if names is None else tuple(names)
        self._read_outputs(network)
        self._best = None  # a warm start that finds nothing better keeps what it ends with, as scikit-learn's

    def _train(
        self, config: RunConfig, data: Data, callbacks: list[Any], metrics: list[Any], rule_state: dict[str, Any]
    ) -> Run:
        initial = Run(config, self.network_, [], 0, 0.0, rule_state=rule_state)
        functions = metric_functions(self, config, is_validated=data.validation is not None)
        trainer = Trainer(config, checks=False)
        own = listeners(self)
        return trainer.fit_data(data, initial, callbacks=[*callbacks, *own], metrics=[*metrics, *functions])

    def _fit_lbfgs(self, X: Any, y: Any, weights: Vector | None, held_out: Any) -> None:
        if self.rule is not None or self.schedule is not None:
            raise ValueError("rule and schedule need solver='adam' or 'sgd'; solver='lbfgs' has none")
        solver = Lbfgs(
            max_iter=int(self.max_iter),
            max_fun=int(self.max_fun),
            tolerance=float(self.tol),
            verbose=self.verbose is True or self.verbose >= 1,
        )
        config = run_config(self, solver, 1)
        data = self._data(X, y, weights, held_out)
        try:
            run = self._train(config, data, [], [], {})
        except DivergenceError:
            raise ValueError(NOT_FINITE) from None
        self._adopt(run.network)
        self.n_iter_ = check_lbfgs("lbfgs", solver.result, self.max_iter)
        self.loss_, self.history_ = solver.result.fun, run.history
        self.validation_loss_curve_ = [row["validation_cost"] for row in run.history if "validation_cost" in row]

    def _fit_stochastic(self, X: Any, y: Any, weights: Vector | None, held_out: Any, incremental: bool) -> None:
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer, self._rule_state = EpochRate(float(self.learning_rate_init)), {}
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.early_stopping and held_out is None:
            X, y, weights, held_out = split(self, X, y, weights)
        score = (self.monitor or "validation_score") if self.early_stopping else None
        samples = X.shape[0]
        criterion, on_epoch = Criterion(self, score, incremental=incremental), None
        if weights is not None:
            criterion = weighted = WeightedCriterion(self, score, incremental=incremental)
            on_epoch = weighted.begin_epoch
        data = self._data(X, y, weights, held_out)
        epochs = 1 if incremental else int(self.max_iter)
        config = run_config(self, optimizer_of(self, samples, on_epoch), epochs)
        self.n_iter_ = 0
        metrics = [score_metric(self._scorer)] if score == "validation_score" else []
        try:
            run = self._train(config, data, [criterion], metrics, self._rule_state)
            self._rule_state = dict(run.rule_state)
        except (DivergenceError, NoScoreError):
            self._network.parameters[...] = np.nan
            criterion.go_on_without_numbers(samples)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=3)
        if self.early_stopping and self._best is not None:
            self._network.parameters[...] = self._best[0]
            self._network.load_layer_states(self._best[1])

    def _held_out(self, validation_data: Any) -> Any:
        """Return the validation samples that ``fit`` was given."""
        if validation_data is None:
            return None
        if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
            raise ValueError("validation_data: expects a pair of X and y, or X, y and sample_weight")
        X, y, *weights = validation_data
        try:
            X, y = self._validate_held_out(X, y)
            return X, y, *(check_sample_weight(weight, X) for weight in weights if weight is not None)
        except ValueError as error:
            raise ValueError(f"validation_data: {error}") from None

    def _data(self, X: Any, y: Any, weights: Vector | None, held_out: Any) -> Data:
        """Return the samples of a training."""
        validation = None if held_out is None else (_rows(held_out[0]), self._targets(held_out[1]), *held_out[2:])
        return Data((_rows(X), self._targets(y), weights), validation, classes=self._classes_for_training())

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _rows(X: Any) -> Any:
    return X.tocsr() if scipy.sparse.issparse(X) else X
