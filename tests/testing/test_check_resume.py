"""`modnet.testing.check_resume`: an interrupted training is compared with an uninterrupted one."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modnet import ConfigError, ModnetError, RunConfig
from modnet.testing import ConformanceError, ResumeReport, check_resume, resume


def test_a_training_is_interrupted_at_different_points_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("points.npz", x=np.random.default_rng(0).normal(size=(30, 3)), y=np.arange(30) % 3)
    callbacks = [{"kind": "early-stopping", "monitor": "cost"}]
    data = {"kind": "npz", "path": "points.npz"}
    report = check_resume({"epochs": 4, "data": data, "network": {"layers": [3]}, "callbacks": callbacks}, times=2)
    assert (report.ok, report.updates, report.differences) == (True, 12, ())
    assert len(report.interrupted_after) == 2
    assert set(report.interrupted_after) <= {3, 6, 9, 12}
    assert str(report).endswith(" and the history is the same.")
    report.raise_for_failures()
    assert [path.name for path in tmp_path.iterdir()] == ["points.npz"]


@pytest.mark.parametrize(("times", "interruptions"), [(1, 1), (3, 3), (9, 5)])
def test_points_are_sampled_with_the_seed(monkeypatch: pytest.MonkeyPatch, times: int, interruptions: int) -> None:
    points = [(0, 10), (1, 10), (1, 20), (2, 20), (2, 25)]
    calls: list[tuple[bool, resume.Point | None]] = []

    def train(config: RunConfig | None, folder: Path, stop_at: resume.Point | None = None) -> dict[str, Any]:
        del folder
        calls.append((config is None, stop_at))
        return {"updates": 25 if stop_at is None else stop_at[1], "interrupted": stop_at is not None, "points": points}

    def interrupted(seed: int) -> list[resume.Point | None]:
        calls.clear()
        report = check_resume({"seed": seed}, times=times)
        (resumes, stops) = zip(*calls[1:], strict=True)  # the first one is the uninterrupted training
        assert resumes == (False, *[True] * interruptions)
        assert [stop for stop in points if stop in stops] == list(stops[:-1])
        assert report.interrupted_after == tuple(stop[1] for stop in stops[:-1])
        return list(stops)

    monkeypatch.setattr(resume, "_train", train)
    monkeypatch.setattr(resume, "_final", lambda folder: {})  # noqa: ARG005 -- nothing was trained
    drawn = [interrupted(seed) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert (len(set(map(tuple, drawn))) == 1) == (interruptions == len(points))


def test_differences_are_listed() -> None:
    report = ResumeReport(20, (10,), tuple(f"history.{epoch}.cost" for epoch in range(12)))
    assert not report.ok
    assert str(report).startswith(
        "Interrupted after update 10 of 20 and resumed in new processes: there are differences "
    )
    assert str(report).endswith("cost of epoch 10 and 2 more.")
    with pytest.raises(ConformanceError, match="there are differences in cost of epoch 1, "):
        report.raise_for_failures()
    assert pickle.loads(pickle.dumps(report)) == report  # noqa: S301 -- pickled in this line


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"epochs": 0}, ConfigError, "epochs: 0 leaves no point at which to interrupt; allowed: more epochs"),
        ({"sed": 1}, ConfigError, "sed: unknown option"),
        (
            {"optimizer": {"batch_size": 5000, "drop_last": True}},
            ConfigError,
            "optimizer.batch_size: 5000 is more than the 1437 training",
        ),
        ({"data": {"kind": "npz", "path": "missing.npz"}}, ModnetError, "missing.npz: cannot be read: "),
        (
            {
                "network": {"layers": [{"kind": "dense", "units": 10, "activation": "identity"}]},
                "optimizer": {"learning_rate": 1e30},
            },
            ModnetError,
            "epoch 1, update ",
        ),
    ],
)
def test_a_training_that_cannot_be_made_is_one_line(
    config: dict[str, object], error: type[ModnetError], message: str
) -> None:
    with pytest.raises(error) as caught:
        check_resume(config)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
