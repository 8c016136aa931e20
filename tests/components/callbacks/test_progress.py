from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from broken_streams import REASONS, Full, broken

from modnet import NeuralNetwork, Trainer
from modnet.components.callbacks.progress import epoch_line


@pytest.mark.parametrize(
    ("row", "counts", "line"),
    [
        ({"epoch": 0}, {}, "Epoch 1/10 complete"),
        ({"epoch": 0, "test_accuracy": 301 / 360}, {"test": 360}, "Epoch 1/10: 301 / 360"),
        ({"epoch": 9, "test_accuracy": 1.0}, {"test": 7}, "Epoch 10/10: 7 / 7"),
        ({"epoch": 9, "test_accuracy": 0.0}, {"test": 7}, "Epoch 10/10: 0 / 7"),
        ({"epoch": 3, "validation_accuracy": 2 / 3}, {"validation": 9}, "Epoch 4/10: 6 / 9"),
        (
            {"epoch": 3, "validation_accuracy": 1 / 3, "test_accuracy": 2 / 3},
            {"validation": 9, "test": 3},
            "Epoch 4/10: 2 / 3",
        ),
        ({"epoch": 3, "test_cost": 0.125, "test_r2": 0.5}, {"test": 3}, "Epoch 4/10: test cost 0.125"),
    ],
)
def test_the_lines_count_epochs_from_1(row: dict[str, Any], counts: dict[str, int], line: str) -> None:
    assert epoch_line(row, 10, counts) == line


def test_every_count_survives_being_a_share() -> None:
    for count in (7, 360, 9999):
        for right in range(0, count + 1, max(1, count // 90)):
            assert (
                epoch_line({"epoch": 1, "test_accuracy": right / count}, 9, {"test": count})
                == f"Epoch 2/9: {right} / {count}"
            )


def test_a_library_says_nothing_unless_it_is_asked(
    rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = rng.normal(size=(12, 2)), [0, 1] * 6
    config: dict[str, Any] = {"epochs": 2, "network": {"layers": [2]}}
    Trainer.from_config(config).fit(x, y)
    assert capsys.readouterr() == ("", "")
    Trainer.from_config(config | {"callbacks": ["progress"]}).fit(x, y)
    assert capsys.readouterr() == ("Epoch 1/2 complete\nEpoch 2/2 complete\n", "")


@pytest.mark.parametrize("stream", REASONS)
def test_a_line_that_cannot_be_written_ends_no_training(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    x, y = rng.normal(size=(12, 2)), [0, 1] * 6
    config: dict[str, Any] = {"epochs": 3, "network": {"layers": [2]}}
    whole = Trainer.from_config(config).fit(x, y)
    with broken(monkeypatch, stream):
        run = Trainer.from_config(config | {"callbacks": ["progress"]}).fit(x, y)
    assert np.array_equal(run.network.parameters, whole.network.parameters)
    assert len(run.history) == 3
    assert run.stopped is None


def test_a_bar_on_a_terminal_that_goes_away_ends_no_training(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(Full):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdout", Terminal())
    config: dict[str, Any] = {"epochs": 3, "network": {"layers": [2]}, "callbacks": ["progress"]}
    run = Trainer.from_config(config).fit(rng.normal(size=(12, 2)), [0, 1] * 6)
    assert len(run.history) == 3


@pytest.mark.parametrize("stream", REASONS)
def test_nor_does_it_end_that_of_the_documents_class(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    pairs = [(np.full((2, 1), number / 9), np.eye(2)[:, [number % 2]]) for number in range(10)]
    whole, network = (NeuralNetwork([2, 3, 2], seed=1) for _ in range(2))
    whole.SGD(pairs, 3, 2, 0.5)
    with broken(monkeypatch, stream):
        network.SGD(pairs, 3, 2, 0.5)
    assert np.array_equal(network.network.parameters, whole.network.parameters)
