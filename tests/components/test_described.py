"""Every built-in part is documented and every option described."""

from __future__ import annotations

import inspect

import pytest

from modnet.core import registry

PARTS = [registration.component for registration in registry.active() if registration.provider.builtin]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.family}-{part.kind_name()}")
def test_part_is_described(part):
    assert inspect.getdoc(part)
    for name in part.option_names():
        assert part.model_fields[name].description, name


def test_the_parts_are_those_that_are_promised():
    found = {}
    for part in PARTS:
        found.setdefault(part.family, set()).add(part.kind_name())
    assert found == {
        "layer": {"dense", "dropout", "chain", "residual", "parallel", "batch-norm", "layer-norm"},
        "activation": {"sigmoid", "tanh", "relu", "leaky-relu", "softmax", "identity", "exp"},
        "cost": {
            "quadratic",
            "absolute",
            "huber",
            "poisson",
            "binary-cross-entropy",
            "categorical-cross-entropy",
            "gaussian-nll",
            "quantile",
        },
        "initializer": {
            "standard-normal",
            "scaled-normal",
            "glorot-uniform",
            "glorot-normal",
            "he-normal",
            "orthogonal",
            "zeros",
            "ones",
            "constant",
        },
        "optimizer": {"batch", "stochastic", "mini-batch"},
        "rule": {"plain", "momentum", "nesterov", "rmsprop", "adam", "adamw", "clip-by-norm", "clip-by-value"},
        "schedule": {"constant", "step", "exponential", "cosine", "inverse-scaling", "warm-up", "one-cycle"},
        "regularizer": {"l2", "l1"},
        "metric": {
            "accuracy",
            "average-precision",
            "balanced-accuracy",
            "binary-accuracy",
            "cost",
            "explained-variance",
            "f1",
            "log-loss",
            "matthews-correlation",
            "mean-absolute-error",
            "mean-squared-error",
            "median-absolute-error",
            "precision",
            "r2",
            "recall",
            "roc-auc",
            "root-mean-squared-error",
            "top-k-accuracy",
        },
        "callback": {"progress", "early-stopping", "reduce-on-plateau", "average", "checkpoint", "dampening"},
        "dataset": {"digits", "memory", "idx", "csv", "npz", "npy", "parquet"},
        "transform": {"standard", "min-max", "robust", "log", "one-hot", "ordinal", "impute", "passthrough"},
        "engine": {"numpy"},
    }
