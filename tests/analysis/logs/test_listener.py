"""When a log is written, that it never costs a training anything, and that an interruption leaves no gap in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis.logs.records_in_memory import Memory, numbers, pictures
from training.resuming import interrupting, small_blocks

from modnet import ConfigError, DivergenceError, Interrupted, Run, Trainer, hookimpl
from modnet.analysis.logs import listener

LAYERS = [12, {"kind": "dropout", "rate": 0.2}, "batch-norm", 10]
EVERYTHING = {"every_updates": 7, "histograms_every_epochs": 1, "confusion_every_epochs": 2}


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with an empty log, which is written to at every chance."""
    Memory.records, Memory.calls, Memory.refused, Memory.keeps = [], [], set(), True
    monkeypatch.setattr(listener, "PAUSE", 0.0)
    monkeypatch.setattr(listener, "SHARE", 0)
    monkeypatch.setattr(listener, "confusion_picture", sketch)  # drawing takes longer than the training


def sketch(training: Any) -> dict[str, bytes]:
    """Return what stands for a picture."""
    return {"confusion/test": training.parameters.tobytes()[:8]}


def train(*callbacks: Any, out: Path | None = None, **changes: Any) -> Run:
    table = {"epochs": 4, "network": {"layers": LAYERS}, "data": {"validation_share": 0.1}} | changes
    return Trainer.from_config(table).fit(callbacks=callbacks, out=out)


def test_the_curves_are_the_history() -> None:
    run = train(Memory())
    for name in run.history[0].keys() - {"epoch"}:
        assert numbers("epoch", name) == [(row["epoch"] + 1, row[name]) for row in run.history]
    assert Memory.calls[0] == ("open", 0)
    assert Memory.calls[-1] == ("close", "finished")


class Updates:
    """Hears every update."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, float, float]] = []

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        self.heard.append((training.updates, training.last_cost, training.gradient_norm))


def test_updates_are_logged_where_that_is_asked_for() -> None:
    updates = Updates()
    train(updates, Memory(every_updates=50), epochs=2)
    expected = [each for each in updates.heard if each[0] % 50 == 0]
    assert len(expected) == 5
    assert numbers("update", "cost") == [(step, cost) for step, cost, _ in expected]
    assert numbers("update", "gradient_norm") == [(step, norm) for step, _, norm in expected]


def test_histograms_and_pictures_come_when_they_are_due() -> None:
    train(Memory(histograms_every_epochs=2, confusion_every_epochs=3), epochs=6)
    assert [each.step for each in Memory.records if each.histograms] == [0, 2, 4, 6]
    assert pictures() == [(3, "confusion/test"), (6, "confusion/test"), (6, "finished/confusion/test")]


@pytest.mark.parametrize(("every", "expected"), [(None, [(2, "finished/confusion/test")]), (0, [])])
def test_a_picture_of_the_finished_network_comes_unasked(every: int | None, expected: list[Any]) -> None:
    train(Memory(confusion_every_epochs=every), epochs=2)
    assert pictures() == expected


def test_without_matplotlib_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("modnet.analysis.logs.listener", "modnet.analysis.plots.figure"):
        monkeypatch.setattr(f"{place}.find_spec", {}.get)
    train(Memory(), epochs=1)
    assert pictures() == []
    with pytest.raises(ConfigError, match="pictures need matplotlib: pip install matplotlib"):
        train(Memory(confusion_every_epochs=1))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_training_is_to_the_bit_what_it_is_without(dtype: str) -> None:
    logged, alone = train(Memory(**EVERYTHING), dtype=dtype), train(dtype=dtype)
    assert logged.network.parameters.tobytes() == alone.network.parameters.tobytes()
    for ours, theirs in zip(logged.network.layers, alone.network.layers, strict=True):
        assert {name: np.asarray(each).tobytes() for name, each in ours.state.items()} == {
            name: np.asarray(each).tobytes() for name, each in theirs.state.items()
        }
    assert [{**row, "seconds": 0} for row in logged.history] == [{**row, "seconds": 0} for row in alone.history]


@pytest.mark.parametrize("refused", [{"open"}, {"write"}, {"close"}, {"open", "write", "close"}])
def test_what_refuses_costs_a_line_and_nothing_else(refused: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    Memory.refused = refused
    run = train(Memory(**EVERYTHING))
    out, err = capsys.readouterr()
    later = "the training goes on, and what is missing is written when that is possible"
    assert (out, err) == ("", f"modnet: memory-log: a list: cannot be written: No space left on device; {later}\n")
    assert run.network.parameters.tobytes() == train().network.parameters.tobytes()
    assert (Memory.records == []) == (refused != {"close"})


def test_a_histogram_that_cannot_be_made_costs_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(training: Any) -> None:
        del training
        raise MemoryError("too large")

    monkeypatch.setattr(listener, "histograms", fail)
    run = train(Memory(histograms_every_epochs=1))
    assert capsys.readouterr().err.count("memory-log: a list: cannot be written: too large;") == 1
    assert [step for step, _ in numbers("epoch", "cost")] == [1, 2, 3, 4]
    assert len(run.history) == 4


def test_what_was_missed_comes_later() -> None:
    """Numbers are all there; histograms and pictures of the time without a log are not."""

    def until_the_third(training: Any, row: dict[str, Any]) -> None:
        del row
        if training.epochs == 2:
            Memory.refused = {"open", "write"}
        elif training.epochs == 4:
            Memory.refused = set()

    run = train(until_the_third, Memory(histograms_every_epochs=1, every_updates=50), epochs=5)
    assert numbers("epoch", "cost") == [(row["epoch"] + 1, row["cost"]) for row in run.history]
    assert [step for step, _ in numbers("update", "cost")] == list(range(50, run.updates + 1, 50))
    assert [each.step for each in Memory.records if each.histograms] == [0, 1, 4, 5]


def test_of_updates_only_the_latest_are_kept_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "KEPT", 3)
    Memory.refused = {"open"}

    def at_last(training: Any, row: dict[str, Any]) -> None:
        del row
        if training.ended:
            Memory.refused = set()

    run = train(at_last, Memory(every_updates=10), epochs=3)
    steps = [step for step, _ in numbers("update", "cost")]
    assert steps == list(range(10, run.updates + 1, 10))[-len(steps) :]
    assert len(steps) == 3
    assert [step for step, _ in numbers("epoch", "cost")] == [1, 2, 3]


class Clock:
    """A clock that goes on by a second for each epoch, and by so many for each attempt to write."""

    def __init__(self, attempt: float) -> None:
        self.now, self.attempt = 0.0, attempt

    def __call__(self, training: Any, row: dict[str, Any]) -> None:
        del training, row
        self.now += 1.0


@pytest.mark.parametrize("refused", [set(), {"write"}], ids=["slow", "fails slowly"])
def test_a_slow_log_takes_a_tenth_of_the_time(monkeypatch: pytest.MonkeyPatch, refused: set[str]) -> None:
    monkeypatch.setattr(listener, "PAUSE", 1.0)
    monkeypatch.setattr(listener, "SHARE", 10)
    clock = Clock(2.0)
    monkeypatch.setattr(listener.time, "monotonic", lambda: clock.now)
    write = Memory().writer().__class__._call

    def slow(writer: Any, *call: Any) -> None:
        clock.now += clock.attempt if call[0] == "write" else 0.0
        write(writer, *call)

    monkeypatch.setattr(Memory().writer().__class__, "_call", slow)
    Memory.refused = refused
    train(clock, Memory(confusion_every_epochs=0), epochs=100)
    attempts = [call for call in Memory.calls if call[0] == "write"]
    assert 4 <= len(attempts) <= 6  # 100 seconds of training, a write of two seconds in twenty, and one at the end
    if not refused:
        assert [step for step, _ in numbers("epoch", "cost")] == list(range(1, 101))


def test_a_log_is_written_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "PAUSE", 1.0)
    monkeypatch.setattr(listener.time, "monotonic", lambda: 0.25)
    train(Memory(), epochs=20)
    assert [call[0] for call in Memory.calls] == ["open", "write", "close"]
    assert [step for step, _ in numbers("epoch", "cost")] == list(range(1, 21))


def test_it_is_there_before_the_first_epoch_ends() -> None:
    heard: list[Any] = []
    train(lambda *_: heard.append(list(Memory.calls)), Memory(), epochs=1)
    assert heard == [[("open", 0)]]


@pytest.mark.parametrize("after", ["epoch", "update"])
def test_how_a_training_ended_is_told(after: str) -> None:
    def fail(training: Any, row: dict[str, Any]) -> None:
        raise KeyError(training.epochs, row)

    if after == "epoch":
        with pytest.raises(KeyError):
            train(Memory(), fail)
    else:
        with pytest.raises(DivergenceError):
            train(Memory(every_updates=1), optimizer={"learning_rate": 1e300}, network={"layers": [
                {"kind": "dense", "units": 10, "activation": "identity"}]})  # fmt: skip
    assert Memory.calls[-1] == ("close", "failed")
    assert pictures() == []


def test_an_error_around_the_training_is_not_its_own() -> None:
    try:
        raise ValueError("handled")
    except ValueError:
        train(Memory(), epochs=1)
    assert Memory.calls[-1] == ("close", "finished")


def test_a_training_that_another_callback_refuses_is_not_logged() -> None:
    with pytest.raises(ConfigError):
        train(Memory(), callbacks=["checkpoint"])  # which needs a run folder
    assert Memory.calls == []


class Overwriting:
    """Changes the parameters at the end, named after the log."""

    @hookimpl
    def modnet_fit_end(self, training: Any) -> None:
        training.parameters[...] = 0.0


def test_the_finished_network_is_that_which_all_other_callbacks_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    monkeypatch.setattr(
        listener, "confusion_picture", lambda training: seen.append(np.abs(training.parameters).sum()) or {}
    )
    train(Memory(), Overwriting(), epochs=1)
    assert seen == [0.0]


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What an uninterrupted training leaves in the log."""
    small_blocks(monkeypatch)
    train(Memory(**EVERYTHING), out=tmp_path / "whole", callbacks=["checkpoint"])
    yield Memory.records
    assert Memory.records


def comparable(records: list[Any]) -> list[Any]:
    """Return everything but what a clock says, in the order of the steps."""
    found = []
    for record in records:
        state = record.to_state()
        for name in ("time", "numbers"):
            del state[name]
        shown = {name: value for name, value in record.numbers.items() if name != "seconds"}
        found.append((record.axis, record.step, shown, repr(state["histograms"]), dict(record.pictures)))
    return sorted(found, key=repr)


@pytest.mark.parametrize("after", [130, 144 * 2, 300])
def test_a_resumed_training_continues_its_curves(whole: list[Any], after: int, tmp_path: Path) -> None:
    expected, Memory.records = comparable(whole), []
    with interrupting(after), pytest.raises(Interrupted):
        train(Memory(**EVERYTHING), out=tmp_path / "parts", callbacks=["checkpoint"])
    assert Memory.calls[-1] == ("close", "interrupted")
    Trainer.resume(tmp_path / "parts", callbacks=[Memory(**EVERYTHING)])
    assert comparable(Memory.records) == expected


@pytest.mark.parametrize("refused", [set(), {"open", "write"}], ids=["written", "not yet written"])
def test_so_it_does_from_an_earlier_checkpoint(whole: list[Any], refused: set[str], tmp_path: Path) -> None:
    """As after a kill between two checkpoints: the log has points that the checkpoint does not know of."""
    expected, Memory.records = comparable(whole), []
    Memory.refused = refused
    train(Memory(**EVERYTHING), out=tmp_path / "parts", callbacks=["checkpoint"])
    Memory.refused = set()
    checkpoint = min((tmp_path / "parts" / "checkpoints").glob("*"))
    resumed = Trainer.resume(checkpoint, callbacks=[Memory(**EVERYTHING)])
    assert numbers("epoch", "cost") == [(row["epoch"] + 1, row["cost"]) for row in resumed.history]
    if refused:  # histograms and pictures of that time are given up
        expected = [each for each in expected if each[2] or each[1] > 2]
    assert [each for each in comparable(Memory.records) if each[2]] == [each for each in expected if each[2]]
    assert comparable(Memory.records) == expected


def test_what_has_gone_is_written_again(tmp_path: Path) -> None:
    """The log was deleted: the curves of epochs begin at the first one all the same."""
    train(Memory(), out=tmp_path / "run", callbacks=["checkpoint"])
    Memory.records, Memory.keeps = [], False
    run = Trainer.resume(tmp_path / "run", epochs=6, callbacks=[Memory()])
    assert numbers("epoch", "cost") == [(row["epoch"] + 1, row["cost"]) for row in run.history]


def test_so_does_a_log_that_is_new(tmp_path: Path) -> None:
    train(out=tmp_path / "run", callbacks=["checkpoint"])
    run = Trainer.resume(tmp_path / "run", epochs=6, callbacks=[Memory()])
    assert [step for step, _ in numbers("epoch", "cost")] == [1, 2, 3, 4, 5, 6]
    assert len(run.history) == 6


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"every_updates": -1}, "every_updates"),
        ({"histograms_every_epochs": "1"}, "histograms_every_epochs"),
        ({"confusion_every_epochs": 1.5}, "confusion_every_epochs"),
        ({"every_update": 1}, "did you mean 'every_updates'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Memory.model_validate(options)
