"""``modnet dampening``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from modnet.analysis.gradients.gradient_flow import GradientFlow
from modnet.analysis.gradients.suggestions import Suggestion, to_overrides
from modnet.analysis.gradients.trials import Trial
from modnet.analysis.gradients.vanishing import Dampening, dampening
from modnet.analysis.plots.figure import file_format, save
from modnet.analysis.plots.gradients import flow_figure
from modnet.cli.options import configured, error_prefix, metric_text, read_config
from modnet.cli.output import progress_bar
from modnet.core.errors import ConfigError

__all__ = ["command"]

_WIDTH = 80
_SHOWN = 8
"""How many of the trials the text shows; the JSON has them all."""


@click.command("dampening")
@configured
@click.option("--samples", type=int, default=512, show_default=True, help="How many training samples go through.")
@click.option("--no-remedy", is_flag=True, help="Only say what is wrong; try nothing.")
@click.option("--plot", metavar="FILE", help="Draw the norms of δ, before and after: .svg, .png or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(
    config: str | None,
    settings: tuple[str, ...],
    epochs: str | None,
    seed: str | None,
    dtype: str | None,
    samples: int,
    no_remedy: bool,
    plot: str | None,
    as_json: bool,
) -> None:
    """Say how the error δ gets through a network (vanishing gradients), what is wrong, and what would help.

    CONFIG is a TOML file or a run folder; without it the network of the teaching document is looked into. A run is
    judged as it ended, a configuration by training it for as long as it asks for, up to some 5,000 updates.
    """
    if samples < 1:
        raise ConfigError(f"--samples {samples}: allowed: from 1")
    source: Any = config
    if config is None or not Path(config).is_dir():
        source = read_config(config, settings, epochs, seed, dtype)
    elif settings or epochs or seed or dtype:
        raise ConfigError(f"{config}: a run is as it was; --set, --epochs, --seed and --dtype go with a configuration")
    if plot is not None:
        file_format(plot)  # before the work, not after it
    with error_prefix(None if source is config else config), progress_bar() as progress:
        found = replace(dampening(source, samples=samples, suggest=not no_remedy, progress=progress), source=config)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        _print(found, settings)
    if plot is not None:  # last, so that the numbers come without matplotlib too
        save(flow_figure(found), plot)


def _print(found: Dampening, settings: tuple[str, ...]) -> None:
    click.echo(click.wrap_text(found.verdict, _WIDTH))
    _print_flow("At the start", found.start)
    if found.end is not None:
        after = "At the end of the run" if found.trial is None else f"After {found.trial.updates:,} updates"
        _print_flow(after, found.end)
    notes = (
        f"‖δ‖: the mean over {found.samples} training samples. ratio: to the next layer's ‖δ‖; it is at most the "
        "layer's largest σ′ times ‖W‖, the largest singular value of the next layer's weights. σ′: the mean. "
        "Δθ/θ: how much one update changes the layer. dead: neurons that no error gets past."
    )
    click.echo(f"\n{click.wrap_text(notes, _WIDTH)}")
    if found.suggestion is not None:
        _print_remedy(found, found.suggestion, settings)


def _print_flow(title: str, flow: GradientFlow) -> None:
    names = ("layer", "σ", "neurons", "‖δ‖", "ratio", "σ′", "next ‖W‖", "Δθ/θ", "saturated", "dead")
    rows = [
        (
            str(layer.number),
            layer.activation or layer.kind,
            str(layer.units),
            *map(_short, (layer.delta, layer.ratio, layer.slope, layer.weights, layer.update)),
            f"{layer.saturated:.0%}",
            str(len(layer.dead)),
        )
        for layer in flow.layers
    ]
    _print_table(title, names, rows)


def _print_remedy(found: Dampening, remedy: Suggestion, settings: tuple[str, ...]) -> None:
    best = sorted(remedy.tried, key=lambda trial: (-trial.updates, -trial.score))[:_SHOWN]
    figure = remedy.before.metric
    rows = [
        (
            _change(trial),
            f"{trial.updates:,}",
            "diverged" if trial.value is None else metric_text(figure, trial.value),
        )
        for trial in (remedy.before, *best)
    ]
    judged = (
        f"judged by {remedy.held_out} held-out training samples" if remedy.held_out else "judged by what they learnt"
    )
    _print_table(f"{len(remedy.tried)} changes were tried, {judged}; the best", ("change", "updates", figure), rows)
    if remedy.patch is None:
        click.echo("\nNothing that was tried helps.")
        return
    place = "" if found.source is None else f" {_config_of(found.source)}"
    every = [shlex.quote(setting) for setting in (*settings, *to_overrides(remedy.patch))]
    click.echo("\nWhat would help:\n")
    click.echo(" \\\n  ".join([f"modnet train{place}", *(f"--set {setting}" for setting in every)]))


def _print_table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for name in names:
        text = name in ("σ", "change")
        table.add_column(name, justify="left" if text else "right", no_wrap=name != "change")
    for row in rows:
        table.add_row(*row)
    click.echo(f"\n{title}")
    Console(width=_WIDTH).print(table)


def _config_of(source: str) -> str:
    return str(Path(source) / "config.toml") if Path(source).is_dir() else source


def _change(trial: Trial) -> str:
    """Return a patch in few words: a kind that several layers get is named once."""
    words: dict[str, None] = {}
    for key, value in trial.patch.items():
        words[f"{key.rpartition('.')[2].replace('_', ' ')} {value}"] = None
    return ", ".join(words) or "none"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
