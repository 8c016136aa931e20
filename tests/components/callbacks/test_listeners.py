"""What listeners hear, in which order, and what becomes of their errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
from components.callbacks.strangers import Watch, installed

from modnet import Callback, ConfigError, DivergenceError, Run, Trainer, hookimpl, load_config


@pytest.fixture(autouse=True)
def _watch() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch):
        yield


def fit(rng: np.random.Generator, *callbacks: Any, samples: int = 25, **changes: Any) -> Run:
    config = {"epochs": 2, "network": {"layers": [3, 2]}, "callbacks": list(callbacks)} | changes
    return Trainer.from_config(config).fit(rng.normal(size=(samples, 3)), [0, 1] * (samples // 2) + [0] * (samples % 2))


def watch(name: str, **options: Any) -> dict[str, Any]:
    return {"kind": "watch", "name": name, **options}


def test_every_event_is_heard_in_its_place(rng: np.random.Generator) -> None:
    run = fit(rng, "watch")
    epoch = ["epoch_start", "batch_end", "batch_end", "batch_end", "epoch_end", "should_stop"]
    assert [event for _, event, _ in Watch.heard] == ["fit_start", *epoch, *epoch, "fit_end"]
    assert [what for _, event, what in Watch.heard if event == "epoch_start"] == [0, 1]
    assert [what for _, event, what in Watch.heard if event == "batch_end"] == [1, 2, 3, 4, 5, 6]
    assert [what for _, event, what in Watch.heard if event == "epoch_end"] == run.history
    assert run.stopped is None


@pytest.mark.parametrize(
    ("optimizer", "samples", "updates"),
    [
        ({"kind": "batch"}, 25, 2),
        ({"kind": "batch"}, 2500, 2),
        ({"kind": "stochastic"}, 25, 50),
        ({"kind": "mini-batch", "batch_size": 10}, 25, 6),
        ({"kind": "mini-batch", "batch_size": 25}, 25, 2),
        ({"kind": "mini-batch", "batch_size": 10}, 4500, 900),
        ({"kind": "mini-batch", "batch_size": 7}, 4500, 1286),
        ({"kind": "mini-batch", "batch_size": 1024}, 4500, 10),
        ({"kind": "mini-batch", "batch_size": 1100}, 4500, 10),
        ({"kind": "mini-batch", "batch_size": 2048}, 4500, 6),
        ({"kind": "mini-batch", "batch_size": 2100}, 4500, 6),
        ({"kind": "mini-batch", "batch_size": 4200}, 4500, 4),
    ],
)
def test_as_many_batch_ends_as_updates(
    rng: np.random.Generator, optimizer: dict[str, Any], samples: int, updates: int
) -> None:
    run = fit(rng, "watch", samples=samples, optimizer=optimizer)
    heard = [what for _, event, what in Watch.heard if event == "batch_end"]
    assert heard == list(range(1, updates + 1))
    assert run.updates == updates
    assert Trainer.from_config({"optimizer": optimizer}).config.optimizer.updates(samples) == updates // 2


def test_listeners_hear_in_the_configured_order(rng: np.random.Generator) -> None:
    run = fit(rng, watch("c"), watch("a"), watch("b"), epochs=1)
    for event in ("fit_start", "epoch_start", "batch_end", "epoch_end", "should_stop", "fit_end"):
        names = [name for name, heard, _ in Watch.heard if heard == event]
        assert names == ["c", "a", "b"] * (3 if event == "batch_end" else 1)
    assert len(run.history) == 1


class Turns:
    """Notes when it is called, in the turn that pluggy's marks ask for."""

    heard: ClassVar[list[str]] = []

    def __init__(self, name: str) -> None:
        self.name = name

    @hookimpl
    def modnet_epoch_start(self) -> None:
        Turns.heard.append(f"{self.name} starts")

    @hookimpl(trylast=True)
    def modnet_epoch_end(self) -> None:
        Turns.heard.append(f"{self.name} ends last")


class First(Turns):
    @hookimpl(tryfirst=True)
    def modnet_epoch_end(self) -> None:
        Turns.heard.append(f"{self.name} ends first")


class Between(Turns):
    @hookimpl
    def modnet_epoch_end(self) -> None:
        Turns.heard.append(f"{self.name} ends")


def test_a_hook_may_ask_for_the_first_or_the_last_turn(rng: np.random.Generator) -> None:
    Turns.heard = []
    config = {"epochs": 1, "network": {"layers": [2]}}
    callbacks = [Turns("a"), Between("b"), First("c"), Turns("d"), Between("e"), First("f")]
    Trainer.from_config(config).fit(rng.normal(size=(4, 2)), [0, 1] * 2, callbacks=callbacks)
    assert Turns.heard[:6] == [f"{name} starts" for name in "abcdef"]
    assert Turns.heard[6:] == [
        "c ends first", "f ends first", "b ends", "e ends", "a ends last", "d ends last"
    ]  # fmt: skip


def test_the_history_is_complete_before_any_listener_is_called(rng: np.random.Generator) -> None:
    lengths = {"before": [], "after": []}
    Watch.at["before.epoch_end"] = lambda training: lengths["before"].append(len(training.history))
    Watch.at["after.epoch_end"] = lambda training: lengths["after"].append(len(training.history))
    fit(rng, watch("before"), watch("after"))
    assert lengths == {"before": [1, 2], "after": [1, 2]}


def test_the_first_reason_to_stop_holds(rng: np.random.Generator) -> None:
    run = fit(rng, watch("late", stop_after=5), watch("one", stop_after=3), watch("two", stop_after=3), epochs=9)
    assert run.stopped == "one says so"
    assert len(run.history) == 3
    last = [name for name, event, _ in Watch.heard if event == "should_stop"][-2:]
    assert last == ["late", "one"]  # the second need not be asked any more
    assert [name for name, event, _ in Watch.heard if event == "fit_end"] == ["late", "one", "two"]


def test_no_epochs_are_a_training_too(rng: np.random.Generator) -> None:
    run = fit(rng, "watch", epochs=0)
    assert [event for _, event, _ in Watch.heard] == ["fit_start", "fit_end"]
    assert (run.history, run.updates) == ([], 0)


EVENTS = ["fit_start", "epoch_start", "batch_end", "epoch_end", "should_stop", "fit_end"]


@pytest.mark.parametrize("event", EVENTS)
def test_an_error_goes_on_with_a_note_that_names_plug_in_and_event(rng: np.random.Generator, event: str) -> None:
    def fail(training: object) -> None:
        del training
        raise ZeroDivisionError("by the test")

    Watch.at[event] = fail
    with pytest.raises(ZeroDivisionError, match="by the test") as caught:
        fit(rng, "watch")
    assert caught.value.args == ("by the test",)
    (note,) = caught.value.__notes__
    assert "modnet-strange 0.3" in note
    assert "callback 'watch' (callbacks.0)" in note
    assert note.endswith(f"in the event '{event}'")


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("index", [0, 1])
def test_the_note_tells_two_callbacks_of_one_kind_apart(rng: np.random.Generator, event: str, index: int) -> None:
    Watch.at[f"{index}.{event}"] = lambda training: 1 // (training.updates - training.updates)
    with pytest.raises(ZeroDivisionError) as caught:
        fit(rng, watch("0"), watch("1"))
    assert f"(callbacks.{index})" in caught.value.__notes__[0]


def test_an_error_of_the_training_itself_gets_no_note(rng: np.random.Generator) -> None:
    with pytest.raises(DivergenceError) as caught:
        fit(
            rng,
            "watch",
            network={"layers": [{"kind": "dense", "units": 2, "activation": "identity"}]},
            optimizer={"learning_rate": 1e300},
        )
    assert not hasattr(caught.value, "__notes__")
    assert [event for _, event, _ in Watch.heard].count("fit_end") == 1


@pytest.mark.parametrize("event", EVENTS[:-1])
def test_the_end_is_heard_whatever_happens(rng: np.random.Generator, event: str) -> None:
    def interrupt(training: object) -> None:
        del training
        raise KeyboardInterrupt

    Watch.at[f"a.{event}"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        fit(rng, watch("a"), watch("b"))
    assert [name for name, heard, _ in Watch.heard if heard == "fit_end"] == ["a", "b"]


@pytest.mark.parametrize("event", ["fit_end", "epoch_end"])
def test_all_hear_the_end_though_one_of_them_fails_at_it(rng: np.random.Generator, event: str) -> None:
    Watch.at["a.fit_end"] = lambda training: 1 // (training.updates - training.updates)
    Watch.at["b.fit_end"] = lambda training: [][training.updates]
    if event == "epoch_end":
        Watch.at["b.epoch_end"] = lambda training: {}[training]
    with pytest.raises(ZeroDivisionError if event == "fit_end" else KeyError) as caught:
        fit(rng, watch("a"), watch("b"), watch("c"))
    assert [name for name, heard, _ in Watch.heard if heard == "fit_end"] == ["a", "b", "c"]
    notes = " ".join(caught.value.__notes__)
    assert ("ZeroDivisionError" in notes) == (event == "epoch_end")
    assert "IndexError" in notes


@pytest.mark.parametrize("event", EVENTS)
def test_predicting_at_any_event_disturbs_nothing(rng: np.random.Generator, event: str) -> None:
    rows = rng.normal(size=(4, 3))
    state = rng.bit_generator.state
    layers = {"layers": [4, {"kind": "dropout"}, 2]}
    alone = fit(rng, network=layers).network.parameters
    Watch.at[event] = lambda training: training.network.predict(rows)
    rng.bit_generator.state = state
    assert fit(rng, "watch", network=layers).network.parameters.tobytes() == alone.tobytes()


ONCE = r"'{}' is there already, callbacks\.0; allowed: one of this kind"
SAME = r"is the same as callbacks\.0; allowed: each once, or with other options"


@pytest.mark.parametrize(
    ("callbacks", "problem"),
    [
        (["checkpoint", {"kind": "checkpoint", "keep": 7}], ONCE.format("checkpoint")),
        (["progress", "progress"], ONCE.format("progress")),
        ([{"kind": "average", "start": 1}, "average"], ONCE.format("average")),
        ([{"kind": "dampening", "samples": 9}, "dampening"], ONCE.format("dampening")),
        (["early-stopping", {"kind": "early-stopping", "patience": 5}], SAME),
        (["reduce-on-plateau", "reduce-on-plateau"], SAME),
        (["watch", "watch"], SAME),
    ],
)
def test_a_callback_is_not_repeated(monkeypatch: pytest.MonkeyPatch, callbacks: list[Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=rf"^callbacks\.1: {problem}$"):
        load_config({"callbacks": callbacks})
    beside = Callback.resolve(callbacks[1])
    with pytest.raises(ConfigError, match=rf"^callbacks\.1: {problem}$"):
        Trainer.from_config({"callbacks": callbacks[:1]}).fit(np.eye(10), range(10), callbacks=[beside])
    monkeypatch.setattr(Watch, "unique", True)
    load_config({"callbacks": ["checkpoint", "early-stopping", "watch", {"kind": "early-stopping", "monitor": "cost"}]})
    with pytest.raises(ConfigError, match=r"^callbacks\.2: 'watch' is there already, callbacks\.0;"):
        load_config({"callbacks": [watch("a"), "progress", watch("b")]})
    assert Watch.heard == []


def test_a_function_and_an_object_are_called_once_an_event() -> None:
    rows: list[Any] = []

    def note(training: Any, row: Any) -> None:
        rows.append((training, row))

    listener = Watch().listener()
    for given in ([note, note], [listener, listener]):
        with pytest.raises(ConfigError, match=rf"^callbacks\.1: {SAME}$"):
            Trainer.from_config({"epochs": 1}).fit(np.eye(10), range(10), callbacks=given)
    assert rows == []
