"""A fitted network as an estimator holds it: the views of its θ, its pickles, and its predictions for raw rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from modnet import DataError, Network
from modnet_sklearn.layers import weighted_layers

__all__ = ["NetworkHolder"]

Vector = NDArray[Any]


class NetworkHolder(BaseEstimator):
    """An estimator with a network, whose θ ``coefs_`` and ``intercepts_`` are views of."""

    def _make_network(self, hidden: list[Any], inputs: int, dtype: Any) -> Network:
        """Return the network that the estimator's parameters describe."""
        raise NotImplementedError

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

    def _outputs(self, X: Any) -> Vector:
        """Return the network's predictions for raw rows, (samples, outputs)."""
        if "_network" not in self.__dict__:
            check_is_fitted(self)
        network = self.network_
        is_ready = type(X) is np.ndarray and X.dtype is network.dtype and X.ndim == 2 and len(X) > 0
        if not is_ready or hasattr(self, "feature_names_in_") or X.shape[1] != self.n_features_in_:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        X = X.tocsr() if scipy.sparse.issparse(X) else np.ascontiguousarray(X, dtype=network.dtype)
        try:
            with np.errstate(all="ignore"):
                return network.predict(X)
        except DataError:
            validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)  # says where
            raise
