"""Targets that are taken for classes or for numbers by mistake: wherever it shows, the message says what to set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modnet import ConfigError, DataError, Run, Trainer

HINT = 'integers are class labels: for numbers to predict set data.target_type = "number" (files), or give floats'
X = np.linspace(0.0, 1.0, 40)[:, None]
COUNTS = np.arange(40) * 3


def fit(y: Any, layers: list[Any], **config: Any) -> Run:
    return Trainer.from_config({"epochs": 1, "network": {"layers": layers}, **config}).fit(X, y)


@pytest.mark.parametrize(
    ("layers", "config"),
    [
        ([3, 1], {}),
        ([30, 10], {}),
        ([3, 40], {"data": {"validation_share": 0.2}}),
        ([3, 1], {"data": {"validation_share": 0.2}}),
    ],
    ids=["one output", "the default layers", "a validation share", "a share and one output"],
)
def test_integers_that_are_taken_for_classes(layers: list[Any], config: dict[str, Any]) -> None:
    with pytest.raises((ConfigError, DataError)) as caught:
        fit(COUNTS, layers, **config)
    assert str(caught.value).endswith(HINT)
    assert "\n" not in str(caught.value)


def test_an_integer_that_training_has_not_seen() -> None:
    with pytest.raises(DataError, match=r"^test y: row 0 \(counted from 0\) is 1, unseen in training; ") as caught:
        Trainer.from_config({"network": {"layers": [40]}}).fit(X, COUNTS, test=(X, COUNTS + 1))
    assert str(caught.value).endswith(HINT)


def test_what_the_message_says_makes_a_regression(tmp_path: Path) -> None:
    linear = [{"kind": "dense", "units": 1, "activation": "identity"}]
    by_floats = fit(COUNTS.astype(float), linear)
    (tmp_path / "my.csv").write_text(
        "x,y\n" + "".join(f"{x!r},{y}\n" for x, y in zip(X[:, 0].tolist(), COUNTS, strict=True))
    )
    data = {"kind": "csv", "path": str(tmp_path / "my.csv"), "target": "y"}
    with pytest.raises(ConfigError) as caught:
        Trainer.from_config({"network": {"layers": linear}, "data": data}).fit()
    assert str(caught.value).endswith(HINT)
    data["target_type"] = "number"
    by_key = Trainer.from_config({"epochs": 1, "network": {"layers": linear}, "data": data}).fit()
    assert by_key.network.classes is None
    assert by_key.history[0]["cost"] == by_floats.history[0]["cost"]


@pytest.mark.parametrize(
    ("y", "layers"), [(np.arange(40) % 4, [3, 5]), (np.arange(40) % 2, [3, 3]), ([*"ab"] * 20, [3])]
)
def test_few_classes_and_text_get_no_such_advice(y: Any, layers: list[Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(y, layers)
    assert "floats" not in str(caught.value)


def test_floats_that_are_labels(tmp_path: Path) -> None:
    y = np.arange(40) % 3
    with pytest.raises(ConfigError) as caught:
        fit(y.astype(float), [3, 3])
    hint = 'floats are numbers to predict: for class labels set data.target_type = "text" (CSV), or give integers'
    assert str(caught.value).endswith(hint)
    assert fit(y, [3, 3]).network.classes is not None
    (tmp_path / "my.csv").write_text("x,y\n" + "".join(f"{k / 40},{label}.0\n" for k, label in enumerate(y.tolist())))
    data = {"kind": "csv", "path": str(tmp_path / "my.csv"), "target": "y"}
    with pytest.raises(ConfigError) as caught:
        Trainer.from_config({"network": {"layers": [3, 3]}, "data": data}).fit()
    assert str(caught.value).endswith(hint)
    run = Trainer.from_config(
        {"epochs": 1, "network": {"layers": [3, 3]}, "data": data | {"target_type": "text"}}
    ).fit()
    assert run.network.classes is not None
    assert run.network.classes.tolist() == ["0.0", "1.0", "2.0"]


@pytest.mark.parametrize("y", [np.linspace(0.0, 1.0, 40), np.arange(40) * 1.0, np.ones((40, 2))])
def test_numbers_to_predict_get_no_advice_about_labels(y: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(y, [3, 3])
    assert "labels" not in str(caught.value)
