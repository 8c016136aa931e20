"""Initializers beside the probes of the kit: what is usual with an activation, and orthogonal matrices."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import pytest
from support import parts

from modnet import Activation
from modnet.components.initializers import Constant, Ones, Orthogonal
from modnet.components.layers import Dense
from modnet.config.load import load_config
from modnet.core.interfaces import Initializer
from modnet.testing.case import temporarily_registered

USUAL = {
    "sigmoid": ("standard-normal", "standard-normal"),
    "tanh": ("glorot-uniform", "zeros"),
    "softmax": ("glorot-uniform", "zeros"),
    "identity": ("glorot-uniform", "zeros"),
    "exp": ("glorot-uniform", "zeros"),
    "relu": ("he-normal", "zeros"),
    "leaky-relu": ("he-normal", "zeros"),
}


def first_layer(layer, overrides=()):
    return load_config({"network": {"layers": [layer]}}, overrides).network.layers[0]


@pytest.mark.parametrize("kind", USUAL)
def test_a_dense_layer_starts_as_its_activation_usually_does(kind):
    layer = first_layer({"kind": "dense", "units": 3, "activation": kind})
    assert (layer.initializer.kind, layer.bias_initializer.kind) == USUAL[kind]
    assert layer.to_config()["initializer"] == USUAL[kind][0]
    assert Dense(units=3, activation=kind).bias_initializer.kind == USUAL[kind][1]


def test_every_activation_names_initializers_that_there_are():
    for cls in parts("activation"):
        assert Initializer.resolve(cls.usual_initializer)
        assert Initializer.resolve(cls.usual_bias_initializer)


def test_what_is_named_is_taken():
    layer = first_layer({"kind": "dense", "units": 3, "activation": "relu", "initializer": "zeros"})
    assert (layer.initializer.kind, layer.bias_initializer.kind) == ("zeros", "zeros")
    layer = first_layer({"kind": "dense", "units": 3, "bias_initializer": {"kind": "constant", "value": 2.0}})
    assert (layer.initializer.kind, layer.bias_initializer.value) == ("standard-normal", 2.0)


class Steep(Activation):
    """3 z."""

    kind: Literal["steep"] = "steep"
    usual_initializer: ClassVar[str] = "orthogonal"

    def __call__(self, z):
        return 3.0 * z

    def backward(self, upstream, z, a):
        del z, a
        return 3.0 * upstream


def test_a_strangers_activation_says_its_own():
    with temporarily_registered(Steep):
        layer = first_layer({"kind": "dense", "units": 3, "activation": "steep"})
        assert (layer.initializer.kind, layer.bias_initializer.kind) == ("orthogonal", "zeros")


def test_an_override_of_the_activation_of_a_default_layer_is_followed():
    layers = load_config(None, ["network.layers.0.activation=relu"]).network.layers
    assert [layer.initializer.kind for layer in layers] == ["he-normal", "standard-normal"]
    filled = load_config().to_config()  # which names its initializers
    assert load_config(filled, ["network.layers.0.activation=relu"]).network.layers[0].initializer.kind != "he-normal"


@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (6, 6), (1, 4), (4, 1), (3,)])
def test_orthogonal_rows_or_columns(shape):
    w = Orthogonal(gain=3.0)(np.random.default_rng(0), shape, 1, 1)
    matrix = w.reshape(shape[0], -1)
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, 9.0 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_is_gram_schmidt_of_the_same_numbers():
    """The columns, one by one, less what the ones before have of them; the sign of each is then fixed."""
    columns = np.random.default_rng(4).standard_normal((6, 3))
    expected = np.empty((6, 3))
    for index in range(3):
        rest = columns[:, index] - expected[:, :index] @ (expected[:, :index].T @ columns[:, index])
        expected[:, index] = rest / np.linalg.norm(rest)
    np.testing.assert_allclose(Orthogonal()(np.random.default_rng(4), (6, 3), 3, 6), expected, atol=1e-12)
    np.testing.assert_allclose(Orthogonal()(np.random.default_rng(4), (3, 6), 6, 3), expected.T, atol=1e-12)


def test_orthogonal_matrices_are_equally_likely():
    """Of a uniform rotation each entry has mean 0 and variance 1/n; without the signs the first would be negative."""
    rng = np.random.default_rng(1)
    entries = np.array([Orthogonal()(rng, (3, 3), 3, 3)[0, 0] for _ in range(4000)])
    assert abs(entries.mean()) < 4 * np.sqrt(1 / 3 / 4000)
    assert entries.var() == pytest.approx(1 / 3, rel=0.1)


def test_constants():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(Ones()(rng, (2, 3), 3, 2), np.ones((2, 3)))
    np.testing.assert_array_equal(Constant(value=-0.5)(rng, (2,), 3, 2), [-0.5, -0.5])
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
