"""What an engine refuses, how exact it must be, and that the parts that it is tried with are as others."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from testing.faulty.engines import Faulty, Working
from testing.interpreter import fake_run

from modnet import ConfigError, LayerContext
from modnet.testing import Report, Result, check_component, engine_checks, subprocess_checks
from modnet.testing.case import make_cases
from modnet.testing.engine_bit_checks import blocks_cut_anywhere
from modnet.testing.engine_parts import PARTS, MaskByCount
from modnet.testing.report import FailedError, RefusedError


@pytest.fixture(autouse=True)
def no_interpreter(monkeypatch):
    monkeypatch.setattr(subprocess_checks, "_run", fake_run)


class NoDropout(Faulty):
    """The NumPy engine, without dropout."""

    kind: Literal["no-dropout"] = "no-dropout"

    def start(self, plan: Any) -> Working:
        if any(layer.component.kind == "dropout" for layer in plan.network.layers):
            raise ConfigError("engine: there is no dropout here")
        return super().start(plan)


class Approximate(Faulty):
    """The NumPy engine, whose gradients are a little too long."""

    kind: Literal["approximate"] = "approximate"
    conformance: ClassVar[dict[str, Any]] = {"tolerance": 1e-6}

    class Session(Working):
        def after_gradient(self, weights: Any) -> None:
            if weights is None:
                self.gradient *= 1.0 + 1e-8


RANDOM = {
    *("repeats-exactly", "blocks-cut-anywhere", "state-is-a-copy", "resumes-anywhere", "predictions-disturb-nothing"),
    *("divergence-is-found", "asked-twice", "gradient-is-applied", "outputs-of-rows"),
}


def test_what_an_engine_refuses_is_reported_and_no_failure():
    report = check_component(NoDropout)
    report.raise_for_failures()
    refused = {result.check: result.message for result in report.results if result.status == "refused"}
    assert refused.keys() == RANDOM
    assert refused["repeats-exactly"] == "batch-norm and dropout: engine: there is no dropout here"
    heading, *lines = str(report).splitlines()
    assert heading == "engine:no-dropout: conforms (44 of 44 checks ran, 9 refused in part or whole)"
    assert "  refused   asked-twice: batch-norm and dropout: engine: there is no dropout here" in lines


def test_without_dropout_the_bits_are_compared_all_the_same():
    class Forgetful(NoDropout):
        """It has no dropout either, and forgets the rule's state at the start of a block."""

        kind: Literal["forgetful"] = "forgetful"

        class Session(Working):
            def run(self, block: Any, on_outputs: Any, on_update: Any = None) -> bool:
                self.updater.restore(self.updater.state | {"mean": self.updater.state["mean"] * 0.9}, self.updates)
                return super().run(block, on_outputs, on_update)

    (case,) = make_cases(Forgetful, None)
    with pytest.raises(FailedError, match="one-cycle with adam: two blocks instead of one: 'parameters' is not the"):
        blocks_cut_anywhere(case)


def test_a_check_that_is_refused_whole_names_every_trial():
    class NoWeights(Faulty):
        """The NumPy engine, without weights."""

        kind: Literal["without-weights"] = "without-weights"

        def start(self, plan: Any) -> Working:
            if plan.samples.weights is not None:
                raise ConfigError("engine: no weights")
            return super().start(plan)

    (case,) = make_cases(NoWeights, None)
    with pytest.raises(RefusedError) as caught:
        engine_checks.sample_weights(case)
    names = ("weights", "weights and divide_by_batch", "batches that weigh nothing")
    assert str(caught.value) == "; ".join(f"{name}: engine: no weights" for name in names)


def test_how_exact_gradients_are_can_be_said():
    checks = {"activations-and-costs", "schedules", "outputs-as-seen", "value-and-gradient"}
    exact = check_component(Approximate)
    failed = {result.check for result in exact.results if result.status == "failed"}
    assert {"activations-and-costs", "schedules", "outputs-as-seen"} <= failed
    assert not failed & {"repeats-exactly", "resumes-anywhere", "value-and-gradient", "closes"}
    assert checks - failed == {"value-and-gradient"}
    check_component(Approximate, **Approximate.conformance).raise_for_failures()


def test_a_refusal_is_the_worst_but_for_notes_and_failures():
    lines = str(Report("engine:e", (Result("a", "refused", "no"), Result("b", "skipped", "not here")))).splitlines()
    assert lines[0] == "engine:e: conforms (1 of 2 checks ran, 1 skipped, 1 refused in part or whole)"


@pytest.mark.parametrize("part", PARTS)
def test_the_parts_that_engines_are_tried_with_conform(part):
    reasons = {"network-gradient": "its mask is another one in every pass"} if part is MaskByCount else {}
    report = check_component(part, expected_failures=reasons)
    report.raise_for_failures()
    notes = {result.check for result in report.results if result.status == "note"}
    assert notes == ({"array-api", "traces"} if part.kind_name() == "conformance-numpy" else set()), report


def test_masks_differ_from_pass_to_pass_and_between_units():
    layer, ctx, seen = MaskByCount(), LayerContext({}, training=True), []
    ctx.state = layer.initial_state((6,))
    for _ in range(20):
        layer.forward(np.ones((2, 6)), ctx)
        seen.append(tuple(ctx.saved > 0))
    assert len(set(seen)) > 5
    assert 0.4 < np.mean(seen) < 0.95
