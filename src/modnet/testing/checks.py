"""The table of the checks: what a component of each family has to pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from modnet.core.interfaces import FAMILIES
from modnet.testing import common_checks as common
from modnet.testing import engine_bit_checks as bits
from modnet.testing import engine_checks as engine
from modnet.testing import engine_loop_checks as loop
from modnet.testing import engine_solver_checks as solver
from modnet.testing import gradient_checks as gradient
from modnet.testing import layer_checks as layer
from modnet.testing import metric_checks as metric
from modnet.testing import network_checks as network
from modnet.testing import optimizer_checks as optimizer
from modnet.testing import probe_checks as probe
from modnet.testing import subprocess_checks as subprocess
from modnet.testing import tracing
from modnet.testing import transform_checks as transform
from modnet.testing.case import Case

__all__ = ["CHECKS", "Check", "checks_of"]


@dataclass(frozen=True)
class Check:
    """One named check.

    Attributes:
        function: Runs the check: returns if the component passes, or raises what is wrong.
        families: The families whose components have to pass it.
        once: Whether it concerns the class, so that it runs once and not for every example.
    """

    function: Callable[[Case], None]
    families: tuple[str, ...] = tuple(FAMILIES)
    once: bool = False

    @property
    def name(self) -> str:
        """The name of the check in reports and in ``expected_failures``."""
        return self.function.__name__.replace("_", "-")

    @property
    def about(self) -> str:
        """What the check makes sure of, as the end of a sentence."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].removeprefix("Check that ")


_SAVED = ("activation", "cost", "regularizer", "layer")
_ARRAYS = (*_SAVED, "rule")

CHECKS = (
    Check(common.kind_format, once=True),
    Check(common.documented, once=True),
    Check(common.options_described, once=True),
    Check(common.unknown_options_refused),
    Check(common.dump_and_load),
    Check(common.frozen),
    Check(subprocess.light_import, once=True),
    Check(subprocess.picklable, once=True),
    Check(probe.deterministic),
    Check(probe.no_global_randomness),
    Check(probe.inputs_not_modified, (*_ARRAYS, "metric", "transform")),
    Check(probe.shape_preserved, _ARRAYS),
    Check(probe.dtype_preserved, _ARRAYS),
    Check(probe.float32_agrees_with_float64, _ARRAYS),
    Check(probe.extreme_inputs, (*_ARRAYS, "metric")),
    Check(probe.array_api, (*_ARRAYS, "metric")),
    Check(tracing.traces, _ARRAYS),
    Check(probe.batch_equals_row_by_row, ("activation", "cost", "layer")),
    Check(probe.interleaved_passes, ("activation", "cost", "layer")),
    Check(gradient.derivative, _SAVED),
    Check(probe.output_range, ("activation",)),
    Check(gradient.delta_derivative, ("cost",)),
    Check(gradient.parameter_derivative, ("layer",)),
    Check(network.network_gradient, ("layer",)),
    Check(layer.micro_batches, ("layer",)),
    Check(layer.works_without_rng, ("layer",)),
    Check(layer.fresh_randomness, ("layer",)),
    Check(layer.state_advances, ("layer",)),
    Check(network.save_and_load, (*_SAVED, "transform")),
    Check(optimizer.resumes_exactly, ("rule",)),
    Check(optimizer.state_is_separate, ("rule",)),
    Check(optimizer.uses_learning_rate, ("rule",)),
    Check(optimizer.minimizes_quadratic, ("rule",)),
    Check(optimizer.zero_gradient_zero_step, ("rule",)),
    Check(optimizer.elementwise_in_pieces, ("rule", "regularizer")),
    Check(optimizer.stateless, ("schedule",)),
    Check(optimizer.positive_finite_factor, ("schedule",)),
    Check(optimizer.starts_at_one, ("schedule",)),
    Check(optimizer.constant_means_one, ("schedule",)),
    Check(optimizer.initial_shape, ("initializer",)),
    Check(optimizer.float64_and_finite, ("initializer",)),
    Check(optimizer.uses_given_generator, ("initializer",)),
    Check(optimizer.update_count, ("optimizer",)),
    Check(optimizer.covers_every_sample, ("optimizer",)),
    Check(optimizer.refuses_with_value_error, ("optimizer",)),
    Check(optimizer.lowers_the_cost, ("optimizer",)),
    Check(metric.names_match, ("metric",)),
    Check(metric.merge_equals_whole, ("metric",)),
    Check(metric.merge_order, ("metric",)),
    Check(metric.weights_repeat_samples, ("metric",)),
    Check(metric.label_format, ("metric",)),
    Check(metric.perfect_is_best, ("metric",)),
    Check(metric.refuses_with_value_error, ("metric",)),
    Check(metric.new_listener, ("callback",)),
    Check(metric.known_hooks, ("callback",)),
    Check(metric.training_unaffected, ("callback",)),
    Check(metric.returns_data, ("dataset",)),
    Check(transform.columns_match_takes, ("transform",), once=True),
    Check(transform.state_can_be_stored, ("transform",)),
    Check(transform.fit_in_blocks, ("transform",)),
    Check(transform.results_match_names, ("transform",)),
    Check(transform.rows_apart, ("transform",)),
    Check(transform.missing_values, ("transform",)),
    Check(transform.unknown_text, ("transform",)),
    Check(transform.unusual_columns, ("transform",)),
    Check(transform.inverse_undoes, ("transform",)),
    Check(engine.activations_and_costs, ("engine",)),
    Check(engine.update_rules, ("engine",)),
    Check(engine.schedules, ("engine",)),
    Check(engine.penalties, ("engine",)),
    Check(engine.containers, ("engine",)),
    Check(engine.normalizations, ("engine",)),
    Check(engine.given_masks, ("engine",)),
    Check(engine.frozen_layers, ("engine",)),
    Check(engine.sample_weights, ("engine",)),
    Check(engine.batch_sizes, ("engine",)),
    Check(engine.single_precision, ("engine",)),
    Check(engine.kinds_of_samples, ("engine",)),
    Check(engine.code_of_numpy, ("engine",)),
    Check(engine.row_sources, ("engine",)),
    Check(engine.sparse_rows, ("engine",)),
    Check(engine.outputs_of_rows, ("engine",)),
    Check(bits.repeats_exactly, ("engine",)),
    Check(bits.blocks_cut_anywhere, ("engine",)),
    Check(bits.state_is_a_copy, ("engine",)),
    Check(bits.resumes_anywhere, ("engine",)),
    Check(bits.data_stays, ("engine",)),
    Check(bits.predictions_disturb_nothing, ("engine",)),
    Check(loop.outputs_as_seen, ("engine",)),
    Check(loop.listens_to_every_update, ("engine",)),
    Check(loop.rates_replaced, ("engine",)),
    Check(loop.parameters_written, ("engine",)),
    Check(loop.figures_of_updates, ("engine",)),
    Check(loop.sums_of_penalties, ("engine",)),
    Check(loop.divergence_is_found, ("engine",)),
    Check(solver.value_and_gradient, ("engine",)),
    Check(solver.asked_twice, ("engine",)),
    Check(solver.gradient_is_applied, ("engine",)),
    Check(loop.closes, ("engine",)),
    Check(loop.stable_fingerprint, ("engine",)),
)


def checks_of(family: str) -> tuple[Check, ...]:
    """Return the checks of a family, in the order in which they run."""
    return tuple(check for check in CHECKS if family in check.families)
