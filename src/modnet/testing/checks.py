"""The table of the checks: family → the checks that a part of it has to pass, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from modnet.testing import array_checks as arraywise
from modnet.testing import common_checks as everywhere
from modnet.testing import determinism_checks as repeats
from modnet.testing import gradient_checks as derivatives
from modnet.testing import metric_checks as judging
from modnet.testing import optimizer_checks as descending
from modnet.testing import serialization_checks as kept
from modnet.testing import subprocess_checks as fresh
from modnet.testing.case import Case

__all__ = ["CHECKS", "EXPECTED", "Check", "checks_of"]


@dataclass(frozen=True)
class Check:
    """One named check.

    Attributes:
        name: What it is called in reports and in ``expected_failures``.
        function: What makes it; it returns, or raises what is wrong.
        once: Whether it is about the class, so that it is made once and not for every example.
    """

    name: str
    function: Callable[[Case], None]
    once: bool = False

    @property
    def about(self) -> str:
        """What the check makes sure of, as the end of a sentence."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].removeprefix("Check that ")


_EVERYWHERE = (
    Check("kind-form", everywhere.kind_form, once=True),
    Check("documented", everywhere.documented, once=True),
    Check("options-described", everywhere.options_described, once=True),
    Check("unknown-options-refused", everywhere.unknown_options_refused),
    Check("dump-and-load", everywhere.dump_and_load),
    Check("frozen", everywhere.frozen),
    Check("light-import", fresh.light_import, once=True),
    Check("picklable", fresh.picklable, once=True),
    Check("deterministic", repeats.deterministic),
    Check("no-global-randomness", repeats.no_global_randomness),
)
_INPUTS = Check("inputs-not-written", arraywise.inputs_not_written)
_EXTREMES = Check("extreme-inputs", arraywise.extreme_inputs)
_PORTABLE = Check("array-api", arraywise.array_api)
_ROWS = Check("batch-equals-row-by-row", arraywise.batch_equals_row_by_row)
_KEPT = Check("save-and-load", kept.save_and_load)
_ARRAYS = (
    _INPUTS,
    Check("shape-kept", arraywise.shape_kept),
    Check("dtype-kept", arraywise.dtype_kept),
    Check("float32-agrees-with-float64", arraywise.float32_agrees),
    _EXTREMES,
    _PORTABLE,
)

CHECKS: dict[str, tuple[Check, ...]] = {
    "activation": (
        *_EVERYWHERE,
        *_ARRAYS,
        _ROWS,
        Check("derivative", derivatives.activation_derivative),
        _KEPT,
    ),
    "cost": (
        *_EVERYWHERE,
        *_ARRAYS,
        _ROWS,
        Check("derivative", derivatives.cost_gradient),
        Check("delta-derivative", derivatives.delta_derivative),
        _KEPT,
    ),
    "regularizer": (
        *_EVERYWHERE,
        *_ARRAYS,
        Check("derivative", derivatives.regularizer_gradient),
        _KEPT,
    ),
    "layer": (
        *_EVERYWHERE,
        *_ARRAYS,
        _ROWS,
        Check("derivative", derivatives.layer_input_derivative),
        Check("parameter-derivative", derivatives.parameter_derivative),
        Check("network-gradient", derivatives.network_gradient),
        _KEPT,
    ),
    "rule": (
        *_EVERYWHERE,
        *_ARRAYS,
        Check("resumes-exactly", descending.resumes_exactly),
        Check("descends-a-bowl", descending.descends_a_bowl),
        Check("zero-gradient-zero-step", descending.zero_gradient_zero_step),
    ),
    "schedule": (
        *_EVERYWHERE,
        Check("pure-in-the-step", descending.pure_in_the_step),
        Check("positive-finite-factor", descending.positive_finite_factor),
        Check("starts-at-one", descending.starts_at_one),
        Check("constant-means-one", descending.constant_means_one),
    ),
    "initializer": (
        *_EVERYWHERE,
        Check("initial-shape", descending.initial_shape),
        Check("float64-and-finite", descending.float64_and_finite),
        Check("draws-from-the-generator", descending.draws_from_the_generator),
    ),
    "optimizer": (
        *_EVERYWHERE,
        Check("updates-agree", descending.updates_agree),
        Check("covers-every-sample", descending.covers_every_sample),
        Check("refuses-with-value-error", descending.refuses_with_value_error),
        Check("lowers-the-cost", descending.lowers_the_cost),
    ),
    "metric": (
        *_EVERYWHERE,
        _INPUTS,
        _EXTREMES,
        _PORTABLE,
        Check("merge-equals-whole", judging.merge_equals_whole),
        Check("order-of-pieces", judging.order_of_pieces),
        Check("label-form", judging.label_form),
        Check("perfect-is-best", judging.perfect_is_best),
        Check("refuses-with-value-error", judging.refuses_tasks_with_value_error),
    ),
    "callback": (
        *_EVERYWHERE,
        Check("new-listener", judging.new_listener),
        Check("known-hooks", judging.known_hooks),
        Check("leaves-the-training-alone", judging.leaves_the_training_alone),
    ),
    "dataset": (
        *_EVERYWHERE,
        Check("gives-data", judging.gives_data),
    ),
}

EXPECTED: dict[str, int] = {
    "activation": 19,
    "cost": 20,
    "regularizer": 18,
    "layer": 21,
    "rule": 19,
    "schedule": 14,
    "initializer": 13,
    "optimizer": 14,
    "metric": 18,
    "callback": 13,
    "dataset": 11,
}
"""How many checks each family has, written down a second time: a report of fewer is a failure."""


def checks_of(family: str) -> tuple[Check, ...]:
    """Return the checks of a family, in the order in which they are made."""
    return CHECKS[family]
