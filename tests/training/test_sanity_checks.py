"""What cannot learn is named before the first epoch, and what can is not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest
from analysis.configurations import HEALTHY
from components.callbacks.strangers import installed
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from modnet import Activation, ConfigError, Cost, Run, Trainer
from modnet.core.dataset import Data
from modnet.data.prepared import Samples
from modnet.training import sanity_checks
from modnet.training.sanity_checks import output_range
from modnet.training.setup import build

PROBABILITIES = ("categorical-cross-entropy", "binary-cross-entropy")


def last(activation: Any, units: int = 1) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation}


def found(x: Any, y: Any, layers: list[Any], cost: str = "quadratic", **data: Any) -> tuple[str, ...]:
    config = Trainer.from_config(
        {"network": {"layers": layers, "cost": cost}, "data": {"kind": "digits", **data}}
    ).config
    network, samples, _ = build(config, Data((x, y)), None)
    return sanity_checks.sanity_checks(network, samples["train"])


class Squash(Activation):
    """A stranger's activation, from −2 to 2."""

    kind: Literal["squash"] = "squash"

    def __call__(self, z: Any) -> Any:
        return 2.0 * z / (1.0 + abs(z))

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        del a
        return upstream * 2.0 / (1.0 + abs(z)) ** 2


class Wave(Squash):
    """sin z, which is neither at its least nor at its greatest far out."""

    kind: Literal["wave"] = "wave"  # type: ignore[assignment]

    def __call__(self, z: Any) -> Any:
        return np.sin(z)


class Softplus(Squash):
    kind: Literal["softplus"] = "softplus"  # type: ignore[assignment]

    def __call__(self, z: Any) -> Any:
        return np.logaddexp(z, 0.0)


class Exponential(Squash):
    kind: Literal["exponential"] = "exponential"  # type: ignore[assignment]

    def __call__(self, z: Any) -> Any:
        return np.exp(z)


class Nothing(Squash):
    kind: Literal["nothing"] = "nothing"  # type: ignore[assignment]

    def __call__(self, z: Any) -> Any:
        return z * np.nan


def test_a_batch_that_is_larger_than_the_data_is_all_of_it(caplog: pytest.LogCaptureFixture) -> None:
    x, y = np.random.default_rng(1).normal(size=(40, 3)), np.arange(40) % 2

    def fit(size: int, **options: Any) -> Run:
        optimizer = {"batch_size": size, "learning_rate": 0.1} | options
        return Trainer.from_config({"epochs": 3, "network": {"layers": [4, 2]}, "optimizer": optimizer}).fit(x, y)

    caplog.set_level("WARNING", "modnet")
    whole, larger = fit(40), fit(5000)
    assert larger.network.parameters.tobytes() == whole.network.parameters.tobytes()
    assert (whole.updates, larger.updates) == (3, 3)
    text = "optimizer.batch_size: 5000 is more than the 40 training samples; each update uses all of them"
    assert (whole.warnings, larger.warnings) == ((), (text,))
    assert [record.getMessage() for record in caplog.records] == [f"modnet: {text}"]
    with pytest.raises(
        ConfigError, match=r"^optimizer\.batch_size: 41 is more than the 40 training samples; allowed: "
    ):
        fit(41, drop_last=True)
    assert fit(40, drop_last=True).updates == 3


@pytest.fixture(autouse=True)
def strangers() -> Iterator[None]:
    with installed(Squash, Wave, Softplus, Exponential, Nothing):
        yield


@pytest.mark.parametrize(
    ("activation", "units", "expected"),
    [
        ("sigmoid", 3, (0.0, 1.0)),
        ("tanh", 3, (-1.0, 1.0)),
        ("softmax", 3, (0.0, 1.0)),
        ("softmax", 5000, (0.0, 1.0)),
        ("softmax", 1, (1.0, 1.0)),
        ("relu", 1, (0.0, np.inf)),
        ("leaky-relu", 1, (-np.inf, np.inf)),
        ("identity", 2, (-np.inf, np.inf)),
        ("squash", 2, (-2.0, 2.0)),
        ("wave", 2, (-1.0, 1.0)),
        ("softplus", 1, (0.0, np.inf)),
        ("exponential", 1, (0.0, np.inf)),
    ],
)
def test_the_range_of_an_activation_is_measured(activation: str, units: int, expected: tuple[float, float]) -> None:
    measured = output_range(Activation.resolve(activation), Cost.resolve("quadratic"), units)
    assert measured == pytest.approx(expected, abs=0.01)


def test_the_range_is_that_of_the_predictions() -> None:
    class Shifted(Cost):
        kind: Literal["shifted"] = "shifted"

        def predictions(self, a: Any) -> Any:
            return a + 100.0

        def __call__(self, a: Any, y: Any) -> Any:
            return ((a - y) ** 2).sum(axis=-1)

        def gradient(self, a: Any, y: Any) -> Any:
            return 2.0 * (a - y)

    assert output_range(Activation.resolve("sigmoid"), Shifted(), 2) == pytest.approx((100.0, 101.0))
    assert output_range(Activation.resolve("nothing"), Cost.resolve("quadratic"), 2) is None


def test_targets_beyond_the_outputs() -> None:
    x, y = load_diabetes(return_X_y=True)
    (text,) = found(x, y, [8, last("sigmoid")])
    assert text == (
        "network.layers.1.activation: sigmoid gives values from 0 to 1, and the targets range from 25 to 346; "
        "use 'identity', with data.target_transform = \"standard\" where the targets are large"
    )
    for activation in ("tanh", "squash", "wave"):
        (text,) = found(x, y, [last(activation)])
        assert text.startswith(f"network.layers.0.activation: {activation} gives values from -")
    (text,) = found(x, -y, [last("relu")])
    assert "relu gives values from 0 upwards, and the targets range from -346 to -25;" in text
    for activation in ("identity", "relu", "leaky-relu", "softplus", "exponential", "nothing"):
        assert found(x, y, [last(activation)]) == ()
    inside = (y - y.min()) / (y.max() - y.min())
    for activation in ("sigmoid", "tanh"):
        assert found(x, inside, [last(activation)]) == ()
    assert found(x, 1.04 * inside, [last("sigmoid")]) == ()  # hardly outside
    assert len(found(x, 1.06 * inside, [last("sigmoid")])) == 1


def test_outputs_that_are_no_probabilities() -> None:
    x, y = load_iris(return_X_y=True)
    for cost in PROBABILITIES:
        for activation, values in (
            ("relu", "from 0 upwards"),
            ("identity", "without bounds"),
            ("tanh", "from -1 to 1"),
            ("squash", "from -2 to 2"),
        ):
            (text,) = found(x, y, [8, last(activation, 3)], cost)
            place = f"network.layers.1.activation: {activation}"
            assert text.startswith(
                f"{place} gives values {values}, and {cost} takes them as probabilities; use 'softmax'"
            )
        for activation in ("sigmoid", "softmax"):
            assert found(x, y, [8, last(activation, 3)], cost) == ()
    for activation in ("relu", "identity", "tanh", "sigmoid", "softmax"):
        assert found(x, y, [8, last(activation, 3)]) == ()
    (text,) = found(x, y > 0, [last("relu")], "binary-cross-entropy")
    assert text.endswith("use 'sigmoid'")
    several = np.stack([y == 0, y > 0], axis=1).astype(int)
    (text,) = found(x, several, [last("relu", 2)], "binary-cross-entropy")
    assert text.endswith("use 'sigmoid'")


def test_which_costs_take_probabilities() -> None:
    def kinds(width: int) -> set[str]:
        costs = [*("quadratic", "absolute", "huber", "poisson", "gaussian-nll", "quantile"), *PROBABILITIES]
        takes = sanity_checks._takes_probabilities
        return {kind for kind in costs if takes(Cost.resolve(kind), width)}

    assert kinds(1) == kinds(3) == set(PROBABILITIES)


def test_targets_that_are_transformed_are_called_so() -> None:
    x, y = load_diabetes(return_X_y=True)
    (text,) = found(x, y, [last("tanh")], target_transform="standard")
    assert "tanh gives values from -1 to 1, and the transformed targets range from -1.65 to 2.52;" in text
    assert text.endswith("; use 'identity'")
    assert found(x, y, [last("identity")], target_transform="standard") == ()


def test_numbers_that_are_taken_as_probabilities() -> None:
    x, y = load_diabetes(return_X_y=True)
    for cost in PROBABILITIES:
        (text,) = found(x, y, [8, last("identity")], cost)
        rest = "takes targets as probabilities, and the targets range from 25 to 346; use 'quadratic'"
        assert text == f"network.cost: {cost} {rest}"
        (text,) = found(x, y, [8, last("identity")], cost, target_transform="standard")
        assert "and the transformed targets range from -1.65 to 2.52" in text
        assert found(x, y / 346.0, [8, last("sigmoid")], cost) == ()
        assert found(x, (y > 100.0).astype(int), [8, last("sigmoid", 2)], cost) == ()


def test_large_numbers() -> None:
    """On 3,000 houses, adam at 0.005 reaches r² 0.92 with prices up to 1,000 and 0.80 with 100,000."""
    x, y = load_diabetes(return_X_y=True)
    (text,) = found(x, 1000.0 * y, [8, last("identity")])
    assert text == 'the targets range from 25,000 to 346,000; use data.target_transform = "standard"'
    (text,) = found(x, -1000.0 * y, [8, {"kind": "chain", "layers": [last("identity")]}])
    assert text.startswith("the targets range from -346,000 to -25,000; ")
    assert found(x, 1000.0 * y, [8, last("identity")], target_transform="standard") == ()
    (text,) = found(x, 1000.0 * y, [8, last("sigmoid")])  # one line names both remedies
    assert text.endswith("where the targets are large")
    for sign in (1.0, -1.0):
        assert found(x, sign * y / 346.0 * 9_999.0, [8, last("identity")]) == ()
        assert len(found(x, sign * y / 346.0 * 10_001.0, [8, last("identity")])) == 1


def test_columns_are_those_that_enter_the_network() -> None:
    x, y = load_wine(return_X_y=True)
    (text,) = found(x, y, [8, 3], transforms=[{"kind": "standard", "columns": [7]}, {"kind": "passthrough"}])
    assert text.startswith("column 12 ranges from 278 to 1,680, ")
    assert found(x, y, [8, 3], transforms=["standard"]) == ()


def test_an_output_that_is_constant() -> None:
    x, y = load_iris(return_X_y=True)
    (text,) = found(x, y > 0, [4, last("softmax")], "binary-cross-entropy")
    assert text == "network.layers.1.activation: softmax always gives 1, whatever the net input; use 'sigmoid'"
    (text,) = found(x, y.astype(float), [last("softmax")])
    assert text.endswith("always gives 1, whatever the net input; use 'identity'")


def test_a_cost_that_never_lowers_an_output_of_labels(rng: np.random.Generator) -> None:
    x, labels = rng.normal(size=(40, 2)), np.eye(4, dtype=int)[np.arange(40) % 4]
    problem = "categorical-cross-entropy does not depend on outputs that should be 0, so all become 1"
    expected = (f"network.cost: {problem}; use 'binary-cross-entropy'",)
    for y, layers in ((np.arange(40) % 2, [3, 1]), (labels, [3, 4])):
        assert found(x, y, layers, "categorical-cross-entropy") == expected
        assert found(x, y, layers, "binary-cross-entropy") == found(x, y, layers) == ()
        run = Trainer.from_config({"network": {"layers": layers, "cost": "categorical-cross-entropy"}}).fit(x, y)
        assert run.network.predict(x).min() > 0.9
    assert found(x, np.arange(40) % 3, [3, last("softmax", 3)], "categorical-cross-entropy") == ()
    assert found(x, np.arange(40) % 2, [3, last("softmax", 2)], "categorical-cross-entropy") == ()


def test_what_is_behind_other_layers_is_not_judged() -> None:
    x, y = load_diabetes(return_X_y=True)
    inner = {"kind": "chain", "layers": [last("relu", 3), last("softmax", 3)]}
    xi, yi = load_iris(return_X_y=True)
    assert found(xi, yi, [inner], "categorical-cross-entropy") == ()
    assert found(x, y, [4, last("identity"), {"kind": "dropout"}]) == ()


def test_features_of_very_different_ranges(rng: np.random.Generator) -> None:
    x, y = load_wine(return_X_y=True)
    (text,) = found(x, y, [8, 3])
    widths = np.ptp(x, axis=0)
    wide, narrow = int(np.argmax(widths)), int(np.argmin(widths))
    assert text.startswith(
        f"column {wide} (counted from 0) ranges from 278 to 1,680, {widths[wide] / widths[narrow]:,.0f}"
    )
    assert text.endswith(
        f'times as far as column {narrow} (counted from 0), from 0.13 to 0.66; use data.transforms = ["standard"]'
    )
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"income": [0.0, 2e6, 1e6] * 5, "age": [0.3, 0.9, 0.5] * 5, "same": [7.0] * 15})
    (text,) = found(frame, [0, 1, 1] * 5, [3, 2])
    assert text.startswith(
        "column 'income' ranges from 0 to 2,000,000, 3,333,333 times as far as column 'age', from 0.3 to "
    )
    assert len(found(*load_breast_cancer(return_X_y=True), [4, 2])) == 1
    assert found(*load_iris(return_X_y=True), [4, 3]) == ()
    assert found(np.column_stack([rng.random(50) * 999.0, np.arange(50) / 49]), np.arange(50) % 2, [2]) == ()


def test_what_makes_features_alike_needs_no_warning() -> None:
    x, y = load_wine(return_X_y=True)
    assert found((x - x.mean(axis=0)) / x.std(axis=0), y, [8, 3]) == ()
    assert found(x, y, [{"kind": "batch-norm"}, 8, 3]) == ()


def test_of_many_rows_few_are_looked_at(rng: np.random.Generator) -> None:
    x, y = rng.random((40_000, 2)), np.arange(40_000) % 2
    x[::1000, 1] *= 1e5  # no piece of a thousand rows is without one
    seen: list[int] = []

    class Rows(np.ndarray):
        def __getitem__(self, rows: Any) -> Any:
            if isinstance(rows, slice) and rows.stop != 1:
                seen.append(rows.stop - rows.start)
            return np.asarray(self).__getitem__(rows)

    network, samples, _ = build(Trainer.from_config({"network": {"layers": [2]}}).config, Data((x, y)), None)
    (text,) = sanity_checks.sanity_checks(network, Samples(x.view(Rows), samples["train"].targets))
    assert "column 1 (counted from 0) ranges" in text
    assert seen == [1000] * 10


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_said_of_networks_that_learn(name: str, caplog: pytest.LogCaptureFixture) -> None:
    run = Trainer.from_config(HEALTHY[name] | {"epochs": 1}).fit()
    assert (run.warnings, caplog.records) == ((), [])


def test_the_logger_warns_once_before_the_first_epoch(caplog: pytest.LogCaptureFixture) -> None:
    x, y = load_diabetes(return_X_y=True)
    before: list[int] = []
    config = {"epochs": 2, "network": {"layers": [4, 1]}, "optimizer": {"learning_rate": 0.1}}
    run = Trainer.from_config(config).fit(x, y, callbacks=[lambda *_: before.append(len(caplog.records))])
    assert [(record.name, record.levelno) for record in caplog.records] == [("modnet", logging.WARNING)]
    assert before == [1, 1]
    (text,) = run.warnings
    assert caplog.messages == [f"modnet: {text}"]
    caplog.clear()
    assert Trainer(run.config, checks=False).fit(x, y).warnings == ()
    assert caplog.messages == []
