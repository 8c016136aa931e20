"""θ updated piece by piece: the same bits as all at once, and no state that a later update changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modnet.components.costs import Quadratic
from modnet.components.layers import Dense
from modnet.components.update_rules import Adam, AdamW, ClipByNorm, ClipByValue, Momentum, Plain, RmsProp
from modnet.core.interfaces import UpdateRule
from modnet.engines.numpy import updates
from modnet.engines.numpy.updates import Updater
from modnet.network.network import Network


def network(dtype: str) -> Network:
    return Network([Dense(units=7), Dense(units=5)], (30,), Quadratic(), dtype=dtype, rng=np.random.default_rng(1))


def updater(rule: UpdateRule, net: Network, monkeypatch: pytest.MonkeyPatch, *, pieces: bool) -> Updater:
    monkeypatch.setattr(updates, "IN_PIECES_FROM", 0 if pieces else 1 << 60)
    monkeypatch.setattr(updates, "PIECE_BYTES", 400)
    made = Updater(rule, net)
    assert bool(made._pieces) is (pieces and rule.elementwise and not isinstance(rule, Plain))
    return made


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "rule",
    [
        Plain(),
        Momentum(),
        RmsProp(),
        Adam(),
        AdamW(weight_decay=0.5),
        ClipByValue(rule="adam"),
        ClipByNorm(rule="adam"),
    ],
    ids=lambda rule: rule.kind,
)
def test_pieces_have_the_bits_of_the_whole(rule: UpdateRule, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nets = [network(dtype), network(dtype)]
    both = [updater(rule, net, monkeypatch, pieces=pieces) for net, pieces in zip(nets, (False, True), strict=True)]
    for seed in range(4):
        gradient = np.random.default_rng(seed).normal(size=nets[0].parameters.size).astype(dtype)
        for one in both:
            one.apply(gradient, 0.1, 0.7 if seed == 2 else None)
        np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
    whole, pieces = (one.copy_state() for one in both)
    assert whole.keys() == pieces.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, pieces[name])


def test_a_copied_state_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network("float64")
    made = updater(Adam(), net, monkeypatch, pieces=True)
    gradient = np.linspace(-1.0, 1.0, net.parameters.size)
    made.apply(gradient, 0.1, None)
    kept, theta = made.copy_state(), net.parameters.copy()
    expected: dict[str, Any] = {name: np.array(value) for name, value in kept.items()}
    found = []
    for _ in range(2):  # twice from the same state: neither run may have changed it
        made.restore(kept, 1)
        net.parameters[...] = theta
        made.apply(gradient, 0.1, None)
        found.append(net.parameters.copy())
        for name, value in expected.items():
            np.testing.assert_array_equal(kept[name], value)
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("pieces", [False, True])
def test_what_is_not_finite_is_found_in_every_piece_of_the_state(pieces: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network("float64")
    made = updater(Adam(), net, monkeypatch, pieces=pieces)
    assert sum(array.size for array in made.arrays()) == 2 * net.parameters.size
    start = made.copy_state()
    for place in (0, net.parameters.size - 1):
        gradient = np.zeros(net.parameters.size)
        made.restore(start, 0)
        gradient[place] = np.inf
        with np.errstate(invalid="ignore"):
            made.apply(gradient, 0.1, None)
        assert [np.isfinite(array).all() for array in made.arrays()].count(False) == 2  # of mean and mean_square
