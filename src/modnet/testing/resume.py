"""Whether an interrupted and resumed training ends as an uninterrupted one, in every bit."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from modnet.config.load import ConfigSource, load_config
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError, Interrupted, ModnetError
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.messages import epoch_number
from modnet.core.plugins import disabled
from modnet.core.plugins.hookspecs import hookimpl
from modnet.storage.model_file import load
from modnet.storage.run_folder import RunFolder
from modnet.testing.case import temporarily_registered
from modnet.testing.numeric import tree_diff
from modnet.testing.report import ConformanceError
from modnet.training.result import Run
from modnet.training.trainer import Trainer, with_progress

__all__ = ["Interrupt", "ResumeReport", "check_resume"]


Point: TypeAlias = tuple[int, int]
"""A position at which a training can be interrupted: completed epochs, and updates since the start."""


class Interrupt(Callback):
    """Notes where a training can be interrupted, and interrupts it at one point as the signal SIGTERM does."""

    kind: Literal["interrupt"] = "interrupt"
    points: ClassVar[list[Point]] = []
    stop_at: ClassVar[Point | None] = None

    def listener(self) -> object:
        """Return what is called at these points."""
        return _Interrupter()


class _Interrupter:
    @hookimpl
    def modnet_checkpoint_due(self, training: TrainingView) -> None:
        if not training.ended:
            point = training.epochs, training.updates
            Interrupt.points.append(point)
            if point == Interrupt.stop_at:
                signal.raise_signal(signal.SIGTERM)


@dataclass(frozen=True)
class ResumeReport:
    """How a resumed training compares with an uninterrupted one.

    Attributes:
        updates: The number of updates of the uninterrupted training.
        interrupted_after: After how many updates the other one was interrupted, each time.
        differences: What is not the same in every bit, as paths such as ``history.1.cost``, in which rows are counted
            from 0; empty if all is.
    """

    updates: int
    interrupted_after: tuple[int, ...]
    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no difference."""
        return not self.differences

    def raise_for_failures(self) -> None:
        """Do nothing if there is no difference.

        Raises:
            ConformanceError: naming the differences.
        """
        if not self.ok:
            raise ConformanceError(str(self))

    def __str__(self) -> str:
        places = ", ".join(f"{updates:,}" for updates in self.interrupted_after)
        start = f"Interrupted after update {places} of {self.updates:,} and resumed in new processes: "
        if self.ok:
            return f"{start}every bit of θ, the states of rule, optimizer and callbacks, and the history is the same."
        more = f" and {len(self.differences) - 10} more" if len(self.differences) > 10 else ""
        return f"{start}there are differences in {', '.join(map(_place, self.differences[:10]))}{more}."


def _place(path: str) -> str:
    """Return a path for people: ``history.0.cost`` is the cost of epoch 1."""
    return re.sub(r"^history\.(\d+)\.(.+)", lambda found: f"{found[2]} of epoch {epoch_number(int(found[1]))}", path)


def check_resume(config: ConfigSource = None, *, times: int = 3) -> ResumeReport:
    """Train once without and once with interruptions, and compare the results bit by bit.

    One process makes the uninterrupted training. The other training is interrupted ``times`` times, at the ends of
    blocks or epochs that are sampled at random with the configuration's seed, and resumed in a new process each time.
    Compared are the finished network and the last checkpoint: parameters, the states of layers, rule, optimizer,
    random generators and callbacks, and the history, its seconds aside. Components of installed plug-ins can be used.

    Args:
        config: Whatever `modnet.load_config` takes; it must name its data.
        times: How often to interrupt; less often if the training has fewer blocks.

    Raises:
        ConfigError: the configuration is wrong, does not fit the data, or has too few epochs to be interrupted.
        ModnetError: a training failed.
    """
    base = with_progress(load_config(config).alone(), shown=False)
    if all(callback.kind != "checkpoint" for callback in base.callbacks):  # the last one holds the final state
        base = base.model_copy(update={"callbacks": (*base.callbacks, Callback.resolve("checkpoint"))})
    with tempfile.TemporaryDirectory(prefix="modnet-") as folder:
        whole, resumed = Path(folder, "whole"), Path(folder, "resumed")
        outcome = _train(base, whole)
        updates, points = outcome["updates"], list(dict.fromkeys(map(tuple, outcome["points"])))
        if not points:
            raise ConfigError(f"epochs: {base.epochs} leaves no point at which to interrupt; allowed: more epochs")
        rng = np.random.default_rng(base.seed)
        chosen = sorted(rng.choice(len(points), min(times, len(points)), replace=False).tolist())
        interrupted_after: list[int] = []
        for stop_at in [*(points[index] for index in chosen), None]:
            outcome = _train(None if interrupted_after else base, resumed, stop_at)
            if not outcome["interrupted"]:
                break
            interrupted_after.append(outcome["updates"])
        return ResumeReport(updates, tuple(interrupted_after), tuple(tree_diff(_final(whole), _final(resumed))))


def _train(config: RunConfig | None, folder: Path, stop_at: Point | None = None) -> dict[str, Any]:
    """Train in a process of its own by a configuration, or resume the run in the folder if that is None.

    Returns:
        How many ``updates`` were made, whether the training was ``interrupted``, and the ``points`` at which it could
        be.

    Raises:
        ModnetError: the training failed.
    """
    task = {
        "config": config and config.to_toml(),
        "folder": str(folder),
        "stop_at": stop_at,
        "disabled": disabled.on_command_line(),
    }
    paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100 -- '' is the current folder
    process = subprocess.run(
        [sys.executable, "-c", "from modnet.testing.resume import _main; _main()"],
        input=json.dumps(task),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        lines = process.stderr.strip().splitlines() or [f"the training ended with status {process.returncode}"]
        raise (ConfigError if process.returncode == 2 else ModnetError)(lines[-1])
    outcome: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return outcome


@disabled.command_line()
def _main() -> None:
    """Do the task on standard input, and print its outcome."""
    task = json.load(sys.stdin)
    Interrupt.stop_at = task["stop_at"] and tuple(task["stop_at"])
    disabled.add_to_command_line(task["disabled"])
    with temporarily_registered(Interrupt):
        try:
            training: Run | Interrupted
            if task["config"] is None:
                training = Trainer.resume(task["folder"])
            else:
                config = load_config(tomllib.loads(task["config"]))
                config = config.model_copy(update={"callbacks": (*config.callbacks, Interrupt())})
                training = Trainer(config, checks=False).fit(out=task["folder"])
        except Interrupted as interruption:
            training = interruption
        except Exception as error:  # whatever a component raises
            kind = [] if isinstance(error, ModnetError) else [f"{type(error).__name__}:"]
            print(*kind, *str(error).split(), *getattr(error, "__notes__", ()), file=sys.stderr)
            sys.exit(2 if isinstance(error, ConfigError) else 1)
    interrupted = isinstance(training, Interrupted)
    print(json.dumps({"updates": training.updates, "interrupted": interrupted, "points": Interrupt.points}))


def _final(path: Path) -> dict[str, Any]:
    """Return what is compared of a run."""
    with temporarily_registered(Interrupt):
        folder = RunFolder(path)
        checkpoint, model = folder.latest(), load(path)
    state = {name: value for name, value in checkpoint.state.items() if name != "seconds"}
    state["history"] = [{name: value for name, value in row.items() if name != "seconds"} for row in checkpoint.history]
    config = checkpoint.network.config
    others = {callback.kind for callback in (config.callbacks if config else ()) if not callback.reproducible}
    state["listeners"] = [entry for entry in state["listeners"] if entry["kind"] not in others]
    layers = [layer.state for layer in checkpoint.network.layers]
    return {"θ": checkpoint.network.parameters, "model θ": model.parameters, "layers": layers, **state}
