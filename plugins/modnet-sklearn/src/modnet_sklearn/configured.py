"""ModnetClassifier and ModnetRegressor: a configuration of modnet as an estimator of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

import modnet
from modnet import ConfigError, ModnetError, RunConfig, Trainer, load_config
from modnet.config.overrides import apply_override, to_toml
from modnet.core.messages import did_you_mean
from modnet_sklearn.private import check_sample_weight

__all__ = ["ModnetClassifier", "ModnetRegressor"]

Vector = NDArray[Any]
SUGGEST = "suggest"
READ: dict[str, Any] = {"accept_sparse": "csr", "dtype": (np.float64, np.float32)}
"""How samples are read where no transforms take them as they are."""


class _Configured(BaseEstimator):
    """What both estimators share.

    Args:
        config: A configuration: the path of a TOML file, a dict with its keys, a `modnet.RunConfig`, or ``"suggest"``
            for what `modnet.suggest` chooses for the samples. With None it is the default of the estimator.
    """

    def __init__(self, config: Any = None) -> None:
        self.config = config

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return ``config``, and with ``deep`` every key of the configuration by its dotted name."""
        parameters = {"config": self.config}
        if deep and not self._is_suggested():
            parameters |= _flat(self._table())
        return parameters

    def set_params(self, **params: Any) -> Self:
        """Set ``config``, or single keys of it by their dotted names (``optimizer.learning_rate``).

        Raises:
            ValueError: a key or a value is not allowed, or single keys are set of a configuration to be suggested.
        """
        if "config" in params:
            self.config = params.pop("config")
        if params:
            if self._is_suggested():
                raise ValueError(f"config = {SUGGEST!r} has no keys before fit; allowed: config")
            table = self._table()
            try:
                for key, value in params.items():
                    if key.startswith("network.layers.") and "layers" not in table["network"]:
                        raise ConfigError(f"{key}: the layers follow from the samples; give all, as network.layers")
                    plain = value.item() if isinstance(value, np.generic) else value
                    table = apply_override(table, f"{key}={to_toml(plain)}")
                load_config(table)
            except ModnetError as error:
                raise ValueError(str(error).removeprefix("--set ")) from None
            self.config = table
        return self

    def _table(self) -> dict[str, Any]:
        """Return the configuration as a table, without layers where they follow from the samples."""
        try:
            config = self._loaded()
        except ModnetError as error:
            raise ValueError(str(error)) from None
        table = config.to_config()
        if not _has_layers(config):
            del table["network"]["layers"]
        return table

    def _loaded(self) -> RunConfig:
        """Return the configuration, and where none is given that of the estimator."""
        try:
            return load_config(self._default() if self.config is None else self.config)
        except ConfigError as error:
            hint = did_you_mean(self.config, [SUGGEST]) if isinstance(self.config, str) else ""
            raise ConfigError(f"{error}{hint}") from None

    def _default(self) -> dict[str, Any]:
        """Return the configuration where none is given, without the layers."""
        return {}

    def _resolved(self, X: Any, y: Any, weights: Any, outputs: int) -> RunConfig:
        if self._is_suggested():
            return modnet.suggest(X, y, sample_weight=weights)
        config = self._loaded()
        if _has_layers(config):
            return config
        table = config.to_config()
        table["network"]["layers"] = self._layers(outputs)
        if self.config is None:
            table["optimizer"]["batch_size"] = min(table["optimizer"]["batch_size"], len(y))
        return load_config(table)

    def _layers(self, outputs: int) -> list[Any]:
        """Return the document's hidden layer, and an output layer for the data."""
        return [30, outputs]

    def _fit(self, X: Any, y: Vector, sample_weight: Any, outputs: int, classes: Vector | None) -> Self:
        weights = None if sample_weight is None else check_sample_weight(sample_weight, X)
        try:
            config = self._resolved(X, y, weights, outputs)
            run = Trainer(config).fit(X, y, weights, classes=classes)
        except ModnetError as error:
            raise ValueError(str(error)) from None
        self.network_, self.config_, self.history_ = run.network, config, run.history
        self.n_iter_ = len(run.history)
        return self

    def _training_samples(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return samples and targets as scikit-learn checks them; text and missing values are left to transforms."""
        is_raw = self._is_suggested() or (self.config is not None and bool(self._table()["data"].get("transforms")))
        if not is_raw or y is None:
            checked: tuple[Any, Any] = validate_data(self, X, y, multi_output=True, **READ)
            return checked
        X, y = validate_data(self, X, y, skip_check_array=True)
        return X, np.asarray(y)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _is_suggested(self) -> bool:
        return isinstance(self.config, str) and self.config == SUGGEST

    def _predict(self, X: Any, method: str) -> Vector:
        check_is_fitted(self)
        is_raw = self.config is not None and self.network_.preprocessing is not None
        X = validate_data(self, X, reset=False, skip_check_array=is_raw, **({} if is_raw else READ))
        try:
            predictions: Vector = getattr(self.network_, method)(X)
        except ModnetError as error:
            raise ValueError(str(error)) from None
        return predictions


class ModnetClassifier(ClassifierMixin, _Configured):
    """A classifier that a configuration of modnet describes.

    Without a configuration it is the network of the teaching document: 30 sigmoid units, an output for each class, the
    quadratic cost and mini-batches of 10.

    Args:
        config: A configuration: the path of a TOML file, a dict with its keys, a `modnet.RunConfig`, or ``"suggest"``
            for what `modnet.suggest` chooses for the samples. None is the document's network.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network on samples, (samples, features), and their class labels.

        These are (samples,), or rows of 0 and 1, (samples, labels).

        Raises:
            ValueError: configuration or samples cannot be used, or the training diverged.
        """
        X, y = self._training_samples(X, y)
        if type_of_target(y) == "multilabel-indicator":
            self.classes_ = np.arange(y.shape[1])
            return self._fit(X, y.astype(np.int8), sample_weight, y.shape[1], None)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        return self._fit(X, y, sample_weight, len(self.classes_), self.classes_)

    def predict(self, X: Any) -> Vector:
        """Return the class of each sample, (samples,), or its labels as 0 and 1, (samples, labels)."""
        return self._predict(X, "classify")

    def predict_proba(self, X: Any) -> Vector:
        """Return the probability of each class, (samples, classes).

        Outputs that do not sum to 1, those of sigmoids, are divided by their sum; not so the probabilities of several
        labels.
        """
        outputs = self._predict(X, "predict")
        if self.network_.multi_label:
            return np.clip(outputs, 0.0, 1.0)
        if outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs]) if len(self.classes_) == 2 else np.ones_like(outputs)
        outputs = np.maximum(outputs, np.finfo(outputs.dtype).tiny)
        shares: Vector = outputs / outputs.sum(axis=1, keepdims=True)
        return shares

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class ModnetRegressor(RegressorMixin, _Configured):
    """A regressor that a configuration of modnet describes.

    Without a configuration it is the network of the teaching document, with outputs without bounds, samples and targets
    that are standardized, and the learning rate 0.1.

    Args:
        config: A configuration: the path of a TOML file, a dict with its keys, a `modnet.RunConfig`, or ``"suggest"``
            for what `modnet.suggest` chooses for the samples. None is the document's network.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network on samples, (samples, features), and numbers to predict, (samples,) or (samples, outputs).

        Raises:
            ValueError: configuration or samples cannot be used, or the training diverged.
        """
        X, y = self._training_samples(X, y)
        y = np.asarray(y, dtype=None if y.dtype.kind == "f" else np.float64)
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        return self._fit(X, y, sample_weight, 1 if y.ndim == 1 else y.shape[1], None)

    def predict(self, X: Any) -> Vector:
        """Return the predictions, (samples,) or (samples, outputs)."""
        outputs = self._predict(X, "predict")
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _default(self) -> dict[str, Any]:
        data: dict[str, Any] = {"kind": "memory", "transforms": ["standard"], "target_transform": "standard"}
        return {"data": data, "optimizer": {"learning_rate": 0.1}}

    def _layers(self, outputs: int) -> list[Any]:
        return [30, {"kind": "dense", "units": outputs, "activation": "identity"}]


def _has_layers(config: RunConfig) -> bool:
    """Whether a configuration says what the layers are; else the output layer follows from the samples."""
    return "layers" in config.network.model_fields_set


def _flat(table: Mapping[str, Any] | list[Any], prefix: str = "") -> dict[str, Any]:
    """Return the keys of nested tables, in lists too, by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in table.items() if isinstance(table, Mapping) else enumerate(table):
        if isinstance(table, Mapping):
            flat[f"{prefix}{key}"] = value
        if isinstance(value, Mapping | list):
            flat |= _flat(value, f"{prefix}{key}.")
    return flat
