"""NaN in one update, from a layer, an activation, a cost, a rule, a listener, or a part that is no pure function."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from components.callbacks.strangers import Watch, installed
from training.diverging import (
    EPOCHS,
    FEATURES,
    HIDDEN,
    OPTIMIZERS,
    RULES,
    batches,
    configuration,
    samples,
    told_by_training,
)

from modnet import DivergenceError, Layer, LayerContext, Trainer, UpdateContext, UpdateRule
from modnet.components.activations import Tanh
from modnet.components.costs import Quadratic

each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)
each_rule = pytest.mark.parametrize("rule", RULES)
each_way = pytest.mark.parametrize("way", ["there", "back"])


class Tripwire(Layer):
    """Passes everything on, but NaN in the pass ``at``; it counts in its state, which is wound back with everything."""

    kind: Literal["tripwire"] = "tripwire"
    at: int
    way: Literal["there", "back"]

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Any]:
        del input_shape
        return {"passes": np.zeros(1)}

    def _trips(self, way: str, ctx: LayerContext) -> bool:
        return way == self.way and bool(ctx.state["passes"] == self.at + 1)

    def forward(self, x: Any, ctx: LayerContext) -> Any:
        if ctx.training:
            ctx.state["passes"] = ctx.state["passes"] + 1
        return x * np.nan if self._trips("there", ctx) else x

    def backward(self, delta: Any, ctx: LayerContext) -> Any:
        return (delta * np.nan if self._trips("back", ctx) else delta), {}


class TrippedTanh(Tanh):
    """tanh, but NaN where |z| > 1e5, on the way there or back."""

    kind: Literal["tripped-tanh"] = "tripped-tanh"  # type: ignore[assignment]
    way: Literal["there", "back"]

    def __call__(self, z: Any) -> Any:
        return np.where((np.abs(z) > 1e5) & (self.way == "there"), np.nan, np.tanh(z))

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        return np.where(np.abs(z) > 1e5, np.nan, upstream * (1 - a * a))


class TrippedCost(Quadratic):
    """The quadratic cost, but NaN for a sample whose first target is 7, in the cost or in its gradient."""

    kind: Literal["tripped-cost"] = "tripped-cost"  # type: ignore[assignment]
    way: Literal["there", "back"]

    def __call__(self, a: Any, y: Any) -> Any:
        return np.where((y[:, 0] == 7) & (self.way == "there"), np.nan, super().__call__(a, y))

    def gradient(self, a: Any, y: Any) -> Any:
        return np.where((y[:, :1] == 7) & (self.way == "back"), np.nan, a - y)


class TrippedRule(UpdateRule):
    """θ ← θ − η∇, but a step of another size in the update ``at``, for the parameter ``place``."""

    kind: Literal["tripped-rule"] = "tripped-rule"
    at: int
    place: int
    size: str = "inf"

    def init(self, parameters: Any) -> dict[str, Any]:
        del parameters
        return {"updates": 0}

    def update(self, gradient: Any, state: dict[str, Any], context: UpdateContext) -> Any:
        step = context.learning_rate * gradient
        if state["updates"] == self.at:
            step[self.place] = float(self.size)
        return step, {"updates": state["updates"] + 1}


@pytest.fixture(autouse=True)
def _watch() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch, Tripwire, TrippedTanh, TrippedCost, TrippedRule):
        yield


def update_of(sample: int, optimizer: str) -> int:
    return next(update for update, (_, rows) in enumerate(batches(optimizer)) if sample in rows)


def some_updates(optimizer: str) -> list[tuple[int, int]]:
    """Return (epoch, update) of the second and of the last."""
    epochs = [epoch for epoch, _ in batches(optimizer)]
    return [(epochs[at], at) for at in (1, len(epochs) - 1)]


@each_optimizer
@each_rule
@each_way
def test_a_layer(way: str, rule: str, optimizer: str) -> None:
    for epoch, at in some_updates(optimizer):
        config = configuration("deep", optimizer, rule, 1e-3)
        config["network"]["layers"].insert(2, {"kind": "tripwire", "at": at, "way": way})
        # On the way there it is the tripwire's own output; on the way back the first layer has NaN for a gradient.
        assert told_by_training(config, *samples("deep")) == (epoch, at, 3 if way == "there" else 1)


@each_optimizer
@each_rule
@each_way
def test_a_sample_that_activation_or_cost_cannot_take(way: str, rule: str, optimizer: str) -> None:
    for sample, part in itertools.product((0, 22), ("activation", "cost")):
        config, (x, y) = configuration("deep", optimizer, rule, 1e-3), samples("deep")
        if part == "cost":
            y[sample, 0], config["network"]["cost"] = 7, {"kind": "tripped-cost", "way": way}
        else:
            x[sample] *= 1e9
            config["network"]["layers"][0]["activation"] = {"kind": "tripped-tanh", "way": way}
        layer = 3 if (part, way) == ("cost", "there") else 1
        assert told_by_training(config, x, y) == (0, update_of(sample, optimizer), layer)


@each_optimizer
@pytest.mark.parametrize(("place", "layer"), [(0, 1), (FEATURES * HIDDEN, 2), (-1, 3)])
def test_a_rule(place: int, layer: int, optimizer: str) -> None:
    for epoch, at in some_updates(optimizer):
        config = configuration("deep", optimizer, {"kind": "tripped-rule", "at": at, "place": place}, 1e-3)
        assert told_by_training(config, *samples("deep")) == (epoch, at, layer)


@each_optimizer
def test_the_last_good_checkpoint_stays(optimizer: str, tmp_path: Path) -> None:
    """It is that of the last epoch that ended; going on from it meets the same update again."""
    ends = [epoch for epoch, _ in batches(optimizer)]
    at = ends.index(EPOCHS - 1)
    config = configuration("deep", optimizer, {"kind": "tripped-rule", "at": at, "place": 0}, 1e-3)
    with pytest.raises(DivergenceError) as told:
        Trainer.from_config(config | {"callbacks": ["checkpoint"]}).fit(*samples("deep"), out=tmp_path / "run")
    assert (told.value.epoch, told.value.update) == (EPOCHS - 1, at)
    assert not (tmp_path / "run" / "model.safetensors").exists()
    with pytest.raises(DivergenceError) as again:
        Trainer.resume(tmp_path / "run", *samples("deep"))
    assert str(again.value) == str(told.value)


def test_the_last_update_whose_numbers_no_cost_has_seen() -> None:
    """θ is finite, and net inputs of the first layer are not: the finished network is asked, and its layers too."""
    config = configuration("open", "batch", {"kind": "tripped-rule", "at": 2, "place": 0, "size": "1e308"}, 1e-3)
    x, y = samples("open")
    assert told_by_training(config, 10 * x, y) == (2, 2, 1)


@each_optimizer
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_listener_that_writes_to_a_parameter(after: int, optimizer: str) -> None:
    """Nothing fails when the updates are repeated without it; the one is named whose cost was the first to show it."""
    thetas: list[np.ndarray] = []

    def write(training: Any) -> None:
        if training.updates == after:
            training.parameters[-1] = np.nan

    Watch.at = {"batch_end": write, "fit_end": lambda training: thetas.append(training.parameters.copy())}
    with pytest.raises(
        DivergenceError, match=r"of layer 3 became non-finite \(NaN or infinity\), but not when the update was repeated"
    ) as told:
        Trainer.from_config(configuration("deep", optimizer, "plain", 1e-3)).fit(*samples("deep"))
    at = after - 1 if optimizer == "batch" else after  # an epoch that ends with it has no cost that could show it
    assert (told.value.epoch, told.value.update) == ([epoch for epoch, _ in batches(optimizer)][at], at)
    assert np.isfinite(thetas[0]).all()


@each_optimizer
def test_a_part_that_is_no_pure_function(optimizer: str) -> None:
    calls = itertools.count()

    class Moody(Tanh):
        """tanh, but NaN when it is called for the third time."""

        kind: Literal["moody"] = "moody"  # type: ignore[assignment]

        def __call__(self, z: Any) -> Any:
            return np.tanh(z) * (np.nan if next(calls) == 2 else 1)

    config = configuration("deep", optimizer, "plain", 1e-3)
    config["network"]["layers"][0]["activation"] = Moody()
    with pytest.raises(DivergenceError, match="but not when the update was repeated: look for a listener") as told:
        Trainer.from_config(config).fit(*samples("deep"))
    epoch = [epoch for epoch, _ in batches(optimizer)][2]
    assert (told.value.epoch, told.value.update, told.value.layer) == (epoch, 2, 3)
