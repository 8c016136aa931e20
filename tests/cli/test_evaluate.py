"""``modnet evaluate``: every figure is worked out again, from the tensors in the model file alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.running import Flowers, Modnet, outputs_of, write_csv

from modnet.data.datasets.arrays import Digits


def figures(a: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return quadratic cost and accuracy of outputs against class numbers."""
    wanted = np.eye(a.shape[1])[y]
    return {
        "cost": float(0.5 * np.sum((a - wanted) ** 2) / len(a)),
        "accuracy": float(np.mean(a.argmax(axis=1) == y)),
    }


def close(expected: dict[str, float]) -> dict[str, object]:
    return {name: pytest.approx(value, rel=1e-9) for name, value in expected.items()}


def evaluated(trained: Modnet, *arguments: object) -> dict[str, object]:
    return json.loads(trained("evaluate", *arguments, "--json").out)


def test_the_figures_are_those_of_the_test_samples(trained: Modnet) -> None:
    trained("train", "--epochs", 2, "--quiet", "--out", "run")
    x, y = Digits().load().test
    expected = figures(outputs_of("run", x), y)
    found = evaluated(trained, "run")
    assert found == {"run": "run", "part": "test", "samples": 360} | close(expected)
    assert trained("evaluate", "run").lines == [
        "360 test samples",
        f"cost: {expected['cost']:.6g}",
        f"accuracy: {expected['accuracy']:.2%}",
    ]
    assert evaluated(trained, "run/model.safetensors") == found | {"run": "run/model.safetensors"}


def test_a_part_may_be_chosen(trained: Modnet) -> None:
    trained("train", "--epochs", 1, "--quiet", "--out", "run")
    x, y = Digits().load().train
    expected = figures(outputs_of("run", x), y)
    found = evaluated(trained, "run", "--part", "train")
    assert found == {"run": "run", "part": "train", "samples": 1437} | close(expected)


def test_the_samples_drawn_for_validation_are_the_same_again(trained: Modnet, flowers: Flowers) -> None:
    trained("train", *flowers.train, "--set", "data.validation_share=0.2", "--epochs", 2, "--quiet", "--out", "run")
    last = json.loads(Path("run/history.jsonl").read_text().splitlines()[-1])
    found = evaluated(trained, "run")
    assert (found["part"], found["samples"]) == ("validation", 18)
    assert (found["cost"], found["accuracy"]) == pytest.approx((last["validation_cost"], last["validation_accuracy"]))
    assert evaluated(trained, "run", "--part", "train")["samples"] == 72


def test_other_data_may_have_its_columns_in_another_order(trained: Modnet, flowers: Flowers) -> None:
    trained("train", *flowers.train, "--epochs", 3, "--quiet", "--out", "run")
    flowers.write("others.csv", ("weight", "sort", "height", "length", "width"), slice(10, 60))
    names, codes = np.unique(flowers.names, return_inverse=True)
    assert names.tolist() == ["größe 3", "lily, white", "rose"]
    expected = figures(outputs_of("run", flowers.x[10:60]), codes[10:60])
    found = evaluated(trained, "run", "--data", "others.csv")
    assert found == {"run": "run", "part": "given", "samples": 50} | close(expected)


def test_other_data_may_have_fewer_of_the_classes(trained: Modnet, flowers: Flowers) -> None:
    trained("train", *flowers.train, "--epochs", 3, "--quiet", "--out", "run")
    flowers.write("roses.csv", rows=slice(0, None, 3))
    expected = figures(outputs_of("run", flowers.x[::3]), np.full(30, 2))
    assert evaluated(trained, "run", "--data", "roses.csv")["cost"] == pytest.approx(expected["cost"], rel=1e-9)


def test_other_data_may_be_an_archive(trained: Modnet) -> None:
    trained("train", "--epochs", 1, "--quiet", "--out", "run")
    x, y = Digits().load().test
    np.savez("some.npz", x=x[:50], y=y[:50])
    found = evaluated(trained, "run", "--data", "some.npz")
    assert found["samples"] == 50
    assert found["cost"] == pytest.approx(figures(outputs_of("run", x[:50]), y[:50])["cost"], rel=1e-12)


def test_the_target_of_a_run_without_a_table_is_called_target(trained: Modnet, rng: np.random.Generator) -> None:
    trained("train", "--epochs", 1, "--quiet", "--out", "run")
    x, y = rng.random((20, 64)), np.arange(20) % 10
    rows = [[digit, *row] for digit, row in zip(y.tolist(), x.tolist(), strict=True)]
    write_csv("other.csv", ["target", *(f"pixel {i}" for i in range(64))], rows)
    expected = figures(outputs_of("run", x), y)
    assert evaluated(trained, "run", "--data", "other.csv")["cost"] == pytest.approx(expected["cost"], rel=1e-12)


def test_the_runs_own_file_may_have_its_columns_in_another_order_by_now(trained: Modnet, flowers: Flowers) -> None:
    trained("train", *flowers.train, "--epochs", 3, "--quiet", "--out", "run")
    before = evaluated(trained, "run")
    flowers.write("flowers.csv", ("weight", "sort", "height", "length", "width"))
    assert evaluated(trained, "run") == pytest.approx(before)


def test_the_runs_own_file_with_other_classes_is_refused(modnet: Modnet, flowers: Flowers) -> None:
    assert modnet("train", *flowers.train, "--epochs", 3, "--quiet", "--out", "run").code == 0
    text = Path("flowers.csv").read_text()
    Path("flowers.csv").write_text(text.replace("rose", "aster"))
    result = modnet("evaluate", "run")
    assert (result.code, result.out) == (2, "")
    assert "'aster'" in result.err


def test_the_runs_own_file_with_fewer_classes_is_no_traceback(modnet: Modnet, flowers: Flowers) -> None:
    assert modnet("train", *flowers.train, "--epochs", 3, "--quiet", "--out", "run").code == 0
    Path("flowers.csv").write_text("\n".join(Path("flowers.csv").read_text().splitlines()[i] for i in (0, 1, 2, 4, 5)))
    names = {line.rpartition(",")[2] for line in Path("flowers.csv").read_text().splitlines()[1:]}
    assert len(names) == 2
    assert modnet("evaluate", "run").code in (0, 2)


def test_labels_that_are_text_stay_text_where_a_file_has_only_numbers_for_them(trained: Modnet) -> None:
    write_csv("train.csv", ["u", "v", "grade"], [[i / 10, 1 - i / 20, ("1", "2", "fail")[i % 3]] for i in range(30)])
    settings = ("data.kind=csv", "data.path=train.csv", "data.target=grade", "network.layers=[3]")
    options = [part for setting in settings for part in ("--set", setting)]
    trained("train", *options, "--epochs", 1, "--quiet", "--out", "run")
    write_csv("other.csv", ["u", "v", "grade"], [[0.5, 0.5, "1"], [0.25, 0.5, "2"]])
    assert evaluated(trained, "run", "--data", "other.csv")["samples"] == 2


@pytest.mark.parametrize(
    ("dtype", "x", "y", "error"),
    [
        ("float32", 1.0, 1e300, "some.npz: training y: row 0, column 0 (counted from 0) is 1e+300, which float32 "),
        ("float32", 1.0, 1e30, "some.npz: training: the metric 'cost' of the network is inf; "),
        ("float32", 1e300, 1.0, "some.npz: training x: row 0, column 0 (counted from 0) is 1e+300, which float32 "),
        ("float64", 1.0, 1e300, "some.npz: training: the metric 'cost' of the network is inf; "),
        ("float64", 1e300, 1.0, "some.npz: training: the metric 'cost' of the network is inf; "),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_figures_that_are_no_numbers_are_not_printed(
    modnet: Modnet, rng: np.random.Generator, dtype: str, x: float, y: float, error: str, form: tuple[str, ...]
) -> None:
    some = rng.normal(size=(30, 3))
    np.savez("some.npz", x=some, y=some[:, :1])
    settings = (
        "data.kind=npz",
        "data.path=some.npz",
        "network.layers=[{kind='dense', units=1, activation='identity'}]",
    )
    options = [part for setting in settings for part in ("--set", setting)]
    assert modnet("train", *options, "--epochs", 0, "--dtype", dtype, "--quiet", "--out", "run").code == 0
    np.savez("some.npz", x=np.full((30, 3), x), y=np.full((30, 1), y))
    result = modnet("evaluate", "run", "--data", "some.npz", *form)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")


def test_weights_count_in_the_figures_of_the_run_s_own_data(trained: Modnet) -> None:
    rng = np.random.default_rng(0)
    x, mass = rng.normal(size=(40, 2)), rng.uniform(size=40)
    y = (x[:, 0] > 0.4).astype(int)
    rows = [[f"{a}" for a in row] for row in np.column_stack([x, y, mass]).tolist()]
    write_csv("rows.csv", ["a", "b", "label", "mass"], rows)
    trained(
        *("train", "--epochs", 2, "--quiet", "--out", "run", "--set", "data.kind=csv", "--set", "data.path=rows.csv"),
        *("--set", "data.target=label", "--set", "data.weight=mass", "--set", "data.target_type=number"),
        *("--set", "network.layers=[3, 1]"),
    )
    a = outputs_of("run", x)
    expected = float(0.5 * np.average((a[:, 0] - y) ** 2, weights=mass))
    assert evaluated(trained, "run", "--part", "train")["cost"] == pytest.approx(expected, rel=1e-9)
    plain = float(0.5 * np.mean((a[:, 0] - y) ** 2))
    assert evaluated(trained, "run", "--data", "rows.csv")["cost"] == pytest.approx(plain, rel=1e-9)
    trained("report", "run", "--out", "report.html")
