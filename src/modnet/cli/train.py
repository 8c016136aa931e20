"""``modnet train``."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

import click

from modnet.cli.common.completing import complete_folders, complete_runs
from modnet.cli.common.output import mute, print_result, unmute
from modnet.cli.common.source import Source, source_options
from modnet.config.load import load_config
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError, Interrupted, ProcessError
from modnet.core.interfaces import Engine
from modnet.core.messages import counted, log_warning, shell_word, warn
from modnet.engines.processes.cluster import processes_started
from modnet.storage.atomic import file_errors
from modnet.storage.run_folder import RunFolder
from modnet.training.continuation import engine_of
from modnet.training.result import Run, main_metric, metric_text, part_name
from modnet.training.trainer import Trainer, with_progress


@click.command("train")
@source_options
@click.option(
    "--out",
    metavar="DIR",
    shell_complete=complete_folders,
    help="The run folder, new or empty.  [default: a new folder in runs/]",
)
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=complete_runs,
    help="Resume the run in this folder, or from this checkpoint of a run.",
)
@click.option(
    "--allow-other-engine",
    is_flag=True,
    help="Resume although engine, threads or versions differ; the result will, too, at least in its last bits.",
)
@click.option("--quiet", is_flag=True, help="Print only the result, no progress.")
def command(source: Source, out: str | None, resume: str | None, allow_other_engine: bool, quiet: bool) -> None:
    """Train a network.

    CONFIG is a TOML file; the default is the network of the teaching document on the embedded digits. The run folder
    holds configuration, history and model. Ctrl-C writes a checkpoint, from which --resume continues; with --resume,
    --epochs may extend the training, and --set engine=KIND continue it on another engine.
    """
    try:
        if resume is not None:
            run = _resume(resume, source, out, allow_other_engine=allow_other_engine, quiet=quiet)
        elif allow_other_engine:
            raise ConfigError("--allow-other-engine: applies only to a training that is resumed, with --resume")
        else:
            config = with_progress(source.config(), shown=not quiet)
            with source.error_prefix():
                is_primary = _is_primary(config.engine)
                with _new_folder(config) if is_primary and not out else nullcontext(out or "runs") as folder:
                    run = Trainer(config).fit(out=folder)
    except Interrupted as interruption:
        warn(_interrupted(interruption))
        raise click.exceptions.Exit(128 + (interruption.signal or signal.SIGINT)) from None
    except ProcessError as error:
        (mute if error.is_shown_elsewhere else unmute)()
        raise
    if run.config.engine.process_group().primary:
        print_result(_summary(run))
        _warn_of_problem(run)


def _resume(path: str, source: Source, out: str | None, *, allow_other_engine: bool, quiet: bool) -> Run:
    allowed = {"--epochs"}
    if all(setting.startswith("engine") for setting in source.settings):
        allowed.add("--set")
    given = [name for name in [*source.given, *(["--out"] if out else [])] if name not in allowed]
    if given:
        raise ConfigError(
            f"--resume {path}: cannot be combined with {given[0]}; allowed: --epochs, and --set of the engine"
        )
    engine = engine_of(RunFolder.holding(path))
    if source.settings:  # options are those of the run's engine
        kept = engine.model_dump(exclude_defaults=True) | {"kind": engine.kind}
        engine = load_config({"engine": kept}, source.settings).engine
    _is_primary(engine)
    return Trainer.resume(
        path,
        epochs=replace(source, settings=()).config().epochs if source.shortcuts["epochs"] else None,
        engine=engine if source.settings else None,
        allow_other_engine=allow_other_engine,
        progress=not quiet,
    )


def _is_primary(engine: Engine) -> bool:
    """Return whether this is the process that shows what happens; any other prints nothing from here on."""
    group = engine.process_group()
    if not group.primary:
        mute()
    _warn_if_apart(engine)
    return group.primary


def _warn_if_apart(engine: Engine) -> None:
    """Warn where processes were started together, and the engine knows nothing of that."""
    index, processes = processes_started()
    if index == 0 and processes > 1 and type(engine).process_group is Engine.process_group:
        together = f"{processes} processes were started together, but"
        log_warning(
            f"{together} the engine '{engine.kind}' trains in each by itself; others train one network together"
        )


def _interrupted(interruption: Interrupted) -> str:
    updates = counted(interruption.updates, "update")
    if interruption.checkpoint is None:
        return f"interrupted after {updates}"
    run = shell_word(str(interruption.checkpoint.parent.parent))
    how = "" if interruption.processes == 1 else f" {interruption.processes} processes"
    return f"interrupted after {updates}; resume with{how}: modnet train --resume {run}"


@contextmanager
def _new_folder(config: RunConfig) -> Iterator[Path]:
    """Make a folder in runs/, named by the dataset and the time, that no other process has; it goes if it stays empty.

    Raises:
        ModelFileError: it cannot be made.
    """
    base = Path("runs") / f"{config.data.kind}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    for number in count(1):
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
        with file_errors(folder, "cannot be made"):
            try:
                folder.mkdir(parents=True)  # of several processes one succeeds
            except FileExistsError:
                if not folder.exists():  # runs is a file
                    raise
            else:
                break
    try:
        yield folder
    finally:
        with suppress(OSError):
            folder.rmdir()
            folder.parent.rmdir()


def _summary(run: Run) -> str:
    """Return one sentence with the result of the run and its folder."""
    part = _part(run)
    metrics = run.test or run.evaluate(part)
    best, remarks = main_metric(metrics), []
    epochs = f"{counted(len(run.history), 'epoch')} and {counted(run.updates, 'update')}"
    reached = f"{part_name(part)} {best} {metric_text(best, metrics[best])}"
    if best == "accuracy":
        count = len(run.samples[part])
        remarks = [f"{round(metrics[best] * count):,} of {count:,}"] if run.samples[part].weights is None else []
        remarks += filter(None, [run.scores(part).remark(run.network.classes)])
    if remarks:
        reached += f" ({'; '.join(remarks)})"
    stopped = f" (stopped: {run.stopped})" if run.stopped else ""
    device = f" on {run.engine['device']}" if "device" in run.engine else ""
    return f"Reached {reached} after {epochs} in {run.seconds:.1f} s{device}{stopped}; the run is in {run.folder}."


def _part(run: Run) -> str:
    return next(name for name in ("test", "validation", "train") if name in run.samples)


def _warn_of_problem(run: Run) -> None:
    """Warn of why the network has not learnt, as the training samples show it."""
    problem = run.problem()
    if problem is not None and run.updates:
        log_warning(f"{problem.text}; what would help: modnet dampening {shell_word(str(run.folder))}")
