"""How labels and numbers to predict become the targets of a training."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import validate_data

from modnet import Network

__all__ = ["ClassTargetsMixin", "NumberTargetsMixin"]

Vector = NDArray[Any]

READ: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "multi_output": True, "dtype": (np.float64, np.float32)}
"""How samples are read."""


class ClassTargetsMixin(BaseEstimator):
    """The targets of a classifier: class labels, (samples,), or rows of 0 and 1, (samples, labels)."""

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Vector]:
        X, y = validate_data(self, X, y, reset=reset, **READ)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y))
        return X, self._binary(y)

    def _check_classes(self, classes: Vector) -> None:
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _validate_held_out(self, X: Any, y: Any) -> tuple[Any, Vector]:
        X, y = validate_data(self, X, y, reset=False, **READ)
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        unseen = np.setdiff1d(unique_labels(y), self.classes_, assume_unique=True)
        if len(unseen):
            raise ValueError(f"y has classes not in `self.classes_`: {unseen}")
        return X, self._binary(y)

    def _is_multi_label(self) -> bool:
        return bool(self._label_binarizer.y_type_.startswith("multilabel"))

    def _binary(self, y: Vector) -> Vector:
        """Return labels as they are, and several labels as rows of 0 and 1."""
        return self._label_binarizer.transform(y) if self._is_multi_label() else y

    def _count_outputs(self, y: Vector) -> int:
        if self._is_multi_label():
            return int(y.shape[1])
        return len(self.classes_) if len(self.classes_) > 2 else 1

    def _out_activation(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _weights(self, y: Vector, sample_weight: Any, incremental: bool) -> Any:
        if self.class_weight is None:
            return sample_weight
        if incremental and not isinstance(self.class_weight, dict):
            raise ValueError("class_weight: 'balanced' needs all samples; partial_fit allows a dict by class, or None")
        if self._is_multi_label():
            weights = compute_sample_weight(self.class_weight, y)
        else:  # of all classes: those of a call of partial_fit may be fewer
            of_class = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            weights = of_class[np.searchsorted(self.classes_, y)]
        return weights if sample_weight is None else weights * sample_weight

    def _targets(self, y: Vector) -> Vector:
        return y.astype(np.int8) if self._is_multi_label() else y

    def _classes_for_training(self) -> Vector | None:
        return None if self._is_multi_label() else self.classes_

    def _stratify(self, y: Vector) -> Vector:
        second: Vector = self._label_binarizer.transform(y).astype(bool)
        return second

    def _read_outputs(self, network: Network) -> None:
        network.multi_label = self._is_multi_label()
        network.classes = None if network.multi_label else self.classes_


class NumberTargetsMixin(BaseEstimator):
    """The targets of a regressor: numbers, (samples,) or (samples, outputs)."""

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Vector]:
        del incremental
        X, y = validate_data(self, X, y, y_numeric=True, reset=reset, **READ)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _validate_held_out(self, X: Any, y: Any) -> tuple[Any, Vector]:
        return self._validate_input(X, y, incremental=True, reset=False)

    def _count_outputs(self, y: Vector) -> int:
        return 1 if y.ndim == 1 else int(y.shape[1])

    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _weights(self, y: Vector, sample_weight: Any, incremental: bool) -> Any:
        del y, incremental
        return sample_weight

    def _targets(self, y: Vector) -> Vector:
        y = y.reshape(len(y), -1)
        return y if y.dtype.kind == "f" else y.astype(np.float64)

    def _classes_for_training(self) -> None:
        return None

    def _read_outputs(self, network: Network) -> None:
        network.classes, network.multi_label = None, False
