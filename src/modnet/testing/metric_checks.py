"""The checks of what stands beside a training: metrics, callbacks and datasets."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pluggy
from numpy.typing import NDArray

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.interfaces import Task
from modnet.core.plugins.hookspecs import Events
from modnet.testing.case import Case
from modnet.testing.fixtures import train
from modnet.testing.numeric import same_bits
from modnet.testing.report import FailedError, NoteError
from modnet.training.setup import split_data

__all__ = [
    "gives_data",
    "known_hooks",
    "label_form",
    "leaves_the_training_alone",
    "merge_equals_whole",
    "new_listener",
    "order_of_pieces",
    "perfect_is_best",
    "refuses_tasks_with_value_error",
]

LABEL = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
TASKS = [Task(outputs, classes) for outputs in (1, 3) for classes in (True, False)]
ACCURACY = 1e-9
"""How far figures that were added up in another way may be apart, relative to the figure."""


def refuses_tasks_with_value_error(case: Case) -> None:
    """Check that `check` takes a task or raises a ValueError with a reason, and takes at least one."""
    if not _tasks(case):
        raise FailedError("check refuses classes and numbers alike, with one output and with three")


def label_form(case: Case) -> None:
    """Check that the label is lower-case words joined by underscores, and means nothing else in the history."""
    label = case.part.label
    if not isinstance(label, str) or not LABEL.fullmatch(label):
        raise FailedError(f"the label should be lower-case words joined by underscores, got {label!r}")
    if label in ("cost", "epoch", "learning_rate", "seconds") or label.startswith(("validation_", "test_")):
        raise FailedError(f"the label {label!r} has a meaning of its own in the history")


def merge_equals_whole(case: Case) -> None:
    """Check that the figure of pieces that are merged is that of the whole, wherever it is cut."""
    for a, y in _examples(case):
        whole = _figure(case, [(a, y)])
        for cuts in ((4,), (1, 2), (3, 9, 10), tuple(range(1, 12))):
            _same_figure(whole, _figure(case, _cut(a, y, cuts)), f"in {len(cuts) + 1} pieces")


def order_of_pieces(case: Case) -> None:
    """Check that the order in which pieces are merged does not matter."""
    for a, y in _examples(case):
        pieces = _cut(a, y, (3, 8))
        first = _figure(case, pieces)
        for order in itertools.permutations(pieces):
            _same_figure(first, _figure(case, list(order)), "in another order")


def perfect_is_best(case: Case) -> None:
    """Check that exact outputs are judged at least as good as random ones, by `better`."""
    better = case.cls.better  # type: ignore[attr-defined] # a metric
    if better not in ("higher", "lower"):
        raise FailedError(f"better should be 'higher' or 'lower', got {better!r}")
    for a, y in _examples(case):
        perfect, other = _figure(case, [(y, y)]), _figure(case, [(a, y)])
        if perfect < other if better == "higher" else perfect > other:
            raise FailedError(
                f"better = {better!r}, but exact outputs have the figure {perfect:.6g} and random ones {other:.6g}"
            )


def _tasks(case: Case) -> list[Task]:
    taken = []
    for task in TASKS:
        try:
            case.part.check(task)
        except ValueError as error:
            if not str(error):
                raise FailedError(f"check({task}) raises a ValueError that does not say why") from None
            continue
        except Exception as error:  # a part may raise whatever it likes; only a ValueError is right
            raise FailedError(f"check({task}) should raise ValueError, got {type(error).__name__}: {error}") from None
        taken.append(task)
    return taken


def _examples(case: Case) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return random outputs and targets, for each task that the metric takes; all between 0 and 1."""
    found = []
    for number, task in enumerate(_tasks(case)):
        rng = np.random.default_rng([50, number])
        shape = (12, task.outputs)
        if not task.classes:
            y = rng.uniform(0.05, 0.95, shape)
        elif task.outputs == 1:
            y = rng.permutation(np.arange(12.0) % 2).reshape(shape)
        else:
            y = np.eye(3)[rng.permutation(np.arange(12) % 3)]
        found.append((rng.uniform(0.05, 0.95, shape), y))
    return found


def _cut(a: NDArray[Any], y: NDArray[Any], cuts: tuple[int, ...]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    return list(zip(np.split(a, cuts), np.split(y, cuts), strict=True))


def _figure(case: Case, pieces: list[tuple[NDArray[Any], NDArray[Any]]]) -> float:
    total = None
    for a, y in pieces:
        partial = case.part.partial(a, y)
        total = partial if total is None else case.part.merge(total, partial)
    figure = case.part.value(total)
    if not isinstance(figure, float) or not np.isfinite(figure):
        raise FailedError(f"value should return a finite Python float, got {figure!r}")
    return figure


def _same_figure(expected: float, came: float, what: str) -> None:
    if abs(came - expected) > ACCURACY * max(1.0, abs(expected)):
        raise FailedError(f"the figure should be {expected:.12g}, {what} it is {came:.12g}")


def new_listener(case: Case) -> None:
    """Check that every training gets a listener of its own."""
    one, other = case.part.listener(), case.part.listener()
    if one is None:
        raise FailedError("listener() should return an object with hook implementations, got None")
    if one is other:
        raise FailedError("listener() should return a new object every time, gave the same one twice")


def known_hooks(case: Case) -> None:
    """Check that the listener hears of something, and every hook of it is one that there is."""
    listener, manager = case.part.listener(), pluggy.PluginManager("modnet")
    manager.add_hookspecs(Events)
    known = sorted(name for name in vars(Events) if name.startswith("modnet_"))
    unmarked = [
        name
        for name in dir(listener)
        if name.startswith("modnet_") and not hasattr(getattr(listener, name), "modnet_impl")
    ]
    if unmarked:
        raise FailedError(f"{unmarked[0]} is not marked with @modnet.hookimpl, so it is never called")
    try:
        manager.register(listener)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise FailedError(f"{str(error).splitlines()[-1]} (hooks: {', '.join(known)})") from None
    if not manager.get_hookcallers(listener):
        raise FailedError(f"the listener implements no hook; there are {', '.join(known)}")


def leaves_the_training_alone(case: Case) -> None:
    """Check that a training with it ends at the same θ as one without; a note for one that may stop it."""
    without, beside = train(), train(callbacks=[case.part])
    if same_bits(without.network.parameters, beside.network.parameters) and without.updates == beside.updates:
        return
    if hasattr(case.part.listener(), "modnet_should_stop"):
        raise NoteError(f"the training ends elsewhere with it (stopped: {beside.stopped or 'no'})")
    moved = float(np.max(np.abs(without.network.parameters - beside.network.parameters)))
    raise FailedError(f"a training with it should end at the same θ, which it moved by {moved:.3g}")


def gives_data(case: Case) -> None:
    """Check that `load` gives a `modnet.Data` whose samples and targets can be trained with."""
    data = case.part.load()
    if not isinstance(data, Data):
        raise FailedError(f"load() should return a modnet.Data, got {type(data).__name__}")
    parts = split_data(RunConfig.model_validate({"data": case.part}), data)
    x = parts["train"][0]
    if data.features is not None and (x.ndim != 2 or len(data.features) != x.shape[1]):
        raise FailedError(f"x has the shape {x.shape}, and there are {len(data.features)} names of features")
