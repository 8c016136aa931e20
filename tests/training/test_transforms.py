"""Trainings with transforms of samples and of targets: units, metrics, files, resuming."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from components.tables import NAN, table
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.preprocessing import StandardScaler
from training.resuming import in_pieces, same, small_blocks

import modnet
from modnet import ConfigError, Data, DataError, Run, Trainer, load, save
from modnet.analysis.results.worst_samples import worst_samples_table
from modnet.data.table import Table

RNG = np.random.default_rng(11)
ROWS = 120
KILOS = np.exp(RNG.normal(size=ROWS))
AGE = np.where(np.arange(ROWS) % 7 == 3, NAN, RNG.uniform(20, 80, ROWS))
CITY = [None if row % 11 == 5 else ["Rome", "Oslo", "Bonn"][row % 3] for row in range(ROWS)]
PEOPLE = table(kilos=KILOS.tolist(), age=AGE.tolist(), city=CITY)
TALL = np.where(KILOS + (np.arange(ROWS) % 3) > 1.5, "tall", "short")
PRICES = np.exp(8.0 + 0.5 * np.log(KILOS) + 0.2 * (np.arange(ROWS) % 3))

TRANSFORMS = [
    {"kind": "log", "columns": ["kilos"]},
    {"kind": "impute", "indicator": True},
    {"kind": "one-hot", "unknown": "ignore"},
    {"kind": "standard", "columns": ["age", "kilos"]},
]


def configuration(units: int = 2, activation: str = "sigmoid", **data: Any) -> dict[str, Any]:
    return {
        "epochs": 3,
        "network": {"layers": [5, {"kind": "dense", "units": units, "activation": activation}]},
        "optimizer": {"batch_size": 10, "learning_rate": 0.1},
        "data": {"transforms": TRANSFORMS, "validation_share": 0.25, **data},
    }


def regression(*metrics: str, **data: Any) -> dict[str, Any]:
    return {**configuration(1, "identity", **data), "metrics": metrics or ["r2", "mean-absolute-error"]}


def test_the_network_is_given_what_the_transforms_give_of_the_training_rows_alone() -> None:
    run = Trainer.from_config(configuration()).fit(PEOPLE, TALL)
    held_out = run.samples["validation"].held_out
    kept = np.setdiff1d(np.arange(ROWS), held_out)
    age = np.where(np.isnan(AGE), np.nanmedian(AGE[kept]), AGE)
    kilos = np.log(KILOS)
    found = np.array(run.samples["validation"].x)
    expected = [(column[held_out] - column[kept].mean()) / column[kept].std() for column in (kilos, age)]
    names = run.network.preprocessing.output_names
    assert names == ("city=Bonn", "city=Oslo", "city=Rome", "kilos", "age", "age=missing") or set(names) == {
        "kilos", "age", "age=missing", "city=Bonn", "city=Oslo", "city=Rome"}  # fmt: skip
    np.testing.assert_allclose(found[:, names.index("kilos")], expected[0], rtol=1e-9)
    np.testing.assert_allclose(found[:, names.index("age")], expected[1], rtol=1e-9)
    assert found[:, names.index("age=missing")].tolist() == np.isnan(AGE[held_out]).astype(float).tolist()
    assert run.network.features == ("kilos", "age", "city")
    assert run.network.raw_shape == (3,)


@pytest.mark.parametrize("transform", ["standard", "min-max", "robust", "log", {"kind": "log", "offset": 5.0}])
def test_predictions_and_metrics_are_in_the_units_of_the_targets(transform: Any) -> None:
    metrics = ["r2", "mean-absolute-error", "root-mean-squared-error", "explained-variance"]
    config = regression(*metrics, target_transform=transform)
    run = Trainer.from_config(config).fit(PEOPLE, PRICES, test=(PEOPLE, PRICES))
    a = run.network.predict(PEOPLE)[:, 0]
    assert 0.1 * PRICES.mean() < a.mean() < 10 * PRICES.mean()
    for part, rows in (("test", slice(None)), ("validation", run.samples["validation"].held_out)):
        found, (y, p) = run.evaluate(part), (PRICES[rows], a[rows])
        assert found["mean_absolute_error"] == pytest.approx(mean_absolute_error(y, p), rel=1e-9)
        assert found["root_mean_squared_error"] == pytest.approx(math.sqrt(np.mean((y - p) ** 2)), rel=1e-9)
        assert found["r2"] == pytest.approx(r2_score(y, p), rel=1e-9)
        assert run.history[-1][f"{part}_r2"] == pytest.approx(found["r2"], rel=1e-12)

    step = run.network.target_transform.steps[0]
    t, outputs = step.transform(PRICES[:, None], step.state), run.network.predict_outputs(PEOPLE)
    np.testing.assert_allclose(step.transform.inverse(outputs, step.state)[:, 0], a, rtol=1e-12)
    cost = np.mean(0.5 * (outputs - t) ** 2)  # the cost is of transformed targets
    assert run.evaluate("test")["cost"] == pytest.approx(cost, rel=1e-9)


def test_a_linear_network_of_standardised_targets_is_that_of_scikit_learn() -> None:
    x = RNG.normal(size=(200, 3))
    y = 1e6 + 1e4 * (x @ [1.0, -2.0, 0.5]) + 1e3 * RNG.normal(size=200)
    config = {
        "epochs": 400,
        "network": {"layers": [{"kind": "dense", "units": 1, "activation": "identity"}]},
        "optimizer": {"kind": "batch", "learning_rate": 0.5},
        "data": {"transforms": ["standard"], "target_transform": "standard"},
        "metrics": ["r2"],
    }
    run = Trainer.from_config(config).fit(x, y)
    peer = TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()).fit(x, y)
    np.testing.assert_allclose(run.network.predict(x)[:, 0], peer.predict(x), rtol=1e-9)
    assert run.history[-1]["r2"] == pytest.approx(peer.score(x, y), abs=1e-6)


def test_several_targets_have_a_transform_each() -> None:
    y = np.stack([PRICES, 1e-3 * PRICES - 7.0], axis=1)
    run = Trainer.from_config(
        {
            **regression(target_transform="standard"),
            "network": {"layers": [{"kind": "dense", "units": 2, "activation": "identity"}]},
        }
    ).fit(PEOPLE, y)
    kept = np.setdiff1d(np.arange(ROWS), run.samples["validation"].held_out)
    np.testing.assert_allclose(run.network.target_transform.steps[0].state["shift"], y[kept].mean(axis=0), rtol=1e-12)
    assert run.network.predict(PEOPLE).shape == (ROWS, 2)


@pytest.mark.parametrize(
    ("y", "transform", "message"),
    [
        (TALL, "standard", "data.target_transform: the targets are classes, not numbers; allowed: none"),
        (np.arange(ROWS) % 20, "standard",
         "data.target_transform: the targets are classes, not numbers; allowed: none; integers are "),
        (np.eye(2, dtype=int)[np.arange(ROWS) % 2], "standard",
         "data.target_transform: the targets are labels that apply or not, not numbers; allowed: none"),
        (PRICES, "one-hot", "data.target_transform: one-hot cannot be undone in predictions; allowed: transforms that"),
        (PRICES, "impute", "data.target_transform: impute cannot be undone in predictions"),
        (-PRICES, "log", "training y: log (data.target_transform): "),
    ],
)  # fmt: skip
def test_targets_that_cannot_be_transformed(y: Any, transform: str, message: str, tmp_path: Path) -> None:
    units, activation = (1, "identity") if y.ndim == 1 and y.dtype == float else (2, "sigmoid")
    config = configuration(units, activation, target_transform=transform)
    with pytest.raises((ConfigError, DataError)) as caught:
        Trainer.from_config(config).fit(PEOPLE, y, out=tmp_path / "run")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def trained(target: str | None = None, **more: Any) -> Run:
    if target is None:
        return Trainer.from_config({**configuration(), **more}).fit(PEOPLE, TALL)
    return Trainer.from_config({**regression(target_transform=target), **more}).fit(PEOPLE, PRICES)


@pytest.mark.parametrize("target", [None, "standard", "log"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_saved_copied_and_pickled_networks_predict_the_same(target: str | None, dtype: str, tmp_path: Path) -> None:
    network = trained(target, dtype=dtype).network
    save(network, tmp_path / "m.safetensors")
    expected = network.predict(PEOPLE)
    copies = {
        "loaded": load(tmp_path / "m.safetensors"),
        "copied": copy.copy(network),
        "deep": copy.deepcopy(network),
        "pickled": pickle.loads(pickle.dumps(network)),  # noqa: S301 -- pickled just now
    }
    for name, other in copies.items():
        assert other.predict(PEOPLE).tobytes() == expected.tobytes(), name
        assert other.preprocessing.output_names == network.preprocessing.output_names
        assert other.features == network.features
    save(copies["loaded"], tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()
    assert expected.dtype == dtype


def test_predictions_take_raw_rows_with_columns_in_any_order() -> None:
    network = trained().network
    expected = network.predict(PEOPLE)
    np.testing.assert_array_equal(network.predict(PEOPLE.select([2, 0, 1])), expected)
    np.testing.assert_array_equal(network.predict(PEOPLE[:5]), expected[:5])
    one = Table(PEOPLE.values[7:8].copy(), PEOPLE.names, PEOPLE.texts)
    np.testing.assert_allclose(network.predict(one), expected[7:8], rtol=1e-12)
    with pytest.raises(DataError, match=r"x: .*city"):
        network.predict(PEOPLE.select([0, 1]))
    with pytest.raises(
        DataError, match=r"x: log \(data.transforms.0\): row 1 \(counted from 0\), column 'kilos' is -2"
    ):
        network.predict(table(kilos=[1.0, -2.0], age=[30.0, 40.0], city=["Rome", "Oslo"]))


@pytest.mark.parametrize("points", [[4], [7, 20]])
@pytest.mark.parametrize("target", [None, "standard"])
def test_resumed_with_the_same_bits(
    points: list[int], target: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    config = configuration() if target is None else regression(target_transform=target)
    config |= {"callbacks": ["checkpoint"]}
    data: Any = (PEOPLE, TALL if target is None else PRICES)
    Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    in_pieces(config, data, tmp_path / "pieces", points)
    same(tmp_path / "whole", tmp_path / "pieces")
    other = Table(np.where(PEOPLE.values == PEOPLE.values[0, 0], 9.0, PEOPLE.values), PEOPLE.names, PEOPLE.texts)
    with pytest.raises(DataError, match="must be those of the"):
        Trainer.resume(tmp_path / "pieces", other, data[1], epochs=5)


def test_an_initial_network_keeps_its_transforms() -> None:
    first = trained("standard").network
    others = table(kilos=(3.0 * KILOS).tolist(), age=(AGE + 5.0).tolist(), city=["Oslo"] * ROWS)
    config = {**regression(target_transform="log"), "epochs": 0}
    second = Trainer.from_config(config).fit(others, 2.0 * PRICES, initial=first).network
    np.testing.assert_array_equal(second.predict(PEOPLE), first.predict(PEOPLE))
    assert second.target_transform.steps[0].transform.kind == "standard"
    assert second.preprocessing.output_names == first.preprocessing.output_names


def test_a_file_of_rows_with_missing_values_gives_the_bits_of_rows_in_memory(tmp_path: Path) -> None:
    x = np.random.default_rng(2).normal(size=(9001, 3)) * [1.0, 1e4, 1e-3] + [0.0, 1e5, 0.0]
    x[::13, 1] = NAN
    y = np.where(x[:, 0] > 0, "up", "down")
    np.save(tmp_path / "x.npy", x)
    config = {
        "epochs": 2,
        "network": {"layers": [4, 2]},
        "optimizer": {"batch_size": 100},
        "data": {"validation_share": 0.2},
    }
    filled = {"kind": "impute", "strategy": "mean", "indicator": True}
    some = {"kind": "standard", "columns": [0, 2]}
    for transforms in ([filled, "standard"], [some, filled], [filled, "robust"]):
        config["data"]["transforms"] = transforms
        mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
        in_file, in_memory = (Trainer.from_config(config).fit(rows, y) for rows in (mapped, x))
        assert in_file.network.parameters.tobytes() == in_memory.network.parameters.tobytes()
        for one, other in zip(in_file.network.preprocessing.steps, in_memory.network.preprocessing.steps, strict=True):
            assert {key: value.tobytes() for key, value in one.state.items()} == {
                key: value.tobytes() for key, value in other.state.items()
            }
        rows = [{**row, "seconds": None} for row in in_file.history]
        assert rows == [{**row, "seconds": None} for row in in_memory.history]
        assert in_file.network.predict(mapped).tobytes() == in_memory.network.predict(x).tobytes()


def test_without_transforms_text_and_missing_values_are_refused() -> None:
    config = configuration(transforms=[])
    with pytest.raises(
        DataError, match=r"^training x: line 5, column 'age' is missing; data.transforms = \[\"impute\"\]"
    ):
        Trainer.from_config(config).fit(PEOPLE.select([0, 1]), TALL)
    with pytest.raises(
        DataError, match=r"^training x: column 'city' holds text \(line 2: 'Rome'\); numbers are needed"
    ):
        Trainer.from_config(config).fit(PEOPLE.select([0, 2]), TALL)
    run = Trainer.from_config(config).fit(PEOPLE.select([0]), TALL)
    assert run.network.preprocessing is None


@pytest.mark.parametrize("target", [None, "log"])
def test_runs_are_analysed_with_their_raw_rows(target: str | None, tmp_path: Path) -> None:
    config = configuration() if target is None else regression(target_transform=target)
    y = TALL if target is None else PRICES
    run = Trainer.from_config(config).fit(PEOPLE, y, out=tmp_path / "run")
    data = Data((PEOPLE, y))
    found = modnet.results(tmp_path / "run", data=data, part="validation")
    held_out = run.samples["validation"].held_out
    p = run.network.predict(PEOPLE)[held_out]
    if target is None:
        assert found.predictions.metrics["accuracy"] == np.mean(
            run.network.classify(PEOPLE)[held_out] == TALL[held_out]
        )
    else:
        assert found.predictions.metrics["mean_absolute_error"] == pytest.approx(
            np.mean(np.abs(p[:, 0] - PRICES[held_out]))
        )
    assert modnet.results(tmp_path / "run").predictions.metrics == pytest.approx(
        found.predictions.metrics
    )  # of the outputs that it keeps
    page = modnet.report_html(modnet.report(tmp_path / "run", data=data, suggest=False))
    assert all(f">{word}<" in page for word in ("city", "age", "kilos", "missing"))
    assert modnet.dampening(tmp_path / "run", data=data, suggest=False)
    row, train = PEOPLE.row(3), np.setdiff1d(np.arange(ROWS), held_out).tolist()
    traced = modnet.trace(run.network, row, y[3])
    np.testing.assert_allclose(traced.layers[-1].a, run.network.predict_outputs(PEOPLE)[3], rtol=1e-12)
    np.testing.assert_allclose(traced.x, np.asarray(run.samples["train"].x)[train.index(3)], rtol=1e-12)
    assert traced.to_dict()["raw"]["values"][1:] == [None, "Rome"]
    text = modnet.trace_markdown(traced)
    assert r"\\ \text{missing} \\ \text{Rome} \end{pmatrix}" in text
    assert traced.largest_relative < 1e-6


def test_the_table_of_mistakes_has_the_raw_columns() -> None:
    many = table(name=[f"n{row % 40}" for row in range(ROWS)], kilos=KILOS.tolist())
    config = configuration(1, "identity", transforms=["one-hot"], validation_share=0.0)
    run = Trainer.from_config(config).fit(many, PRICES)
    found = modnet.results(run, data=Data((many, PRICES)), part="train")
    head, rows = worst_samples_table(found.mistakes, run.network, with_features=True)
    assert head[-2:] == ["name", "kilos"]
    assert all(len(row) == len(head) and row[-2].startswith("n") for row in rows)


def test_numbers_are_no_classes() -> None:
    x, y = np.arange(20.0)[:, None], np.arange(20.0) * 1_000.0
    layers = [{"kind": "dense", "units": 1, "activation": "identity"}]
    config = {"epochs": 1, "network": {"layers": layers}, "data": {"kind": "memory", "target_transform": "standard"}}
    network = Trainer.from_config(config).fit(x, y).network
    with pytest.raises(DataError, match=r"^the network was trained with numbers, which are no classes; predict "):
        network.classify(x)
    assert network.predict(x).shape == (20, 1)
