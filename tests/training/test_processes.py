"""Several processes that train one network: threads stand for processes, and NumPy makes the updates."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from analysis.logs.records_in_memory import Memory
from components.callbacks.strangers import installed
from training.resuming import same, small_blocks

from modnet import (
    Callback,
    ConfigError,
    DataError,
    DivergenceError,
    Engine,
    EngineSession,
    Interrupted,
    ModelFileError,
    ProcessError,
    ProcessGroup,
    Run,
    Solver,
    Trainer,
    TrainingPlan,
    hookimpl,
)
from modnet.engines.numpy.session import NumpySession

Data = tuple[np.ndarray, np.ndarray]
COUNT = 3


class Threads:
    """What the threads share: what each has said in every round, and the first error."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.rounds: list[dict[int, Any]] = []
        self.error: str | None = None


class Group(ProcessGroup):
    count = COUNT

    def __init__(self, index: int, shared: Threads) -> None:
        self.index, self.shared = index, shared
        self.request_stop: Callable[[str, int], None] = lambda *_: None
        self.sent = self.round = 0

    def gather(self, value: Any) -> list[Any]:
        assert json.loads(json.dumps(value)) == value or value != value, "not plain"
        return self._exchange(value)

    def broadcast(self, value: Any) -> Any:
        self.sent += 1
        return self._exchange(value)[0]

    def fail(self, error: BaseException) -> None:
        with self.shared.changed:
            self.shared.error = self.shared.error or f"process {self.index}: {error}"
            self.shared.changed.notify_all()

    def _exchange(self, value: Any) -> list[Any]:
        shared, self.round = self.shared, self.round + 1
        with shared.changed:
            if len(shared.rounds) < self.round:
                shared.rounds.append({})
            said = shared.rounds[self.round - 1]
            said[self.index] = value
            shared.changed.notify_all()
            assert shared.changed.wait_for(lambda: len(said) == COUNT or shared.error, 20), "they wait for one another"
            if len(said) < COUNT:
                raise ProcessError(str(shared.error))
            return [said[index] for index in range(COUNT)]


class Together(Engine):
    kind: Literal["together"] = "together"
    here: ClassVar[threading.local] = threading.local()
    after_block: ClassVar[Callable[[Group, NumpySession], None]] = staticmethod(lambda *_: None)

    def process_group(self) -> ProcessGroup:
        group: ProcessGroup = self.here.group
        return group

    def start(self, plan: TrainingPlan) -> EngineSession:
        group, session = self.here.group, NumpySession(plan, threads=1)
        run, hook = session.run, Together.after_block

        def run_and_tell(*arguments: Any) -> bool:
            finite = run(*arguments)
            hook(group, session)
            return finite

        session.run = run_and_tell  # type: ignore[method-assign] # a process of the test
        return session


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    @contextmanager
    def handling(request_stop: Callable[[str, int], None]) -> Iterator[None]:
        getattr(Together.here, "group", Group(0, Threads())).request_stop = request_stop
        yield

    monkeypatch.setattr("modnet.training.trainer.handle_signals", handling)
    small_blocks(monkeypatch)
    with installed(Together, Descends):
        yield


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(60, 4)), np.arange(60) % 3


def together(train: Callable[[int], Run]) -> tuple[list[Any], list[Group]]:
    """Run a training in every process; return the runs, or the errors, and the groups."""
    shared = Threads()
    outcomes: list[Any] = [None] * COUNT
    groups = [Group(index, shared) for index in range(COUNT)]

    def process(index: int) -> None:
        Together.here.group = groups[index]
        try:
            outcomes[index] = train(index)
        except BaseException as error:
            outcomes[index] = error

    threads = [threading.Thread(target=process, args=(index,)) for index in range(COUNT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return outcomes, groups


def config(engine: str = "together", **changes: Any) -> dict[str, Any]:
    optimizer = {"kind": "mini-batch", "batch_size": 10, "rule": "adam", "learning_rate": 0.05}
    table = {"epochs": 4, "engine": engine, "network": {"layers": [5, 3]}, "optimizer": optimizer, "callbacks": []}
    return table | {"data": {"validation_share": 0.2}} | changes


class Busy:
    """Changes whatever a listener may change."""

    calls = 0

    @hookimpl
    def modnet_fit_start(self, training: Any) -> None:
        training.parameters[...] *= 0.5

    @hookimpl
    def modnet_epoch_start(self, training: Any) -> None:
        if training.epoch == 1:
            training.parameters[0] += 1.0

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        Busy.calls += 1
        if training.updates == 7:
            training.learning_rate_factor = 0.25
            self.kept = training.snapshot()
        if training.updates == 9:
            training.parameters[1] -= 1.0

    @hookimpl
    def modnet_epoch_end(self, training: Any) -> None:
        if training.epoch == 2:
            training.restore(self.kept)

    @hookimpl
    def modnet_should_stop(self, training: Any) -> str | None:
        return "enough" if training.epoch == 2 else None

    @hookimpl
    def modnet_fit_end(self, training: Any) -> None:
        training.parameters[2] = 5.0


def equal_runs(outcomes: list[Any], alone: Run) -> None:
    for run in outcomes:
        assert isinstance(run, Run), run
        assert run.network.parameters.tobytes() == alone.network.parameters.tobytes()
        assert [{**row, "seconds": 0} for row in run.history] == [{**row, "seconds": 0} for row in alone.history]
        assert (run.stopped, run.updates, run.test) == (alone.stopped, alone.updates, alone.test)


def test_what_listeners_change_is_changed_everywhere_and_they_run_once(data: Data) -> None:
    alone = Trainer.from_config(config("numpy")).fit(*data, callbacks=[Busy()])
    calls, Busy.calls = Busy.calls, 0
    outcomes, _ = together(lambda _: Trainer.from_config(config()).fit(*data, callbacks=[Busy()]))
    equal_runs(outcomes, alone)
    assert Busy.calls == calls > 0


@pytest.mark.parametrize(
    "callbacks",
    [
        [{"kind": "early-stopping", "patience": 1, "monitor": "cost", "minimum_gain": 0.4}],
        [{"kind": "reduce-on-plateau", "patience": 1, "minimum_gain": 0.5}, {"kind": "average", "start": 1}],
    ],
)
def test_the_callbacks_that_decide(data: Data, callbacks: list[dict[str, Any]]) -> None:
    alone = Trainer.from_config(config("numpy", callbacks=callbacks)).fit(*data, test=data)
    outcomes, _ = together(lambda _: Trainer.from_config(config(callbacks=callbacks)).fit(*data, test=data))
    equal_runs(outcomes, alone)


def test_a_log_is_written_by_one_of_them(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modnet.analysis.logs.listener.PAUSE", 0.0)
    log = Memory(every_updates=3, histograms_every_epochs=2, confusion_every_epochs=0)
    Memory.records, Memory.calls, Memory.refused, Memory.keeps = [], [], set(), True
    alone = Trainer.from_config(config("numpy")).fit(*data, callbacks=[log])
    expected, Memory.records, Memory.calls = Memory.records, [], []
    outcomes, _ = together(lambda _: Trainer.from_config(config()).fit(*data, callbacks=[log]))
    equal_runs(outcomes, alone)
    assert [call[0] for call in Memory.calls if call[0] != "write"] == ["open", "close"]
    shown = [
        [(each.axis, each.step, {**each.numbers, "seconds": 0}, sorted(each.histograms)) for each in records]
        for records in (expected, Memory.records)
    ]
    assert shown[0] == shown[1]


class Descends(Solver):
    """Steps on random halves of the samples."""

    kind: Literal["descends"] = "descends"

    def updates(self, samples: int) -> int:
        return 3 if samples else 0

    def solve(self, problem: Any) -> Iterator[None]:
        for _ in range(3):
            rows = problem.rng.permutation(problem.samples)[: problem.samples // 2]
            problem.apply_gradient(problem.value_and_grad(rows)[1])
            yield


def test_a_solver(data: Data) -> None:
    optimizer = {"optimizer": {"kind": "descends"}}
    alone = Trainer.from_config(config("numpy", **optimizer)).fit(*data)
    outcomes, _ = together(lambda _: Trainer.from_config(config(**optimizer)).fit(*data))
    equal_runs(outcomes, alone)


def test_the_state_is_sent_only_where_it_was_changed(data: Data) -> None:
    def sent(*callbacks: object) -> int:
        table = config(epochs=2, data={"validation_share": 0.0})
        return together(lambda _: Trainer.from_config(table).fit(*data, callbacks=callbacks))[1][1].sent

    class Looks:
        @hookimpl
        def modnet_batch_end(self, training: Any) -> None:
            assert training.last_cost > 0

    rows = 2 + 1  # of the history, and the test metrics
    assert sent(Looks()) == rows
    assert sent(Busy()) > rows


def test_only_one_process_writes_and_prints(
    data: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    far = data[0] * [1.0, 1.0, 1.0, 1e5], data[1]
    callbacks = ["checkpoint", "progress"]
    alone = Trainer.from_config(config("numpy", callbacks=callbacks)).fit(*far, out=tmp_path / "alone")
    printed, warned = capsys.readouterr().out, caplog.messages.copy()
    caplog.clear()
    table = config(callbacks=callbacks)
    outcomes, groups = together(lambda _: Trainer.from_config(table).fit(*far, out=tmp_path / "run"))
    equal_runs(outcomes, alone)
    assert (capsys.readouterr().out, caplog.messages) == (printed, warned)
    assert printed
    assert warned
    assert [run.folder for run in outcomes] == [tmp_path / "run", None, None]
    last = str(sorted((tmp_path / "run/checkpoints").iterdir())[-1])
    assert [group.last_checkpoint for group in groups] == [last] * COUNT


@pytest.mark.parametrize("asked", range(COUNT))
def test_a_signal_to_any_process_stops_all_at_the_same_block(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    def after_block(group: Group, session: NumpySession) -> None:
        if group.index == asked and session.updates == 7:
            group.request_stop("SIGTERM", 15)

    monkeypatch.setattr(Together, "after_block", staticmethod(after_block))
    outcomes, _ = together(lambda _: Trainer.from_config(config()).fit(*data, out=tmp_path / "run"))
    assert [type(outcome) for outcome in outcomes] == [Interrupted] * COUNT, outcomes
    assert [(each.updates, each.signal, each.reason) for each in outcomes] == [(7, 15, "SIGTERM")] * COUNT
    (checkpoint,) = (tmp_path / "run/checkpoints").iterdir()
    assert checkpoint.name == "epoch-00001-update-000000007.safetensors"
    assert outcomes[0].checkpoint == checkpoint

    monkeypatch.setattr(Together, "after_block", staticmethod(lambda *_: None))
    resumed, groups = together(lambda _: Trainer.resume(tmp_path / "run", *data))
    whole, _ = together(lambda _: Trainer.from_config(config()).fit(*data, out=tmp_path / "whole"))
    equal_runs(resumed, whole[0])
    assert [group.last_checkpoint for group in groups] == [str(checkpoint)] * COUNT


def test_a_signal_that_comes_after_the_exchange_waits_for_the_next(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather, seen = Group.gather, []

    def after_block(group: Group, session: NumpySession) -> None:
        if group.index == 1:
            seen.append(session.updates)

    def late(group: Group, value: Any) -> list[Any]:
        told = gather(group, value)
        if group.index == 1 and seen and seen[-1] == 7 and value == {}:
            group.request_stop("SIGTERM", 15)
        return told

    monkeypatch.setattr(Together, "after_block", staticmethod(after_block))
    monkeypatch.setattr(Group, "gather", late)
    outcomes, _ = together(lambda _: Trainer.from_config(config()).fit(*data, out=tmp_path / "run"))
    assert [(type(each), getattr(each, "updates", 0)) for each in outcomes] == [(Interrupted, 8)] * COUNT


def test_resumed_runs_keep_the_states_of_listeners(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = config(callbacks=["checkpoint", {"kind": "early-stopping", "patience": 2, "minimum_gain": 0.05}])
    together(lambda _: Trainer.from_config(table).fit(*data, out=tmp_path / "whole"))

    def after_block(group: Group, session: NumpySession) -> None:
        if group.index == 1 and session.updates in (6, 13):
            group.request_stop("SIGTERM", 15)

    monkeypatch.setattr(Together, "after_block", staticmethod(after_block))
    together(lambda _: Trainer.from_config(table).fit(*data, out=tmp_path / "pieces"))
    together(lambda _: Trainer.resume(tmp_path / "pieces", *data))
    outcomes, _ = together(lambda _: Trainer.resume(tmp_path / "pieces", *data))
    assert all(isinstance(outcome, Run) for outcome in outcomes), outcomes
    same(tmp_path / "whole", tmp_path / "pieces")


def test_an_error_of_one_process_ends_all(data: Data, tmp_path: Path) -> None:
    class Fails:
        @hookimpl
        def modnet_epoch_end(self, training: Any) -> None:
            raise ZeroDivisionError(f"after epoch {training.epoch}")

    outcomes, _ = together(lambda _: Trainer.from_config(config()).fit(*data, callbacks=[Fails()]))
    assert [type(outcome) for outcome in outcomes] == [ZeroDivisionError, ProcessError, ProcessError]
    assert str(outcomes[2]) == "process 0: after epoch 0"

    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "file").touch()
    outcomes, _ = together(lambda _: Trainer.from_config(config()).fit(*data, out=tmp_path / "run"))
    assert [type(outcome) for outcome in outcomes] == [ModelFileError, ProcessError, ProcessError]

    def without_file(index: int) -> Run:
        path = tmp_path / f"digits-{index}.npz"
        if index != 2:
            np.savez(path, x=data[0], y=data[1])
        return Trainer.from_config(config(data={"kind": "npz", "path": str(path)})).fit()

    outcomes, _ = together(without_file)
    assert [type(outcome) for outcome in outcomes] == [ProcessError, ProcessError, DataError]
    assert "digits-2.npz" in str(outcomes[0])


def test_divergence_is_found_alike(data: Data) -> None:
    optimizer = {"kind": "mini-batch", "batch_size": 10, "learning_rate": 1e160}
    table = {
        "optimizer": optimizer,
        "network": {"layers": [{"kind": "dense", "units": 3, "activation": "identity"}] * 2},
    }
    with pytest.raises(DivergenceError) as alone:
        Trainer.from_config(config("numpy", **table)).fit(*data)
    outcomes, _ = together(lambda _: Trainer.from_config(config(**table)).fit(*data))
    assert [str(outcome) for outcome in outcomes] == [str(alone.value)] * COUNT


def test_one_process_that_is_not_finite_is_enough(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    class Session(NumpySession):
        def run(self, *arguments: Any) -> bool:
            return super().run(*arguments) and not (Together.here.group.index == 1 and self.updates == 3)

    monkeypatch.setitem(globals(), "NumpySession", Session)
    outcomes, _ = together(lambda _: Trainer.from_config(config()).fit(*data))
    assert {type(outcome) for outcome in outcomes} == {DivergenceError}
    assert {outcome.update for outcome in outcomes} == {2}


def differ(index: int, data: Data, what: str) -> Run:
    table, (x, y), changed = config(data={}), data, index == 2
    if changed and what == "optimizer.rule.kind":
        table["optimizer"] = table["optimizer"] | {"rule": "momentum"}
    if changed and what == "training samples":
        x = x.copy()
        x[-1, -1] += 1e-9
    return Trainer.from_config(table).fit(x, y)


@pytest.mark.parametrize("what", ["optimizer.rule.kind", "training samples"])
def test_processes_that_differ_are_refused(data: Data, what: str) -> None:
    outcomes, _ = together(lambda index: differ(index, data, what))
    assert [type(outcome) for outcome in outcomes] == [ConfigError] * COUNT, outcomes
    (message,) = {str(outcome) for outcome in outcomes}
    assert message.startswith(f"{what}: process 2 has '")
    assert message.endswith("; all processes of a training need the same configuration, data and versions")


def test_other_parameters_to_start_from_are_refused(data: Data) -> None:
    networks = [Trainer.from_config(config("numpy", seed=seed, epochs=0)).fit(*data).network for seed in (1, 1, 2)]
    outcomes, _ = together(lambda index: Trainer.from_config(config()).fit(*data, initial=networks[index]))
    assert {str(outcome).partition(":")[0] for outcome in outcomes} == {"the network at the start"}


def test_callbacks_that_one_process_lacks_are_refused(data: Data) -> None:
    def train(index: int) -> Run:
        return Trainer.from_config(config()).fit(*data, callbacks=[] if index else [Busy()])

    outcomes, _ = together(train)
    assert [type(outcome) for outcome in outcomes] == [ConfigError] * COUNT, outcomes
    assert str(outcomes[0]).startswith("the callbacks: process 1 has 'none', process 0 has 'Busy'")


class Shows(Callback):
    """What shows something at the start, too, where it has a terminal."""

    kind: Literal["shows"] = "shows"
    terminal: bool
    at_updates: bool = False

    def listener(self) -> object:
        class Lines:
            @hookimpl
            def modnet_epoch_end(self, training: Any) -> None:
                del training

        class Bar(Lines):
            @hookimpl
            def modnet_fit_start(self, training: Any) -> None:
                del training

        class Each(Lines):
            @hookimpl
            def modnet_batch_end(self, training: Any) -> None:
                del training

        return (Each() if self.at_updates else Bar()) if self.terminal else Lines()


def test_a_callback_may_have_another_listener_in_each_process(data: Data) -> None:
    outcomes, _ = together(
        lambda index: Trainer.from_config(config()).fit(*data, callbacks=[Shows(terminal=index == 0)])
    )
    assert len({outcome.network.parameters.tobytes() for outcome in outcomes}) == 1


def test_listeners_to_every_update_must_be_in_all_processes(data: Data) -> None:
    def train(index: int) -> Run:
        shows = Shows(terminal=index == 0, at_updates=True)
        return Trainer.from_config(config()).fit(*data, callbacks=[shows])

    outcomes, _ = together(train)
    assert [type(outcome) for outcome in outcomes] == [ConfigError] * COUNT, outcomes
    assert str(outcomes[0]).startswith("a callback at every update: process 1 has 'none', process 0 has 'yes'")


def test_parameters_that_drift_apart_are_noticed_within_an_epoch(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    def after_block(group: Group, session: NumpySession) -> None:
        if group.index == 1 and session.updates == 3:
            session._network.parameters[0] = np.nextafter(session._network.parameters[0], 1e9)

    monkeypatch.setattr(Together, "after_block", staticmethod(after_block))
    outcomes, _ = together(lambda _: Trainer.from_config(config()).fit(*data))
    assert {str(outcome) for outcome in outcomes} == {
        "process 1: its θ has other bits than that of process 0; the machines do not compute alike"
    }


def test_the_data_is_not_read_for_comparing_in_one_process(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modnet.data.prepared.Samples.record", lambda _: pytest.fail("read"))
    Trainer.from_config(config("numpy")).fit(*data)
