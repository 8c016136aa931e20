"""Parts of others: exported if they are array-API code, else named in one line."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from exporting import DTYPES, assert_same, dense, network, run, trained

from modnet import Activation, Cost, Layer, Network, ParameterSpec, Slot, Transform, default_part, namespace
from modnet.components.initializers import Ones
from modnet_onnx import ExportError, to_onnx, trace_transform
from modnet_onnx.arrays import NAMESPACE, TracedArray

X = np.random.default_rng(4).standard_normal((20, 6))


class Stranger(Activation):
    """An activation whose derivative nobody asks for."""

    kind: Literal["stranger"] = "stranger"

    def __call__(self, z: Any) -> Any:
        raise NotImplementedError

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        del z, a
        return upstream


def activation(function: Any) -> Activation:
    """Return an activation that is a function of z."""
    body = {"__call__": lambda _, z: function(z), "__module__": __name__}
    return type("Stranger", (Stranger,), body)()  # type: ignore[no-any-return] # it is one


TRACEABLE = {
    "arctan": lambda z: namespace(z).atan(z) * 0.5 + namespace(z).asinh(z),
    "squares": lambda z: z**2 / (1.0 + abs(z) ** 1.5) - -z,
    "pieces": lambda z: namespace(z).where((z > 0) & ~(z >= 1.0) | (z != z), z, namespace(z).clip(z, -2.0, 0.5)),
    "maxout": lambda z: z - namespace(z).max(z, axis=1, keepdims=True) + namespace(z).min(z, axis=-1, keepdims=True),
    "norm": lambda z: z / namespace(z).sqrt(namespace(z).sum(z * z, axis=1)[:, None] + 1e-3),
    "sorted": lambda z: namespace(z).sort(z, axis=1),
    "cumulative": lambda z: namespace(z).cumulative_sum(z, axis=1),
    "reversed": lambda z: 1.0 - z[:, ::-1] + 2.0 * z,
    "sign": lambda z: namespace(z).sign(z) * namespace(z).log1p(namespace(z).abs(z)),
    "numbers of NumPy": lambda z: np.arange(1.0, 6.0, dtype="f4" if "32" in str(z.dtype) else "f8") * z,
    "zeros": lambda z: namespace(z).concat([namespace(z).zeros((z.shape[0], 1), dtype=z.dtype), z[:, 1:]], axis=1),
    "rounded": lambda z: namespace(z).floor(3.0 * z) / 3.0 + namespace(z).tanh(z),
    "by the dtype": lambda z: z * float(namespace(z).finfo(z.dtype).bits),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TRACEABLE)
def test_activations_of_others(name: str, dtype: str) -> None:
    made = network([dense(5, activation(TRACEABLE[name])), dense(2)], dtype=dtype)
    assert_same(made, X.astype(dtype))


def branch(z: Any) -> Any:
    return z if namespace(z).sum(z) > 0 else -z


def in_place(z: Any) -> Any:
    z = namespace(z).asarray(z, copy=True)
    z[:, 0] = 0.0
    return z


def loop(z: Any) -> Any:
    return namespace(z).stack([row * 2.0 for row in z])


EXPECTED = "expected is float64 of shape (None, 5)"
OF_NUMPY = "it calls a function of NumPy; modnet.namespace(x) has those that belong to an array"
NOT_TRACEABLE = {
    "a function of NumPy": (np.sin, OF_NUMPY),
    "another function of NumPy": (lambda z: np.where(np.asarray(z) > 0, z, 0.0), OF_NUMPY),
    "a decision": (branch, "it decides by a condition that depends on the numbers of an array, which are not known"),
    "a number": (lambda z: z * math.exp(z[0, 0]), "it needs a number that depends on the numbers of an array"),
    "the number of samples": (lambda z: z / len(z), "it needs the number of samples, which is not known before"),
    "writing in place": (in_place, "it writes into an array, and a graph only makes new ones"),
    "a loop over rows": (loop, "TypeError: 'TracedArray' object is not iterable"),
    "a method of NumPy": (lambda z: z.clip(0.0), "AttributeError: 'TracedArray' object has no attribute 'clip'"),
    "no such function": (lambda z: namespace(z).softplus(z), "AttributeError: the array API has no 'softplus'"),
    "another dtype": (
        lambda z: namespace(z).astype(z, namespace(z).float32),
        f"it returns float32 of shape (None, 5); {EXPECTED}",
    ),
    "another shape": (lambda z: z[:, :3], f"it returns float64 of shape (None, 3); {EXPECTED}"),
    "no array": (lambda z: 3.0 if isinstance(z, TracedArray) else z, f"it returns float; {EXPECTED}"),
    "an error of its own": (lambda z: z / {}["gain"], "KeyError: 'gain'"),
}


@pytest.mark.parametrize("name", NOT_TRACEABLE)
def test_what_cannot_be_traced_is_named_in_one_line(name: str) -> None:
    function, reason = NOT_TRACEABLE[name]
    with pytest.raises(ExportError) as caught:
        to_onnx(network([dense(3), dense(5, activation(function)), dense(2)]))
    message = str(caught.value)
    assert message.startswith(f"layer 2: the activation 'stranger' cannot be exported: {reason}")
    assert "\n" not in message


def test_the_part_is_named_however_deep_it_lies() -> None:
    inner = {"kind": "residual", "layers": [dense(6, activation(branch))]}
    with pytest.raises(ExportError, match=r"^layer 1: the activation 'stranger' cannot be exported: it decides"):
        to_onnx(network([{"kind": "chain", "layers": [inner]}]))


class Flatten(Layer):
    """z = x as a vector."""

    kind: Literal["flatten"] = "flatten"

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(input_shape),)

    def forward(self, x: Any, ctx: Any) -> Any:
        del ctx
        return namespace(x).reshape(x, (x.shape[0], -1))

    def backward(self, delta: Any, ctx: Any) -> Any:
        return namespace(delta).reshape(delta, ctx.x.shape), {}


class Convolution(Layer):
    """z = Σ w[k] x[…, i + k], along the last axis of images, with an activation."""

    kind: Literal["convolution"] = "convolution"
    activation: Annotated[Activation, Slot()] = default_part("relu", "σ")

    def activation_function(self) -> Activation:
        return self.activation

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*input_shape[:-1], input_shape[-1] - 2)

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, ParameterSpec]:
        del input_shape
        return {"kernel": ParameterSpec((3,), Ones(), 3, 3)}

    def forward(self, x: Any, ctx: Any) -> Any:
        width, w = x.shape[-1] - 2, ctx.parameters["kernel"]
        return sum(w[k] * x[..., k : k + width] for k in range(3))

    def backward(self, delta: Any, ctx: Any) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_of_others_and_images(dtype: str) -> None:
    cost = network([1]).cost
    made = Network(
        [Convolution(), Flatten(), *_layers([dense(2)])], (4, 6), cost, dtype=dtype, rng=np.random.default_rng(1)
    )
    x = np.random.default_rng(2).standard_normal((9, 4, 6)).astype(dtype)
    assert_same(made, x)
    with pytest.raises(ExportError, match=r"inputs: samples of shape \(4, 6\) have no columns; allowed: matrix"):
        to_onnx(made, inputs="columns")


def _layers(layers: list[Any]) -> list[Layer]:
    return [layer.component for layer in network(layers).layers]


class Exponential(Cost):
    """A cost whose prediction is the exponential of its output."""

    kind: Literal["exponential"] = "exponential"

    def predictions(self, a: Any) -> Any:
        return namespace(a).exp(a)

    def __call__(self, a: Any, y: Any) -> Any:
        raise NotImplementedError

    def gradient(self, a: Any, y: Any) -> Any:
        raise NotImplementedError


def test_costs_of_others() -> None:
    assert set(assert_same(network([dense(3)], cost=Exponential()), X)) == {"predictions", "outputs"}


class Halved(Transform):
    """z = x/2 of numbers, and of text the number of its letters, as NumPy code."""

    kind: Literal["halved"] = "halved"
    takes: ClassVar[Any] = "all"

    def fit(self, rows: Any) -> Any:
        del rows
        return {}

    def __call__(self, rows: Any, state: Any) -> Any:
        del state
        if rows.dtype == object:
            return np.array([[float(len(cell)) for cell in row] for row in rows.tolist()]).reshape(rows.shape)
        return rows / 2.0


class IsRome(Transform):
    """1 for Rome, as array-API code."""

    kind: Literal["is-rome"] = "is-rome"
    takes: ClassVar[Any] = "text"

    def fit(self, rows: Any) -> Any:
        del rows
        return {}

    def __call__(self, rows: Any, state: Any) -> Any:
        del state
        return namespace(rows).astype(rows == "Rome", namespace(rows).float64)


TABLE = np.array([["Rome", 2.0], ["Oslo", 3.0], ["Rome", 5.0]] * 10, dtype=object)


def test_transforms_of_others() -> None:
    layers = [dense(1, "identity")]
    y = np.arange(30.0)
    assert_same(trained(X[:, :2][np.arange(30) % 20], y, layers, [Halved(), "standard"]), X[:5, :2])
    assert_same(trained(TABLE, y, layers, [IsRome(columns="text")]), TABLE)
    lost = trained(TABLE, y, layers, [Halved(columns="all")])
    with pytest.raises(ExportError) as caught:
        to_onnx(lost)
    assert str(caught.value) == (
        "halved (data.transforms.0): the transform 'halved' cannot be exported: "
        "AttributeError: 'TracedArray' object has no attribute 'tolist'"
    )
    of_numbers = trained(TABLE, y, layers, [IsRome(columns=[0, 1])])
    with pytest.raises(ExportError, match=r"is-rome .*: it takes numbers as text, which a graph cannot write"):
        to_onnx(of_numbers)


class Letters(Halved):
    """The same, with a function of its own for a graph."""

    kind: Literal["letters"] = "letters"  # type: ignore[assignment] # a kind of its own


@trace_transform.register(Letters)
def letters(transform: Letters, columns: Any, state: Any) -> Any:
    del transform, state
    block = columns.matrix()
    return block / 2.0 if block.dtype != object else NAMESPACE.astype(block != "", NAMESPACE.float64) * 4.0


def test_a_transform_may_be_given_a_function_of_its_own() -> None:
    assert_same(trained(TABLE, np.arange(30.0), [dense(1, "identity")], [Letters(columns="all")]), TABLE)


def test_nothing_of_a_graph_is_known_to_be_true() -> None:
    with pytest.raises(TypeError):
        hash(next(iter([NAMESPACE.asarray(np.zeros(2))])))
    known = NAMESPACE.asarray(np.array(3))
    assert (bool(known), int(known), float(known), [0, 1, 2, 3][known]) == (True, 3, 3.0, 3)
    assert NAMESPACE.asarray(np.array([[1.0, 2.0]])).T.shape == (2, 1)
    assert len(NAMESPACE.zeros((4, 2))) == 4


def test_a_model_runs_without_modnet_in_its_inputs() -> None:
    model = to_onnx(network([dense(2)], 2))
    assert run(model, {"x": np.zeros((1, 2))})["predictions"].shape == (1, 2)
