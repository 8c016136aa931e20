"""The checks of engines that compare with the NumPy engine: θ after 50 updates."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet.testing import engine_trials as trials
from modnet.testing.case import Case
from modnet.testing.engine_sessions import (
    block_of,
    final_state,
    for_each,
    opened,
    reference,
    require_close,
    run_all,
)
from modnet.testing.engine_trials import Trial
from modnet.testing.report import require


def activations_and_costs(case: Case) -> None:
    """Check that θ is that of the NumPy engine with every activation and cost, of more outputs than targets, too."""
    for_each(case, trials.FUNCTIONS, agrees)


def update_rules(case: Case) -> None:
    """Check that θ and the rule's state are those of the NumPy engine with every rule, and one that uses the layout."""
    for_each(case, trials.RULES, agrees)


def schedules(case: Case) -> None:
    """Check that every update has its learning rate, and the momentum that the schedule drives."""
    for_each(case, trials.SCHEDULES, agrees)


def penalties(case: Case) -> None:
    """Check that penalties are part of the gradient, and divided by the samples of the update where they ask for it."""
    for_each(case, (trials.PENALIZED, trials.DIVIDED), agrees)


def containers(case: Case) -> None:
    """Check that θ is that of the NumPy engine with layers within layers: chain, residual, parallel."""
    for_each(case, trials.CONTAINERS, agrees)


def normalizations(case: Case) -> None:
    """Check that θ and the running averages are those of the NumPy engine with batch-norm and layer-norm."""
    for_each(case, trials.NORMALIZATIONS, agrees)


def given_masks(case: Case) -> None:
    """Check that θ and the layers' state are those of the NumPy engine where masks follow from the layer's state."""
    for_each(case, trials.MASKED, agrees)


def frozen_layers(case: Case) -> None:
    """Check that frozen layers stay as they are, and the others are trained as on the NumPy engine."""
    for_each(case, trials.FROZEN, agrees)


def sample_weights(case: Case) -> None:
    """Check that samples count by their weights in the mean of an update, which may be 0 for all of them."""
    for_each(case, trials.WEIGHTED, agrees)


def batch_sizes(case: Case) -> None:
    """Check that an update may have one sample, or all, or more than fit in one piece, and the last one fewer."""
    for_each(case, trials.BATCHES, agrees)


def single_precision(case: Case) -> None:
    """Check that a network in float32 stays in float32, with the θ of the NumPy engine to four digits."""
    for_each(case, trials.SINGLE, agrees)


def kinds_of_samples(case: Case) -> None:
    """Check that samples may be images, and targets two classes with one output, or labels that may all apply."""
    for_each(case, trials.KINDS, agrees)


def code_of_numpy(case: Case) -> None:
    """Check that θ is that of the NumPy engine with a layer and an activation that are written for NumPy alone."""
    for_each(case, trials.NUMPY, agrees)


def row_sources(case: Case) -> None:
    """Check that θ is that of the NumPy engine where rows are read from a source when they are needed."""
    for_each(case, trials.SOURCES, agrees)


def sparse_rows(case: Case) -> None:
    """Check that θ is that of the NumPy engine with a sparse matrix, if the class sets `takes_sparse = True`."""
    for_each(case, trials.SPARSE if case.component.takes_sparse else (), agrees)


def outputs_of_rows(case: Case) -> None:
    """Check that `outputs` are those of a prediction: of any number of rows, in order, at θ as it is."""
    layers = trials.DROPOUT, *trials.NORMALIZATIONS, *trials.CONTAINERS, *trials.NUMPY
    rows = *trials.KINDS, trials.SINGLE[0], trials.SOURCES[0]
    sparse = trials.SPARSE if case.component.takes_sparse else ()
    for_each(case, (*layers, *rows, *sparse), _predicts)


def _predicts(case: Case, trial: Trial) -> None:
    with opened(case.component, trial) as one:
        run_all(one, [block_of(one, 24)])
        one.network.parameters[...] *= 0.5  # as a listener may
        drawn = np.random.default_rng(52).normal(size=(2 * one.network.chunk + 1, *trial.shape))
        many = drawn.astype(one.network.dtype)
        for x in (one.samples.x, many, many[:1]):
            pieces = list(one.session.outputs(x))
            actual = np.concatenate(pieces) if pieces else np.empty(0)
            expected = np.concatenate(list(one.network.forward_in_pieces(x)))
            _require_alike(case, f"{trial.name}: the array of outputs of {len(x):,} rows", actual, expected)


def agrees(case: Case, trial: Trial) -> None:
    """Fail unless a trial comes to the same state as on the NumPy engine."""
    actual, expected = final_state(case.component, trial), reference(trial)
    require(
        actual["updates"] == expected["updates"],
        f"{trial.name}: {actual['updates']} updates were made, not {expected['updates']}",
    )
    _require_alike(case, f"{trial.name}: θ", actual["parameters"], expected["parameters"])
    _require_alike(case, f"{trial.name}: the rule's state", actual["rule_state"], expected["rule_state"])
    for number, layer in enumerate(expected["layer_states"], 1):
        _require_alike(case, f"{trial.name}: the state of layer {number}", actual["layer_states"][number - 1], layer)


def _require_alike(case: Case, what: str, actual: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        require(set(actual) == set(expected), f"{what} should have {sorted(expected)}, got {sorted(actual)}")
        for name, value in expected.items():
            _require_alike(case, f"{what}, {name}", actual[name], value)
        return
    forms = [value.dtype if isinstance(value, np.ndarray) else type(value).__name__ for value in (actual, expected)]
    require(forms[0] == forms[1], f"{what} should be {forms[1]}, got {forms[0]}")
    require_close(what, actual, expected, case, getattr(expected, "dtype", np.float64))
