"""The estimators' common base: from scikit-learn's parameters to a training by modnet, and back to its attributes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.base import BaseEstimator, is_classifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor as _Original
from sklearn.utils import check_random_state
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from modnet import (
    Callback,
    DivergenceError,
    Metric,
    ModnetError,
    Network,
    Regularizer,
    Run,
    RunConfig,
    Schedule,
    Trainer,
    UpdateRule,
)
from modnet.components.update_rules import Adam, Momentum, Nesterov
from modnet.config.load import explain
from modnet.core.dataset import Data
from modnet_sklearn.criterion import Criterion, EpochRate, weighted_criterion
from modnet_sklearn.layers import component, for_files, initialize, layers_of, training_cost, weighted_layers
from modnet_sklearn.parts import Batches, BatchPenalty, Lbfgs, Tally
from modnet_sklearn.rows import DenseRows, dense_pieces

__all__ = ["BaseMLP"]

Vector = NDArray[Any]

STOCHASTIC = ("sgd", "adam")
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


class _NoScoreError(ArithmeticError):
    """The predictions for the validation samples are not finite."""


class BaseMLP(BaseEstimator):
    """What the classifier and the regressor share."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: rule for name, rule in _Original._parameter_constraints.items() if name != "loss"},
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

    # ---------------------------------------------------------------- the network and its views

    def _hidden(self) -> list[Any]:
        sizes = self.hidden_layer_sizes
        hidden = [sizes] if isinstance(sizes, Integral | dict | str) or not isinstance(sizes, Iterable) else list(sizes)
        numbers = [entry for entry in hidden if isinstance(entry, Integral)]
        if any(number <= 0 for number in numbers):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        return hidden

    def _layers(self, hidden: list[Any]) -> list[Any]:
        output = self.output_activation if self.output_activation is not None else self.out_activation_
        cost = training_cost(self.cost, self.out_activation_)
        return layers_of(hidden, self.activation, cost.outputs(self.n_outputs_), output)

    def _make_network(self, hidden: list[Any], inputs: int, dtype: Any) -> Network:
        cost = training_cost(self.cost, self.out_activation_)
        return Network(self._layers(hidden), (inputs,), cost, dtype=np.dtype(dtype).name)

    def _adopt(self, network: Network) -> None:
        """Take a network as the fitted one: ``coefs_`` and ``intercepts_`` become views of its θ."""
        layers = weighted_layers(network)
        self._network = network
        self.coefs_ = [layer.weights.T for layer in layers]
        self.intercepts_ = [layer.biases for layer in layers if layer.biases is not None]
        self._views = [*self.coefs_, *self.intercepts_]

    @property
    def network_(self) -> Network:
        """The fitted `modnet.Network`, whose θ ``coefs_`` and ``intercepts_`` are views of."""
        arrays, views = [*self.coefs_, *self.intercepts_], getattr(self, "_views", ())
        if len(arrays) == len(views) and all(array is view for array, view in zip(arrays, views, strict=True)):
            return self._network
        coefs, intercepts = list(map(np.asarray, self.coefs_)), list(map(np.asarray, self.intercepts_))
        network = getattr(self, "_network", None)
        if network is None:
            dtype = np.result_type(*coefs, np.float32)
            network = self._make_network([coef.shape[1] for coef in coefs[:-1]], coefs[0].shape[0], dtype)
        layers = weighted_layers(network)
        for layer, coef in zip(layers, coefs, strict=True):
            layer.weights = coef.T
        for layer, intercept in zip((each for each in layers if each.biases is not None), intercepts, strict=True):
            layer.biases = intercept
        self._adopt(network)
        return network

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the views: they are views of the network's θ again afterwards."""
        state = dict(super().__getstate__())
        if "coefs_" in state:
            state["_network"] = self.network_
            for name in ("coefs_", "intercepts_", "_views"):
                state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state over."""
        super().__setstate__(state)
        if "_network" in state:
            self._adopt(state["_network"])

    # ---------------------------------------------------------------- fitting

    def _initialize(self, hidden: list[Any], inputs: int, dtype: Any) -> None:
        self.n_iter_ = self.t_ = 0
        network = self._make_network(hidden, inputs, dtype)
        logistic = self.activation in ("logistic", "sigmoid")
        initialize(network, hidden, self._random_state, logistic, self.initializer)
        self._adopt(network)
        self.n_layers_ = len(self.coefs_) + 1
        self._best: tuple[Vector, list[Any]] | None = (network.parameters.copy(), network.layer_states())
        self._rule_state: dict[str, Any] = {}
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
        hidden = self._hidden()
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
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

    def _config(self, optimizer: Any, penalties: tuple[Any, ...], epochs: int) -> RunConfig:
        network = self.network_
        own = [component(Regularizer, each, f"regularizers.{i}") for i, each in enumerate(self.regularizers or ())]
        chosen = {} if self.engine is None else {"engine": self.engine}
        kinds = [metric for metric in self.metrics or () if isinstance(metric, str | dict | Metric)]
        return _validated(
            {
                "epochs": epochs,
                "dtype": network.dtype.name,
                "seed": self._seed(network),
                "terminate_on_nan": False,
                "network": {
                    "layers": [layer.component for layer in network.layers],
                    "cost": training_cost(self.cost, self.out_activation_),
                    "regularizers": (*penalties, *own),
                },
                "optimizer": optimizer,
                "metrics": kinds,
                **chosen,
            }
        )

    def _seed(self, network: Network) -> int:
        """Return the seed of the layers' randomness; where there is none, scikit-learn's source is not asked."""
        is_plain = all(layer.component.kind == "dense" for layer in network.layers)
        return 0 if is_plain else int(self._random_state.randint(2**31 - 1))

    def _train(
        self, config: RunConfig, data: Data, callbacks: list[Any], metrics: list[Any], rule_state: dict[str, Any]
    ) -> Run:
        initial = Run(config, self.network_, [], 0, 0.0, rule_state=rule_state)
        listeners = [
            component(Callback, each, "callbacks") if isinstance(each, str | dict) else each
            for each in self.callbacks or ()
        ]
        functions = [metric for metric in self.metrics or () if not isinstance(metric, str | dict | Metric)]
        trainer = Trainer(config, checks=False)
        return trainer.fit_data(data, initial, callbacks=[*callbacks, *listeners], metrics=[*metrics, *functions])

    def _fit_lbfgs(self, X: Any, y: Any, weights: Vector | None, held_out: Any) -> None:
        if self.rule is not None or self.schedule is not None:
            raise ValueError("rule and schedule need solver='adam' or 'sgd'; solver='lbfgs' has none")
        tally = Tally()
        tally.begin([float(X.shape[0] if weights is None else weights.sum())], [X.shape[0]])
        solver = Lbfgs(
            max_iter=int(self.max_iter),
            max_fun=int(self.max_fun),
            tolerance=float(self.tol),
            verbose=self.verbose is True or self.verbose >= 1,
        )
        penalty = BatchPenalty(alpha=float(self.alpha)).counted_by(tally)
        config = self._config(solver, (penalty,), 1)
        data = self._data(X, y, weights, held_out)
        try:
            run = self._train(config, data, [], [], {})
        except DivergenceError:
            raise ValueError(NOT_FINITE) from None
        self._adopt(run.network)
        self.n_iter_ = _check_optimize_result("lbfgs", solver.result, self.max_iter)
        self.loss_ = solver.result.fun
        self.validation_loss_curve_ = [row["validation_cost"] for row in run.history if "validation_cost" in row]

    def _fit_stochastic(self, X: Any, y: Any, weights: Vector | None, held_out: Any, incremental: bool) -> None:
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer, self._rule_state = EpochRate(float(self.learning_rate_init)), {}
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.early_stopping and held_out is None:
            X, y, weights, held_out = self._split(X, y, weights)
        score = None
        if self.early_stopping:
            score = self.monitor or "validation_score"
        samples = X.shape[0]
        tally = Tally()
        make: Callable[..., Criterion] = Criterion if weights is None else weighted_criterion
        criterion = make(self, tally, score, incremental=incremental)
        data = self._data(X, y, weights, held_out)
        penalties = (BatchPenalty(alpha=float(self.alpha)).counted_by(tally),) if self.alpha else ()
        epochs = 1 if incremental else int(self.max_iter)
        config = self._config(self._batches(samples, tally), penalties, epochs)
        self.n_iter_ = 0
        metrics = [self._score_function()] if score == "validation_score" else []
        try:
            run = self._train(config, data, [criterion], metrics, self._rule_state)
            self._rule_state = dict(run.rule_state)
        except (DivergenceError, _NoScoreError):
            self._network.parameters[...] = np.nan
            criterion.go_on_without_numbers(samples)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=3)
        if self.early_stopping and self._best is not None:
            self._network.parameters[...] = self._best[0]
            self._network.load_layer_states(self._best[1])
        self._best = None  # a warm start that finds nothing better keeps what it ends with, as scikit-learn's

    def _batches(self, samples: int, tally: Tally) -> Batches:
        size = min(200, samples)
        if self.batch_size != "auto":
            if self.batch_size > samples:
                warnings.warn(
                    "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4
                )
            size = int(np.clip(self.batch_size, 1, samples))
        rule: UpdateRule
        if self.rule is not None:
            rule = component(UpdateRule, self.rule, "rule")
        elif self.solver == "sgd":
            kind = Nesterov if self.nesterovs_momentum else Momentum
            rule = kind(momentum=float(self.momentum), velocity_of="steps")
        else:
            beta1, beta2 = float(self.beta_1), float(self.beta_2)
            rule = Adam(beta1=beta1, beta2=beta2, epsilon=float(self.epsilon), epsilon_hat=True)
        schedule = component(Schedule, "constant" if self.schedule is None else self.schedule, "schedule")
        optimizer = Batches(
            batch_size=size,
            shuffle=bool(self.shuffle),
            rule=rule,
            schedule=schedule,
            learning_rate=self._optimizer.initial,
        )
        return optimizer.drawing_from(self._random_state, tally)

    def _split(self, X: Any, y: Any, weights: Vector | None) -> tuple[Any, Any, Any, Any]:
        """Return the training samples, and those that scikit-learn holds out for early stopping."""
        arrays = (X, y) if weights is None else (X, y, weights)
        stratify = self._stratify(y) if is_classifier(self) and self.n_outputs_ == 1 else None
        parts = train_test_split(
            *arrays, random_state=self._random_state, test_size=self.validation_fraction, stratify=stratify
        )
        if parts[1].shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return parts[0], parts[2], (None if weights is None else parts[4]), parts[1::2]

    def _held_out(self, validation_data: Any) -> Any:
        """Return the validation samples that ``fit`` was given."""
        if validation_data is None:
            return None
        if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
            raise ValueError("validation_data: expects a pair of X and y, or X, y and sample_weight")
        X, y, *weights = validation_data
        X, y = self._validate_held_out(X, y)
        return X, y, *(_check_sample_weight(weight, X) for weight in weights if weight is not None)

    def _data(self, X: Any, y: Any, weights: Vector | None, held_out: Any) -> Data:
        """Return the samples of a training."""
        validation = None if held_out is None else (_rows(held_out[0]), self._targets(held_out[1]), *held_out[2:])
        return Data((_rows(X), self._targets(y), weights), validation, classes=self._classes_for_training())

    def _score_function(self) -> Callable[..., float]:
        """Return scikit-learn's score of validation samples, as a metric of the training."""
        function = self._scorer

        def score(y: Vector, predictions: Vector, sample_weight: Vector | None = None) -> float:
            if predictions.dtype.kind == "f" and not np.isfinite(predictions).all():
                raise _NoScoreError
            with suppress(ValueError):
                return float(function(y, predictions, sample_weight=sample_weight))
            raise _NoScoreError

        return score

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    # ---------------------------------------------------------------- predicting

    def _outputs(self, X: Any) -> Vector:
        """Return the network's predictions for raw rows, (samples, outputs)."""
        if "_network" not in self.__dict__:
            check_is_fitted(self)
        network = self.network_
        is_ready = type(X) is np.ndarray and X.dtype is network.dtype and X.ndim == 2 and len(X) > 0
        if not is_ready or hasattr(self, "feature_names_in_") or X.shape[1] != self.n_features_in_:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        elif not np.isfinite(X).all():
            X = validate_data(self, X, reset=False)  # says where
        if scipy.sparse.issparse(X):
            return np.concatenate(
                [self._forward(piece.astype(network.dtype)) for piece in dense_pieces(X, network.chunk)]
            )
        return self._forward(X)

    def _forward(self, X: Vector) -> Vector:
        network = self._network
        X = np.ascontiguousarray(X, dtype=network.dtype)
        with np.errstate(all="ignore"):
            if len(X) <= network.chunk:
                return network.to_predictions(network.forward(X))
            pieces = (X[start : start + network.chunk] for start in range(0, len(X), network.chunk))
            return np.concatenate([network.to_predictions(network.forward(piece)) for piece in pieces])

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _validated(table: dict[str, Any]) -> RunConfig:
    """Return a configuration; what is wrong with it is said in one line."""
    try:
        return RunConfig.model_validate(table)
    except ValidationError as error:
        raise ValueError(explain(error)) from None


def _rows(X: Any) -> Any:
    return DenseRows(X) if scipy.sparse.issparse(X) else X
