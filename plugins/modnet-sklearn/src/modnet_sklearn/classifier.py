"""MLPClassifier: scikit-learn's, on modnet."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target

from modnet_sklearn.base import BaseMLP
from modnet_sklearn.private import StrOptions, check_first_partial_fit, fit_context
from modnet_sklearn.targets import ClassTargetsMixin

__all__ = ["MLPClassifier"]

Vector = NDArray[Any]


class MLPClassifier(ClassifierMixin, ClassTargetsMixin, BaseMLP):
    """scikit-learn's ``MLPClassifier``, trained by modnet: the same parameters, attributes and numbers, and more parts.

    The parameters from ``hidden_layer_sizes`` to ``max_fun`` are scikit-learn's own, in its order and with its meaning.

    Args:
        hidden_layer_sizes: Besides numbers of units, the list may hold layers by kind or table
            (``{"kind": "dropout"}``).
        activation: Besides scikit-learn's, any activation by kind or table.
        class_weight: The weights of the classes, a dict by label, or ``"balanced"``; as in scikit-learn's other
            classifiers.
        cost: The cost, by kind or table; None is scikit-learn's.
        rule: The update rule in place of the solver's, by kind or table; with ``solver="adam"`` or ``"sgd"``.
        schedule: The learning rate over time, by kind or table, as a factor on scikit-learn's.
        regularizers: A list of penalties beside ``alpha``, by kind or table.
        initializer: The initial weights of all layers that are given by their size, by kind or table; biases are 0 as
            usual with it. None: scikit-learn's numbers.
        output_activation: The activation of the output layer, by kind or table; None is scikit-learn's.
        metrics: Metrics of validation samples, by kind or table, or functions like those of ``sklearn.metrics``; the
            values are in ``history_``.
        monitor: The figure of each epoch that early stopping watches (``"validation_cost"``, ``"validation_f1"``); None
            is the accuracy.
        callbacks: Callbacks of modnet, by kind or table, objects with hooks, or functions ``f(training, row)``.
        engine: What computes gradients and makes updates, by kind or table.
    """

    loss = "log_loss"
    _scorer = staticmethod(accuracy_score)
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: Any = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: Any = 0.001,
        power_t: Any = 0.5,
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
        momentum: Any = 0.9,
        nesterovs_momentum: Any = True,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: Any = 15000,
        class_weight: Any = None,
        cost: Any = None,
        rule: Any = None,
        schedule: Any = None,
        regularizers: Any = None,
        initializer: Any = None,
        output_activation: Any = None,
        metrics: Any = None,
        monitor: Any = None,
        callbacks: Any = None,
        engine: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.class_weight = class_weight
        self.cost = cost
        self.rule = rule
        self.schedule = schedule
        self.regularizers = regularizers
        self.initializer = initializer
        self.output_activation = output_activation
        self.metrics = metrics
        self.monitor = monitor
        self.callbacks = callbacks
        self.engine = engine

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None) -> Self:
        """Train the network.

        Args:
            X: Samples, (samples, features), dense or sparse.
            y: Class labels, (samples,), or rows of 0 and 1, (samples, labels).
            sample_weight: How much each sample counts, (samples,).
            validation_data: X and y, or X, y and sample_weight, to evaluate after every epoch: their costs are
                ``validation_loss_curve_``, and early stopping uses them in place of a share of the training samples.

        Returns:
            The estimator.

        Raises:
            ValueError: parameters or samples cannot be used, or the training diverged.
        """
        return self._fit(X, y, sample_weight, validation_data)

    @available_if(lambda estimator: estimator._check_solver())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch, going on from where the last call ended.

        Args:
            X: Samples, (samples, features), dense or sparse.
            y: Class labels, (samples,), or rows of 0 and 1, (samples, labels).
            sample_weight: How much each sample counts, (samples,).
            classes: All classes; needed in the first call.

        Returns:
            The estimator.

        Raises:
            ValueError: parameters or samples cannot be used, or the training diverged.
        """
        if check_first_partial_fit(self, classes):
            multi_label = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multi_label else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Vector:
        """Return the class of each sample, (samples,), or its labels as 0 and 1, (samples, labels)."""
        outputs = self._outputs(X)
        if self._is_multi_label():
            labels: Vector = self._label_binarizer.inverse_transform(outputs)
            return labels
        return self._network.decode(outputs)

    def predict_proba(self, X: Any) -> Vector:
        """Return the probability of each class, (samples, classes)."""
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def predict_log_proba(self, X: Any) -> Vector:
        """Return the logarithm of the probability of each class, (samples, classes)."""
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
