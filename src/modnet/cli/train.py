"""``modnet train``."""

from __future__ import annotations

import shlex
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from modnet.cli.options import configured, error_prefix, metric_text, read_config
from modnet.config.load import load_config
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError, Interrupted
from modnet.training.run import Run
from modnet.training.trainer import Trainer, with_progress

__all__ = ["command"]


@click.command("train")
@configured
@click.option("--out", metavar="DIR", help="The run folder, new or empty; without it a new one in runs/.")
@click.option(
    "--resume",
    metavar="RUN",
    help="Go on with the interrupted run in this folder, or from one checkpoint of it; --epochs may ask for more.",
)
@click.option("--quiet", is_flag=True, help="No progress, only the sentence at the end.")
def command(
    config: str | None,
    settings: tuple[str, ...],
    epochs: str | None,
    seed: str | None,
    dtype: str | None,
    out: str | None,
    resume: str | None,
    quiet: bool,
) -> None:
    """Train a network and keep it in a run folder.

    CONFIG is a TOML file; without it the network of the teaching document is trained on the embedded digits. Ctrl-C
    has a checkpoint written, from which --resume goes on.
    """
    try:
        if resume is not None:
            given = {"CONFIG": config, "--set": settings, "--seed": seed, "--dtype": dtype, "--out": out}
            run = _go_on(resume, given, epochs, quiet=quiet)
        else:
            run_config = with_progress(read_config(config, settings, epochs, seed, dtype), shown=not quiet)
            with error_prefix(config):
                run = Trainer(run_config).fit(out=out or _new_folder(run_config))
    except Interrupted as interruption:
        click.echo(f"modnet: {_told(interruption)}", err=True)
        raise click.exceptions.Exit(128 + (interruption.signal or signal.SIGINT)) from None
    click.echo(_summary(run))


def _go_on(path: str, given: dict[str, Any], epochs: str | None, *, quiet: bool) -> Run:
    beside = next((name for name, value in given.items() if value), None)
    if beside is not None:
        raise ConfigError(f"--resume {path}: {beside} cannot stand beside it; a run goes on as it was configured")
    more = None if epochs is None else load_config(None, [f"epochs={epochs}"]).epochs
    return Trainer.resume(path, epochs=more, progress=not quiet)


def _told(interruption: Interrupted) -> str:
    """Return what became of the training, and how to go on."""
    updates = f"{interruption.updates:,} update{'' if interruption.updates == 1 else 's'}"
    if interruption.checkpoint is None:
        return f"interrupted after {updates}"
    run = shlex.quote(str(interruption.checkpoint.parent.parent))
    return f"interrupted after {updates}; go on with: modnet train --resume {run}"


def _new_folder(config: RunConfig) -> Path:
    """Return a folder in runs/ that is not there yet, named by the dataset and the time."""
    base = Path("runs") / f"{config.data.kind}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    folder, number = base, 1
    while folder.exists():
        number += 1
        folder = base.with_name(f"{base.name}-{number}")
    return folder


def _summary(run: Run) -> str:
    """Return what the run reached and where it is, in one sentence."""
    part = next(name for name in ("test", "validation", "train") if name in run.samples)
    figures = run.test or run.evaluate(part)
    best = "accuracy" if "accuracy" in figures else "cost"
    epochs = f"{len(run.history)} epoch{'s' if len(run.history) != 1 else ''} and {run.updates:,} updates"
    reached = f"{'training' if part == 'train' else part} {best} {metric_text(best, figures[best])}"
    if best == "accuracy":
        reached += f" ({round(figures[best] * len(run.samples[part]))} of {len(run.samples[part])})"
    stopped = f" (stopped: {run.stopped})" if run.stopped else ""
    return f"Reached {reached} after {epochs} in {run.seconds:.1f} s{stopped}; the run is in {run.folder}."
