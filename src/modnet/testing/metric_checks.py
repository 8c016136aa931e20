"""The checks of metrics, callbacks and datasets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any
from unittest import mock

import numpy as np
import pluggy
from numpy.typing import NDArray

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.interfaces import Task
from modnet.core.plugins.hookspecs import Events
from modnet.testing.case import Case, refusal
from modnet.testing.common_checks import WORDS
from modnet.testing.fixtures import train
from modnet.testing.numeric import tree_diff
from modnet.testing.report import FailedError, NoteError, SkippedError, require
from modnet.training.epoch import EpochRunner
from modnet.training.setup import split_data
from modnet.training.view import Training

TASKS = [Task(outputs, classes) for outputs in (1, 3) for classes in (True, False)]
TASKS.append(Task(3, classes=False, multi_label=True))


def refuses_with_value_error(case: Case) -> None:
    """Check that `check` refuses a task only with a ValueError that gives a reason, and accepts at least one task."""
    refusals = {task: refusal(case.component.check, task) for task in TASKS}
    for task, reason in refusals.items():
        require(reason != "", f"check({task}) raises a ValueError that gives no reason")
    require(None in refusals.values(), "check refuses both classes and numbers, with one output and with three")


def label_format(case: Case) -> None:
    """Check that the label is lower-case words joined by underscores, and not reserved in the history."""
    label = case.component.label
    is_words = isinstance(label, str) and WORDS.fullmatch(label)
    require(is_words, f"the label should be lower-case words joined by underscores, got {label!r}")
    reserved = label in ("cost", "epoch", "learning_rate", "seconds") or label.startswith(("validation_", "test_"))
    require(not reserved, f"the label {label!r} is reserved in the history")


def names_match(tried: Case) -> None:
    """Check that `value` gives a finite number for each of `names`, words joined by underscores; or one without."""
    for task, case, a, y in _samples(tried):
        names = case.component.names(task)
        is_valid = isinstance(names, tuple) and all(isinstance(name, str) and WORDS.fullmatch(name) for name in names)
        require(is_valid, f"names should be a tuple of lower-case words joined by underscores, got {names!r}")
        value = case.component.value(case.component.partial(a, y, None))
        given = tuple(value) if isinstance(value, Mapping) else ()
        require(set(given) == set(names), f"value gives numbers for {given}, the names are {names}")


def merge_equals_whole(tried: Case) -> None:
    """Check that the value of merged pieces is that of the whole, however it is cut."""
    for _, case, a, y in _samples(tried):
        for cuts in ((4,), (1, 2), (3, 9, 10), tuple(range(1, 12))):
            _require_close(_value(case, a, y), _merged(case, a, y, cuts), f"in {len(cuts) + 1} pieces")


def merge_order(tried: Case) -> None:
    """Check that the order in which pieces are merged does not matter."""
    for _, case, a, y in _samples(tried):
        for order in itertools.permutations(range(3)):
            _require_close(_value(case, a, y), _merged(case, a, y, (3, 8), order), "in another order")


def weights_repeat_samples(tried: Case) -> None:
    """Check that a weight of 2 gives what the sample twice gives, and a weight of 0 what its absence gives."""
    for _, case, a, y in _samples(tried):
        codes = np.argmax(y, axis=1) if y.shape[1] > 1 else y[:, 0] > 0.5
        place = np.array([np.count_nonzero(codes[:row] == code) for row, code in enumerate(codes)])
        for cycle in ([2, 1, 1, 1], [1, 0, 1, 2], [3, 2, 0, 1]):  # of every class, something is left
            count = np.resize(cycle, len(a))[place]
            count[-1] = 0
            expected, weights = _value(case, np.repeat(a, count, axis=0), np.repeat(y, count, axis=0)), 1.0 * count
            how = "with weights instead of repeated and absent samples"
            _require_close(expected, _value(case, a, y, weights), how)
            if not case.component.needs_all_outputs:
                _require_close(expected, _merged(case, a, y, (4, 11), (2, 0, 1), weights), f"{how}, in pieces,")


def perfect_is_best(tried: Case) -> None:
    """Check that exact outputs are at least as good as random ones, according to `better`."""
    better = tried.component.better
    require(better in ("higher", "lower"), f"better should be 'higher' or 'lower', got {better!r}")
    for _, case, a, y in _samples(tried):
        for exact, sampled in zip(_value(case, y, y), _value(case, a, y), strict=True):
            best = exact >= sampled if better == "higher" else exact <= sampled
            values = f"exact outputs have the value {exact:.6g} and random ones {sampled:.6g}"
            require(best, f"better = {better!r}, but {values}")


def _samples(tried: Case) -> list[tuple[Task, Case, NDArray[Any], NDArray[Any]]]:
    """Return each task that the metric accepts, the case for it, and random outputs and targets, between 0 and 1."""
    samples = []
    for number, task in enumerate(task for task in TASKS if refusal(tried.component.check, task) is None):
        rng, shape = np.random.default_rng([50, number]), (12, task.outputs)
        if task.multi_label:
            y = 1.0 * (rng.permutation(np.arange(36) % 2).reshape(shape))
        elif not task.classes:
            y = rng.uniform(0.05, 0.95, shape)
        elif task.outputs == 1:
            y = rng.permutation(np.arange(12.0) % 2).reshape(shape)
        else:
            y = np.eye(3)[rng.permutation(np.arange(12) % 3)]
        case = replace(tried, component=tried.component.for_task(task))
        samples.append((task, case, rng.uniform(0.05, 0.95, shape), y))
    return samples


def _value(case: Case, a: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None = None) -> list[float]:
    """Return the numbers of the metric of outputs, targets and perhaps weights, in one piece."""
    return _numbers(case.component.value(case.component.partial(a, y, weights)))


def _merged(
    case: Case,
    a: NDArray[Any],
    y: NDArray[Any],
    cuts: Sequence[int],
    order: Sequence[int] = (),
    weights: NDArray[Any] | None = None,
) -> list[float]:
    """Return the numbers of the metric of samples that are cut into pieces and merged in an order."""
    if case.component.needs_all_outputs:
        raise SkippedError("partial gets all samples at once, and nothing is merged")
    rows = np.split(np.arange(len(a)), cuts)
    pieces = [case.component.partial(a[r], y[r], None if weights is None else weights[r]) for r in rows]
    return _numbers(
        case.component.value(reduce(case.component.merge, (pieces[i] for i in order or range(len(pieces)))))
    )


def _numbers(value: Any) -> list[float]:
    numbers = list(value.values()) if isinstance(value, Mapping) else [value]
    for number in numbers:
        is_finite = isinstance(number, float) and np.isfinite(number)
        require(is_finite, f"value should return a finite Python float, got {number!r}")
    return [float(number) for number in numbers]


def _require_close(expected: list[float], values: list[float], how: str) -> None:
    for wanted, value in zip(expected, values, strict=True):
        close = math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9)  # summed in another order
        require(close, f"the value should be {wanted:.12g}, {how} it is {value:.12g}")


def new_listener(case: Case) -> None:
    """Check that every training gets a listener of its own."""
    first, second = case.component.listener(), case.component.listener()
    require(first is not None, "listener() should return an object with hook implementations, got None")
    require(first is not second, "listener() should return a new object in every call, returned the same one twice")


def known_hooks(case: Case) -> None:
    """Check that the listener implements at least one hook, and no unknown one."""
    listener, manager = case.component.listener(), pluggy.PluginManager("modnet")
    manager.add_hookspecs(Events)
    hooks = ", ".join(sorted(name for name in vars(Events) if name.startswith("modnet_")))
    for name in dir(listener):
        marked = not name.startswith("modnet_") or hasattr(getattr(listener, name), "modnet_impl")
        require(marked, f"{name} is not marked with @modnet.hookimpl, so it is never called")
    try:
        manager.register(listener)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise FailedError(f"{str(error).splitlines()[-1]} (hooks: {hooks})") from None
    require(manager.get_hookcallers(listener), f"the listener implements no hook; there are {hooks}")


def training_unaffected(case: Case) -> None:
    """Check that training with the callback gives the same θ as without; a note if it changes it as a callback may.

    It may stop the training, restore a snapshot, and set the learning rate's factor.
    """
    without = train()
    with (
        mock.patch.object(Training, "restore", autospec=True, side_effect=Training.restore) as restore,
        mock.patch.object(EpochRunner, "set_factor", autospec=True, side_effect=EpochRunner.set_factor) as set_factor,
    ):
        with_it = train(callbacks=[case.component])
    theta, expected = with_it.network.parameters, without.network.parameters
    if not tree_diff(theta, expected) and without.updates == with_it.updates:
        return
    may_stop = hasattr(case.component.listener(), "modnet_should_stop") or with_it.stopped
    if may_stop or restore.called or set_factor.called:
        raise NoteError(f"a training with it ends differently (stopped: {with_it.stopped or 'no'})")
    change = float(np.max(np.abs(theta - expected)))
    raise FailedError(f"a training with it should end with the same θ, which it changed by {change:.3g}")


def returns_data(case: Case) -> None:
    """Check that `load` returns a `modnet.Data` with samples and targets that a network can be trained on."""
    data = case.component.load()
    require(isinstance(data, Data), f"load() should return a modnet.Data, got {type(data).__name__}")
    split_data(RunConfig.model_validate({"data": case.component}), data)
