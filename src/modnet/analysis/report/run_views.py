"""How a notebook shows a run: a table of what it reached, and its learning curves."""

from __future__ import annotations

from modnet.analysis.html_table import html_table, html_text
from modnet.analysis.plots.figure import Figure, render
from modnet.analysis.plots.learning_curves import picture_of_curves
from modnet.analysis.results.learning_curves import learning_curves
from modnet.analysis.results.predictions import PARTS
from modnet.analysis.summary import summary
from modnet.core.errors import ConfigError
from modnet.training.result import Run, part_name

__all__ = ["run_figure", "run_html"]


def run_html(run: Run) -> str:
    """Return a table of the metrics of each part of the samples, and that of the network's layers."""
    last = run.history[-1] if run.history else {}
    reached: dict[str, dict[str, float]] = {}
    for part in PARTS:
        prefix = "" if part == "train" else f"{part}_"
        names = [name for name in last if _part_of(name) == part and name not in ("epoch", "learning_rate", "seconds")]
        reached[part] = {name.removeprefix(prefix): last[name] for name in names}
    if run.test:
        reached["test"] = run.test
    names = list(dict.fromkeys(name for metrics in reached.values() for name in metrics))
    rows = []
    for part, metrics in reached.items():
        if metrics:
            prefix = "" if part == "train" else f"{part}_"
            texts = [run.metric_value(f"{prefix}{name}", metrics[name]) if name in metrics else "" for name in names]
            when = "" if part == "test" and run.test else ", last epoch"
            rows.append([f"{part_name(part)}{when}", f"{len(run.samples[part]):,}", *texts])
    head = ["samples", "count", *(name.replace("_", " ") for name in names)]
    tables = [html_table(f"modnet run: {run.length}", head, rows) if rows else f"<p>{html_text(repr(run))}</p>"]
    return "".join([*tables, html_table(summary(run.network).title, *summary(run.network).table)])


def _part_of(name: str) -> str:
    return next((part for part in PARTS if name.startswith(f"{part}_")), "train")


def run_figure(run: Run) -> Figure:
    """Return a figure with the learning curves.

    Raises:
        ConfigError: no epoch was trained, or matplotlib is not installed.
    """
    picture = picture_of_curves(learning_curves(run.history, run.metrics, run.network.task))
    if picture is None:
        raise ConfigError("there is nothing to plot: no epoch was trained")
    return render([picture])
