"""``modnet train``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from modnet.cli.options import configured, figure_text, naming, read_config
from modnet.components.families import Callback
from modnet.config import RunConfig
from modnet.trainer import Run, Trainer

__all__ = ["command"]


@click.command("train")
@configured
@click.option("--out", metavar="DIR", help="The run folder, new or empty; without it a new one in runs/.")
@click.option("--quiet", is_flag=True, help="No progress, only the sentence at the end.")
def command(
    config: str | None,
    settings: tuple[str, ...],
    epochs: str | None,
    seed: str | None,
    dtype: str | None,
    out: str | None,
    quiet: bool,
) -> None:
    """Train a network and keep it in a run folder.

    CONFIG is a TOML file; without it the network of the teaching document is trained on the embedded digits.
    """
    run_config = read_config(config, settings, epochs, seed, dtype)
    callbacks = [callback for callback in run_config.callbacks if not (quiet and callback.kind == "progress")]
    if not quiet and all(callback.kind != "progress" for callback in callbacks):
        callbacks.append(Callback.resolve("progress"))
    run_config = run_config.model_copy(update={"callbacks": tuple(callbacks)})
    with naming(config):
        run = Trainer(run_config).fit(out=out or _new_folder(run_config))
    click.echo(_summary(run))


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
    figures = run.test or run.judge(part)
    best = "accuracy" if "accuracy" in figures else "cost"
    epochs = f"{len(run.history)} epoch{'s' if len(run.history) != 1 else ''} and {run.updates:,} updates"
    reached = f"{'training' if part == 'train' else part} {best} {figure_text(best, figures[best])}"
    if best == "accuracy":
        reached += f" ({round(figures[best] * len(run.samples[part]))} of {len(run.samples[part])})"
    stopped = f" (stopped: {run.stopped})" if run.stopped else ""
    return f"Reached {reached} after {epochs} in {run.seconds:.1f} s{stopped}; the run is in {run.folder}."
