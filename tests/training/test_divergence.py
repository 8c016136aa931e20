"""Where a training leaves the finite numbers, it stops at that very update, names it, and goes back to before it.

A net of sigmoids may saturate at any rate and stay finite; then its run ends as any other. Which is which, and at what
update and layer, a plain loop says (`diverging.descend`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cli.running import runner
from components.callbacks.strangers import Watch, installed
from training.diverging import NETS, OPTIMIZERS, RULES, agree, configuration, samples

from modnet import DataError, Trainer

DTYPES = ("float64", "float32")

each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)
fast_nets = ("saturating", "open")
each_net = pytest.mark.parametrize(
    "net", [net if net in fast_nets else pytest.param(net, marks=pytest.mark.soak) for net in NETS]
)
each_seed = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 11))])


@pytest.fixture(autouse=True)
def _watch() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch):
        yield


@each_optimizer
@each_net
@each_seed
def test_rates_far_too_high(seed: int, net: str, optimizer: str) -> None:
    diverged = [
        agree(configuration(net, optimizer, rule, rate, dtype), *samples(net, dtype, seed))
        for rule, rate, dtype in itertools.product(RULES, (1e6, 1e30), DTYPES)
    ]
    # Outputs that saturate keep every figure finite; where they do not, not every rate can.
    assert any(diverged) is (net not in ("saturating", "classes"))


@each_optimizer
@each_net
@each_seed
def test_data_far_too_large(seed: int, net: str, optimizer: str) -> None:
    diverged, which = [], "xy" if NETS[net][1] == "quadratic" else "x"
    sizes = [("float64", 1e100), ("float64", 1e300), ("float32", 1e12), ("float32", 1e30)]
    for rule, name, (dtype, size) in itertools.product(RULES, which, sizes):
        x, y = samples(net, dtype, seed)
        (x if name == "x" else y)[...] *= size
        diverged.append(agree(configuration(net, optimizer, rule, 0.1, dtype), x, y))
    assert any(diverged) is (net != "classes")


@pytest.mark.parametrize("name", ["x", "y"])
def test_data_that_the_dtype_cannot_hold_is_refused_before_any_update(name: str) -> None:
    data = dict(zip("xy", samples("open"), strict=True))
    data[name] *= 1e300
    with pytest.raises(DataError, match=f"{name}.*float32"):
        Trainer.from_config(configuration("open", "batch", "plain", 0.1, "float32")).fit(**data)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rate", ["1e6", "1e30"])
def test_the_command_fails_in_one_line_and_leaves_no_model(
    rule: str, rate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    layer = "kind='dense', initializer='standard-normal', bias_initializer='standard-normal'"
    layers = f"[{{{layer}, units=8, activation='relu'}}, {{{layer}, units=10, activation='identity'}}]"
    settings = (f"network.layers={layers}", f"optimizer={{rule='{rule}', learning_rate={rate}}}", "dtype=float32")
    arguments = itertools.chain.from_iterable(("--set", setting) for setting in settings)
    result = runner(monkeypatch, capsys)("train", "--epochs", 2, *arguments, "--out", "run")
    assert result.code == 1
    assert result.err.startswith("modnet: epoch 1, update ")
    assert result.err.count("\n") == 1
    assert not Path("run", "model.safetensors").exists()


@pytest.mark.parametrize("rule", RULES)
def test_the_command_ends_well_where_a_net_only_saturates(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    optimizer = f"optimizer={{rule='{rule}', learning_rate=1e30}}"
    result = runner(monkeypatch, capsys)("train", "--epochs", 1, "--set", optimizer, "--out", "run")
    assert (result.code, result.err) == (0, "")
    history = Path("run", "history.jsonl").read_text()
    assert "NaN" not in history
    assert "Infinity" not in history


def test_the_loop_knows_a_rate_that_is_right() -> None:
    """Which it would not, were it to cry at everything."""
    for net, optimizer, rule in itertools.product(NETS, ["mini-batch"], RULES):
        x, y = samples(net)
        assert not agree(configuration(net, optimizer, rule, 1e-3), np.clip(x, -1, 1), y)
