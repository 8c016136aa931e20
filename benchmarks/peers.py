"""The peers, as a user would run them: each returns a function that trains one epoch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np

Epoch = Callable[[], None]


def scikit_learn(sizes: list[int], x: np.ndarray, labels: np.ndarray, length: int, eta: float) -> Epoch:
    """``MLPClassifier``: sgd, logistic, no momentum, no penalty, warm start. Its cost is the cross-entropy."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier(
        hidden_layer_sizes=tuple(sizes[1:-1]),
        activation="logistic",
        solver="sgd",
        alpha=0.0,
        momentum=0.0,
        nesterovs_momentum=False,
        batch_size=length,
        learning_rate_init=eta,
        max_iter=1,
        warm_start=True,
        random_state=0,
    )

    def epoch() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch is what is wanted
            classifier.fit(x, labels)

    return epoch


def pytorch(sizes: list[int], x: np.ndarray, labels: np.ndarray, length: int, eta: float, device: str = "cpu") -> Epoch:
    """Eager PyTorch: Linear and Sigmoid, ½ Σ squares / batch, SGD; rows permuted once an epoch and sliced."""
    import torch

    torch.manual_seed(0)
    where = torch.device("cuda" if device == "gpu" else "cpu")
    stages: list[torch.nn.Module] = []
    for below, above in pairwise(sizes):
        stages += [torch.nn.Linear(below, above), torch.nn.Sigmoid()]
    model = torch.nn.Sequential(*stages).to(where, torch.from_numpy(x[:1]).dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=eta)
    rows, targets = torch.from_numpy(x), torch.eye(10, dtype=torch.from_numpy(x[:1]).dtype)[torch.from_numpy(labels)]
    rows, targets = rows.to(where), targets.to(where)

    def epoch() -> None:
        whole = length >= len(rows)
        order = None if whole else torch.randperm(len(rows), device=where)
        xs, ys = (rows, targets) if order is None else (rows[order], targets[order])
        for start in range(0, len(xs), length):
            xb, yb = xs[start : start + length], ys[start : start + length]
            optimizer.zero_grad()
            loss = 0.5 * ((model(xb) - yb) ** 2).sum() / len(xb)
            loss.backward()
            optimizer.step()
        if device == "gpu":
            torch.cuda.synchronize()

    return epoch


def keras(sizes: list[int], x: np.ndarray, labels: np.ndarray, length: int, eta: float, steps: int = 1) -> Epoch:
    """Keras on JAX: Dense and sigmoid, ½ Σ squares / batch, SGD, ``fit`` of one epoch; so many steps per execution."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras as keras_

    if keras_.backend.backend() != "jax":
        raise RuntimeError(f"Keras runs on {keras_.backend.backend()}, not on JAX: unset KERAS_BACKEND")
    keras_.utils.set_random_seed(0)
    layers = [keras_.layers.Dense(units, activation="sigmoid") for units in sizes[1:]]
    model = keras_.Sequential([keras_.Input((sizes[0],)), *layers])

    def loss(y, a):
        return 0.5 * keras_.ops.sum(keras_.ops.square(a - y), axis=-1)

    model.compile(keras_.optimizers.SGD(eta), loss, steps_per_execution=min(steps, -(-len(x) // length)))
    targets = np.eye(10, dtype=x.dtype)[labels]

    def epoch() -> None:
        model.fit(x, targets, batch_size=length, epochs=1, shuffle=True, verbose=0)

    return epoch


def jax(sizes: list[int], x: np.ndarray, labels: np.ndarray, length: int, eta: float) -> Epoch:
    """JAX with the whole epoch in one ``jit(scan)``: the bar to look up to."""
    import jax as jax_
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    parameters = [
        (jnp.asarray(rng.standard_normal((n, m)).astype(x.dtype)), jnp.asarray(rng.standard_normal(n).astype(x.dtype)))
        for m, n in pairwise(sizes)
    ]
    count = len(x) // length
    rows, targets = jnp.asarray(x), jnp.eye(10, dtype=x.dtype)[jnp.asarray(labels)]

    def cost(theta, xb, yb):
        a = xb
        for w, b in theta:
            a = jax_.nn.sigmoid(a @ w.T + b)
        return 0.5 * jnp.sum((a - yb) ** 2) / length

    @jax_.jit
    def run(theta, order):
        def update(theta, batch):
            value, gradient = jax_.value_and_grad(cost)(theta, rows[batch], targets[batch])
            return jax_.tree.map(lambda p, g: p - eta * g, theta, gradient), value

        return jax_.lax.scan(update, theta, order)

    state = {"theta": parameters}

    def epoch() -> None:
        order = jnp.asarray(rng.permutation(len(x))[: count * length].reshape(count, length))
        with jax_.default_matmul_precision("highest"):  # float32 products of float32 on a GPU, too
            state["theta"], values = run(state["theta"], order)
        values.block_until_ready()

    return epoch
