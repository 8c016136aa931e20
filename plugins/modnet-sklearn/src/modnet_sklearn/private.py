"""The private names of scikit-learn that this distribution needs: no public name gives the same from 1.6 on.

All of them are imported here, and from here elsewhere.
"""

from __future__ import annotations

from sklearn.base import _fit_context as fit_context  # checks parameters, with the errors that scikit-learn raises
from sklearn.neural_network._stochastic_optimizers import (
    AdamOptimizer,  # what a fitted MLP keeps its moments in
    SGDOptimizer,  # the same, with solver="sgd"
)
from sklearn.utils._param_validation import StrOptions  # how a parameter says which words it allows
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_first_partial_fit  # the errors of `classes`
from sklearn.utils.optimize import _check_optimize_result as check_lbfgs  # the warning where lbfgs did not converge
from sklearn.utils.validation import _check_sample_weight as check_sample_weight  # the errors of `sample_weight`

__all__ = [
    "AdamOptimizer",
    "SGDOptimizer",
    "StrOptions",
    "check_first_partial_fit",
    "check_lbfgs",
    "check_sample_weight",
    "fit_context",
]
