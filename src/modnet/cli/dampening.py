"""``modnet dampening``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from modnet.analysis.gradients.gradient_flow import GradientFlow
from modnet.analysis.gradients.suggestions import Suggestion, change_text, to_overrides
from modnet.analysis.gradients.vanishing import Dampening, dampening
from modnet.analysis.open_run import OpenRun
from modnet.analysis.plots.figure import save
from modnet.analysis.plots.gradients import flow_figure
from modnet.cli.common.options import data_options, file_option, json_option, number_option
from modnet.cli.common.other_data import OtherData
from modnet.cli.common.output import print_json, print_table, print_text, progress_bar
from modnet.cli.common.source import Source, source_options
from modnet.core.errors import ConfigError
from modnet.core.messages import shell_word
from modnet.core.numbers import format_number
from modnet.data.files import is_folder
from modnet.training.result import metric_text

_WIDTH = 80
_SHOWN = 8  # trials in the text; the JSON has all of them
_NOTES = (
    "‖δ‖: the mean over {:,} training samples. ratio: to ‖δ‖ of the next layer; it is at most the layer's largest σ′ "
    "times ‖W‖, the spectral norm of the next layer's weights. σ′: the mean. Δθ/θ: the relative change of the layer's "
    "parameters in one update. saturated: the share of saturated neurons. dead: neurons through which no error passes."
)


@click.command("dampening")
@source_options
@data_options
@number_option("--samples", 512, "Number of training samples to compute δ from.")
@click.option("--no-suggestion", is_flag=True, help="Only diagnose; try no changes.")
@file_option("--plot", "Plot ‖δ‖ of each layer to this .svg, .png or .pdf file.")
@json_option
def command(
    source: Source, other: OtherData, samples: int, no_suggestion: bool, plot: str | None, as_json: bool
) -> None:
    """Diagnose vanishing gradients and suggest a fix.

    CONFIG is a TOML file or a run folder; the default is the network of the teaching document. The norm of the error
    δ is computed layer by layer ("gradient dampening" in the document). A run is evaluated as it ended; a
    configuration is first trained for the epochs that it asks for, up to about 5,000 updates. Changes are tried in
    short trainings: for a fix, or to see whether the network is far behind what they give.
    """
    run = source.run_path()
    if run is not None and not is_folder(run):
        raise ConfigError(f"{run}: is a model file, without a history; allowed: a run folder or a TOML file")
    opened = None if run is None else other.use_for(OpenRun(run))
    config = source.config() if opened is None else opened.folder_config
    with source.error_prefix(), progress_bar() as progress:
        data = other.load(config.data) if opened is None else None
        subject = opened or config
        diagnosis = dampening(subject, samples=samples, data=data, suggest=not no_suggestion, progress=progress)
    diagnosis = replace(diagnosis, source=source.path)
    if as_json:
        print_json(diagnosis)
    else:
        _print(diagnosis, source, in_memory=config.data.kind == "memory")
    if plot is not None:
        save(flow_figure(diagnosis), plot)


def _print(diagnosis: Dampening, source: Source, *, in_memory: bool) -> None:
    print_text(click.wrap_text(diagnosis.verdict, _WIDTH))
    _print_flow("At the start", diagnosis.start)
    if diagnosis.end is not None:
        after = "At the end of the run" if diagnosis.trial is None else f"After {diagnosis.trial.updates:,} updates"
        _print_flow(after, diagnosis.end)
    print_text(f"\n{click.wrap_text(_NOTES.format(diagnosis.samples), _WIDTH)}")
    if diagnosis.suggestion is not None:
        _print_suggestion(diagnosis.suggestion, source, in_memory=in_memory, well=not diagnosis.diagnoses)


def _print_flow(title: str, flow: GradientFlow) -> None:
    columns = ("layer", "σ", "neurons", "‖δ‖", "ratio", "σ′", "next ‖W‖", "Δθ/θ", "saturated", "dead")
    rows = [
        (
            str(layer.number),
            layer.activation or layer.kind,
            f"{layer.units:,}",
            *map(_short, (layer.delta, layer.ratio, layer.slope, layer.weights, layer.update)),
            f"{layer.saturated:.0%}",
            str(len(layer.dead)),
        )
        for layer in flow.layers
    ]
    print_table(f"\n{title}", columns, rows, text=["σ"], gap=1)


def _print_suggestion(suggestion: Suggestion, source: Source, *, in_memory: bool, well: bool) -> None:
    best = sorted(suggestion.tried, key=lambda trial: (-trial.updates, -trial.score))[:_SHOWN]
    metric = suggestion.before.metric
    rows = [
        (
            change_text(trial.patch),
            f"{trial.updates:,}",
            "diverged" if trial.value is None else metric_text(metric, trial.value),
        )
        for trial in (suggestion.before, *best)
    ]
    samples = f"{suggestion.held_out:,} held-out" if suggestion.held_out else "the"
    title = f"\nThe best of {len(suggestion.tried)} changes, evaluated on {samples} training samples"
    print_table(title, ("change", "updates", metric.replace("_", " ")), rows, text=["change"])
    if suggestion.patch is None:
        print_text("\nNone of the changes is better by a wide margin." if well else "\nNone of the changes helps.")
        return
    path = Path(source.path, "config.toml") if source.is_run and source.path else source.path
    changes = [*source.changes, *to_overrides(suggestion.patch)]
    print_text("\nSuggested fix:\n")
    print_text(_fix(None if path is None else str(path), changes, in_memory=in_memory))


def _fix(path: str | None, changes: list[str], *, in_memory: bool) -> str:
    """Return the command that trains with changes; in Python where the samples were given there."""
    if in_memory:
        return f"modnet.Trainer(modnet.load_config({path!r}, {changes!r})).fit(x, y)"
    command = " ".join(["modnet train", *([shell_word(path)] if path else [])])
    return " \\\n  ".join([command, *(f"--set {shell_word(change)}" for change in changes)])


def _short(value: float | None) -> str:
    return "" if value is None else format_number(value, 2)
