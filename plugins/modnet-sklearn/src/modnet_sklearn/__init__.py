"""scikit-learn estimators on modnet: drop-ins for MLPClassifier and MLPRegressor, and estimators of a configuration."""

from __future__ import annotations

from modnet_sklearn.classifier import MLPClassifier
from modnet_sklearn.configured import ModnetClassifier, ModnetRegressor
from modnet_sklearn.conversion import from_sklearn, to_sklearn
from modnet_sklearn.files import load, save
from modnet_sklearn.regressor import MLPRegressor

__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "ModnetClassifier",
    "ModnetRegressor",
    "from_sklearn",
    "load",
    "save",
    "to_sklearn",
]
__version__ = "0.1.0"
