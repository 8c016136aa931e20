"""``modnet verify-resume``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np

from modnet.cli.options import configured, read_config
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError, ModnetError
from modnet.core.interfaces import Callback
from modnet.core.plugins import disabled
from modnet.storage.checkpoint import Checkpoint
from modnet.storage.model_file import load
from modnet.storage.run_folder import RunFolder
from modnet.storage.state_codec import Tree
from modnet.testing.numeric import tree_diff
from modnet.training.state import State
from modnet.training.trainer import with_progress

__all__ = ["command"]


@click.command("verify-resume")
@configured
@click.option("--times", type=click.IntRange(min=1), default=3, show_default=True, help="How often to interrupt.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(
    config: str | None,
    settings: tuple[str, ...],
    epochs: str | None,
    seed: str | None,
    dtype: str | None,
    times: int,
    as_json: bool,
) -> None:
    """Prove on CONFIG that an interrupted training ends in every bit as one that is not interrupted.

    One process trains. Others do the same, each interrupted after an update that the seed draws, and the next one goes
    on. Parameters, state of the rule, memory and history are compared. The status is 1 where something differs.
    """
    run_config = _with_last_checkpoint(read_config(config, settings, epochs, seed, dtype))
    if run_config.epochs == 0:
        raise ConfigError("epochs: 0 leaves nothing to interrupt; allowed: 1 or more")
    with tempfile.TemporaryDirectory(prefix="modnet-") as folder:
        whole, again, file = Path(folder, "whole"), Path(folder, "again"), Path(folder, "config.toml")
        file.write_text(run_config.to_toml(), encoding="utf-8")
        with _named(str(file), config):
            _train(str(file), "--out", str(whole))
            updates = State.of(RunFolder(whole).latest()).now.updates
            points = _points(run_config, times, updates)
            start = [str(file), "--out", str(again)]
            for point in points:
                _train(*start, "--interrupt-after", str(point))
                start = ["--resume", str(again)]
            _train(*start)
        one, other = (_left_in(RunFolder(each)) for each in (whole, again))
    differing = tree_diff(one, other)
    if as_json:
        said = {"same": not differing, "interrupted_after": points, "updates": updates, "differences": differing}
        click.echo(json.dumps(said))
    else:
        click.echo(_sentence(points, updates, differing))
    if differing:
        raise click.exceptions.Exit(1)


def _with_last_checkpoint(config: RunConfig) -> RunConfig:
    """Return the configuration with checkpoints, the last of which tells how a training ended, and no progress."""
    config = with_progress(config, shown=False)
    if all(callback.kind != "checkpoint" for callback in config.callbacks):
        config = config.model_copy(update={"callbacks": (*config.callbacks, Callback.resolve("checkpoint"))})
    return config


@contextmanager
def _named(file: str, config: str | None) -> Iterator[None]:
    """Let errors name the user's configuration, and not our copy of it."""
    try:
        yield
    except ModnetError as error:
        raise ModnetError(str(error).replace(f"{file}: ", "" if config is None else f"{config}: ")) from None


def _train(*arguments: str) -> None:
    """Train in a process of its own, to the end or to where it is to be interrupted.

    Raises:
        ModnetError: it fails.
    """
    without = [f"--no-plugin={name}" for name in disabled.on_command_line()]
    command = [sys.executable, "-m", "modnet", *without, "train", "--quiet", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- it is our own command
    wanted = 130 if "--interrupt-after" in arguments else 0
    if ended.returncode not in (0, wanted):  # an update that never comes is one that nothing interrupts
        lines = ended.stderr.strip().splitlines() or [f"the training ended with status {ended.returncode}"]
        raise ModnetError(lines[-1].removeprefix("modnet: "))


def _points(config: RunConfig, times: int, updates: int) -> list[int]:
    """Return after which updates to interrupt; where there are none, at the end of the first epochs."""
    if updates == 0:
        return [0] * min(times, config.epochs - 1)
    drawn = np.random.default_rng(config.seed).choice(np.arange(1, updates + 1), min(times, updates), replace=False)
    return sorted(drawn.tolist())


def _left_in(folder: RunFolder) -> Tree:
    """Return all that a run is to be compared by."""
    last: Checkpoint = folder.latest()
    state = State.of(last)
    return {
        "θ": last.network.parameters,
        "finished θ": load(folder.path).parameters,
        "layers": [layer.state for layer in last.network.layers],
        "rule": state.now.rule_state,
        "updates": state.now.updates,
        "randomness": [state.order, *state.now.layer_randomness],
        "memory": state.memory,
        "listeners": [each.plain() for each in state.listeners if each.kind != "checkpoint"],  # it lists its files
        "history": [_timeless(row) for row in state.history],
        "stopped": state.stopped,
    }


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "seconds"}


def _sentence(points: list[int], updates: int, differing: list[str]) -> str:
    places = ", ".join(f"{point:,}" for point in points)
    start = f"Interrupted after update {places} of {updates:,}, and gone on with in new processes: "
    if not differing:
        return f"{start}every bit of θ, the rule's state, memory and history is the same."
    more = f" and {len(differing) - 10} more" if len(differing) > 10 else ""
    return f"{start}not the same are {', '.join(differing[:10])}{more}."
