"""What a stranger's part can express without a change to the core: state, samples that are no vectors, a solver."""

from __future__ import annotations

import itertools
from typing import ClassVar, Literal

import numpy as np
import pytest
from support import numeric_gradient

from modnet import DivergenceError, Layer, LayerContext, ParameterSpec, Problem, Solver, Trainer, namespace
from modnet.components.activations import Identity, Softmax, Tanh
from modnet.components.costs import CategoricalCrossEntropy, Quadratic
from modnet.components.initializers import ScaledNormal, StandardNormal, Zeros
from modnet.components.layers import Dense
from modnet.config.run_config import RunConfig
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network


class Normalisation(Layer):
    """(x − mean) / deviation · gain + shift over the batch; running figures are used afterwards."""

    kind: Literal["normalisation"] = "normalisation"
    needs_full_batch: ClassVar[bool] = True

    def parameters(self, input_shape):
        (size,) = input_shape
        return {"gain": ParameterSpec((size,), StandardNormal(), 1, 1), "shift": ParameterSpec((size,), Zeros(), 1, 1)}

    def initial_state(self, input_shape):
        return {"mean": np.zeros(input_shape), "variance": np.ones(input_shape)}

    def forward(self, x, ctx):
        xp, state = namespace(x), ctx.state
        if not ctx.training:
            unit = (x - state["mean"]) / xp.sqrt(state["variance"] + 1e-6)
            return unit * ctx.parameters["gain"] + ctx.parameters["shift"]
        mean = xp.mean(x, axis=0)
        deviation = xp.sqrt(xp.mean((x - mean) ** 2, axis=0) + 1e-6)
        if state:
            state["mean"] = 0.9 * state["mean"] + 0.1 * mean
            state["variance"] = 0.9 * state["variance"] + 0.1 * deviation**2
        ctx.saved = ((x - mean) / deviation, deviation)
        return ctx.saved[0] * ctx.parameters["gain"] + ctx.parameters["shift"]

    def backward(self, delta, ctx):
        xp = namespace(delta)
        unit, deviation = ctx.saved
        inner = delta * ctx.parameters["gain"]
        centred = inner - xp.mean(inner, axis=0) - unit * xp.mean(inner * unit, axis=0)
        return centred / deviation, {"gain": xp.sum(delta * unit, axis=0), "shift": xp.sum(delta, axis=0)}


class Pairs(Layer):
    """A convolution: one window of two neighbouring rows slides down samples of (height, width)."""

    kind: Literal["pairs"] = "pairs"

    def activation_function(self):
        return Tanh()

    def output_shape(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(f"takes samples of (height, width), got {input_shape}")
        return (input_shape[0] - 1,)

    def parameters(self, input_shape):
        width = input_shape[1]
        return {"window": ParameterSpec((2, width), ScaledNormal(), 2 * width, 1, regularized=True)}

    def forward(self, x, ctx):
        upper, lower = ctx.parameters["window"][0, :], ctx.parameters["window"][1, :]
        return x[:, :-1, :] @ upper + x[:, 1:, :] @ lower

    def backward(self, delta, ctx):
        upper, lower = ctx.parameters["window"][0, :], ctx.parameters["window"][1, :]
        below = np.zeros_like(ctx.x)
        below[:, :-1, :] += delta[:, :, None] * upper
        below[:, 1:, :] += delta[:, :, None] * lower
        window = [np.einsum("nh,nhw->w", delta, rows) for rows in (ctx.x[:, :-1, :], ctx.x[:, 1:, :])]
        return below, {"window": np.stack(window)}


class Backtracking(Solver):
    """Steepest descent with a line search: asks for the cost as often as it likes."""

    kind: Literal["backtracking"] = "backtracking"

    def solve(self, problem: Problem) -> None:
        cost, gradient = problem.value_and_grad()
        theta = problem.parameters.copy()
        rate = problem.state.get("rate", 1.0) * 4
        while True:
            problem.parameters[...] = theta - rate * gradient
            if problem.value_and_grad()[0] < cost - 0.1 * rate * np.sum(gradient**2) or rate < 1e-12:
                break
            rate /= 2
        problem.state["rate"] = rate


def test_normalisation_has_the_right_gradient_and_is_given_the_whole_batch(rng):
    layers = [Dense(units=4, activation=Tanh()), Normalisation(), Dense(units=3, activation=Identity())]
    network = Network(layers, (5,), Quadratic(), rng=rng)
    x, y = rng.standard_normal((9, 5)), rng.standard_normal((9, 3))
    exact = Workspace(network, micro_batch_rows=2).cost_and_gradient(x, y)[1]
    np.testing.assert_allclose(exact, numeric_gradient(network, x, y), rtol=1e-5, atol=1e-8)


def test_state_is_trained_kept_and_used(rng):
    layers = [Normalisation(), Dense(units=2, activation=Softmax())]
    config = RunConfig.model_validate(
        {"epochs": 40, "network": {"layers": layers, "cost": CategoricalCrossEntropy()}, "optimizer": {"eta": 0.1}}
    )
    x = rng.standard_normal((200, 3)) * 50 + 1000
    run = Trainer(config).fit(x, (x[:, 0] > 1000).astype(int))
    assert run.history[-1]["accuracy"] > 0.9
    state = run.network.layers[0].state
    assert np.all(np.abs(state["mean"] - 1000) < 40)
    assert np.mean(run.network.classify(x) == (x[:, 0] > 1000)) > 0.9


def test_samples_that_are_no_vectors(rng):
    network = Network([Pairs(), Dense(units=2, activation=Identity())], (4, 3), Quadratic(), rng=rng)
    x, y = rng.standard_normal((5, 4, 3)), rng.standard_normal((5, 2))
    assert network.sizes == [12, 3, 2]
    exact = Workspace(network).cost_and_gradient(x, y)[1]
    np.testing.assert_allclose(exact, numeric_gradient(network, x, y), rtol=1e-6, atol=1e-8)
    assert network.predict(x).shape == (5, 2)


def test_a_solver_of_its_own():
    config = RunConfig(epochs=25, optimizer=Backtracking())
    run = Trainer(config).fit()
    costs = [row["cost"] for row in run.history]
    assert all(after < before for before, after in itertools.pairwise(costs))
    assert costs[-1] < costs[0] / 1.5


class Runaway(Solver):
    """A solver that leaves the finite numbers in the first layer only."""

    kind: Literal["runaway"] = "runaway"

    def solve(self, problem: Problem) -> None:
        problem.parameters[0] = np.inf


def test_a_solver_that_leaves_the_finite_numbers_is_stopped_at_its_layer():
    with pytest.raises(DivergenceError) as told:
        Trainer(RunConfig(epochs=1, optimizer=Runaway())).fit()
    assert (told.value.epoch, told.value.update, told.value.layer) == (0, 0, 1)


class TwoProducts(Layer):
    """Asks for two products in one pass, which must not share a buffer."""

    kind: Literal["two-products"] = "two-products"

    def parameters(self, input_shape):
        size = input_shape[0]
        spec = ParameterSpec((size, size), ScaledNormal(), size, size, regularized=True)
        return {"weights": spec, "gate": spec}

    def forward(self, x, ctx: LayerContext):
        one = ctx.affine(x, ctx.parameters["weights"], None)
        other = ctx.affine(x, ctx.parameters["gate"], None)
        ctx.saved = (one, other)
        return one * other

    def backward(self, delta, ctx):
        one, other = ctx.saved
        below = ctx.input_gradient(delta * other, ctx.parameters["weights"])
        more = ctx.input_gradient(delta * one, ctx.parameters["gate"])
        weights = ctx.weight_gradient(delta * other, ctx.x)
        return None if below is None else below + more, {"weights": weights, "gate": (delta * one).T @ ctx.x}


@pytest.mark.parametrize("first", [True, False])
def test_two_products_in_one_pass(first, rng):
    layers = [TwoProducts(), Dense(units=2, activation=Tanh())]
    if not first:
        layers.insert(0, Dense(units=3, activation=Tanh()))
    network = Network(layers, (3,), Quadratic(), rng=rng)
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    exact = Workspace(network).cost_and_gradient(x, y)[1]
    np.testing.assert_allclose(exact, numeric_gradient(network, x, y), rtol=1e-6, atol=1e-8)
