"""``modnet compare``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from modnet.analysis.comparison.comparison import Comparison, Reporter, Row, compare_combinations
from modnet.analysis.comparison.grid import Axis, combine, setting_axes, short_names
from modnet.analysis.comparison.outcome import Outcome, Statistic
from modnet.analysis.comparison.plan import ArgumentError
from modnet.analysis.comparison.text import (
    best_sentence,
    common_length,
    deviation,
    fastest_sentence,
    outcome_text,
    statistic_text,
    title,
    value_text,
)
from modnet.cli.common.completing import complete_files, complete_folders
from modnet.cli.common.options import TYPES, file_option, json_option, optimizers_option
from modnet.cli.common.output import check_out, print_json, print_table, print_text, progress_bar
from modnet.cli.common.source import Source, source_options
from modnet.config.overrides import to_toml
from modnet.core.errors import ConfigError, Interrupted
from modnet.core.interfaces import Engine
from modnet.core.messages import counted, printable, shell_word, warn
from modnet.engines.numpy.threads import cores
from modnet.storage.atomic import write_errors, write_output

_WIDTH = 80
_FOLDER_HELP = "Keep every run in this folder; the same command goes on there after an interruption."


@click.command("compare")
@source_options
@optimizers_option(
    None,
    f"Optimizers to train with, separated by commas.  [default: {TYPES}, where nothing else is varied and neither "
    "--seeds nor --folds is given]",
)
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="Number of seeds of each combination.  [default: 1]")
@click.option(
    "--folds",
    type=click.IntRange(2),
    metavar="K",
    help="Cross-validation: each of K folds of the training samples is held out once.",
)
@click.option("--metric", metavar="NAME", help="Metric that decides which is best.  [default: the first one]")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Number of processes.  [default: one for each core; 1 to compare engines]",
)
@click.option("--out", metavar="DIR", shell_complete=complete_folders, help=_FOLDER_HELP)
@click.option(
    "--best", "best_file", metavar="FILE", shell_complete=complete_files, help="Write the best configuration (TOML)."
)
@file_option("--plot", "Plot the metric of all combinations to this .svg, .png or .pdf file.")
@json_option
@click.option("--quiet", is_flag=True, help="Print only the result, no progress.")
def command(
    source: Source,
    optimizers: list[str] | None,
    seeds: int | None,
    folds: int | None,
    jobs: int | None,
    out: str | None,
    best_file: str | None,
    plot: str | None,
    as_json: bool,
    quiet: bool,
    metric: str | None,
) -> None:
    """Compare configurations: optimizers, or all combinations of several values.

    A --set with several values, separated by commas, varies a key: --set optimizer.rule=plain,adam. Every combination
    is trained, from the same initial parameters where the network is the same, and evaluated on the validation samples;
    without any, on the test or training samples. With several seeds or folds, mean and standard deviation are printed.
    """
    if out is not None:
        check_out("--out", out, folder=True)
    if best_file is not None:
        check_out("--best", best_file)
    axes = setting_axes(source.changes)
    if optimizers is None and seeds is None and folds is None and all(len(axis.changes) == 1 for axis in axes):
        optimizers = TYPES.split(",")
    if optimizers is not None:
        axes.append(Axis(tuple(f"optimizer.kind={to_toml(kind)}" for kind in optimizers), shown=True))
    combinations = combine(source.path, axes)
    jobs, progress = jobs or _processes({each.config.engine for each in combinations}), _Progress()
    with _interruption(progress, out), _error_prefix(source), progress.shown(quiet=quiet):
        comparison = compare_combinations(
            combinations, seeds=seeds or 1, folds=folds, metric=metric, jobs=jobs, out=out, reporter=progress
        )
    if as_json:
        print_json(comparison)
    else:
        _print(comparison)
    if plot is not None:
        from modnet.analysis.plots.comparison import comparison_figure
        from modnet.analysis.plots.figure import save

        save(comparison_figure(comparison), plot)
    if comparison.best is None:
        kept = "" if best_file is None else f"; --best {best_file} is not written"
        warn(f"every combination diverged{kept}: {comparison.rows[0].runs[0].diverged}")
        raise click.exceptions.Exit(1)
    if best_file is not None:
        with write_errors(f"--best {best_file}"):
            write_output(Path(best_file), comparison.best.to_toml().encode())


def _processes(engines: Collection[Engine]) -> int:
    """Return how many runs go side by side: one where engines are compared, whose times would disturb each other."""
    threads = [getattr(engine, "threads", None) for engine in engines]
    wanted = max([number for number in threads if isinstance(number, int)], default=1)
    return 1 if len(engines) > 1 else max(cores() // wanted, 1)


@contextmanager
def _error_prefix(source: Source) -> Iterator[None]:
    """Let an error name the option, or the file, that it is about."""
    try:
        yield
    except ArgumentError as error:
        raise ConfigError(f"--{error}") from None
    except ConfigError:
        with source.error_prefix():
            raise


class _Progress(Reporter):
    """Tells each finished run in a line on standard error, or on a terminal in a bar.

    Attributes:
        done, total: How many runs are finished, and how many there are.
    """

    def __init__(self) -> None:
        self.done = self.total = 0
        self._show: Callable[[str], object] = str

    @contextmanager
    def shown(self, *, quiet: bool) -> Iterator[None]:
        """Within the block, show what is told."""
        if quiet:
            yield
        elif sys.stderr.isatty():
            with progress_bar() as bar:
                self._show = lambda text: bar(text, self.done, self.total)
                yield
        else:
            self._show = lambda text: click.echo(printable(f"{self.done}/{self.total} {text}"), err=True)
            yield

    def begin(self, total: int, kept: int) -> None:
        """Show how many runs there are."""
        self.done, self.total = kept, total
        if kept or sys.stderr.isatty():
            self._show("finished already" if kept else "runs")

    def finished(self, settings: Mapping[str, Any], outcome: Outcome, metric: str, done: int, total: int) -> None:
        """Show what a run has reached."""
        self.done, self.total = done, total
        self._show(outcome_text(settings, outcome, metric))


@contextmanager
def _interruption(progress: _Progress, out: str | None) -> Iterator[None]:
    """End with a line that says how to go on when the comparison is interrupted."""
    try:
        yield
    except Interrupted as interruption:
        reached = f"interrupted after {progress.done} of {counted(progress.total, 'run')}"
        if out is None:
            warn(f"{reached}; nothing is kept: with --out DIR the same command goes on from there")
        else:
            warn(f"{reached}; go on with: {' '.join(map(shell_word, ['modnet', *sys.argv[1:]]))}")
        raise click.exceptions.Exit(128 + (interruption.signal or signal.SIGINT)) from None


def _print(comparison: Comparison) -> None:
    keys, length = comparison.keys, common_length(comparison)
    metrics = list(dict.fromkeys(name for row in comparison.rows for name in row.metrics)) or [comparison.metric]
    lengths = [name for name in ("epochs", "updates") if name not in length]
    marked = ["best"] if len(comparison.rows) > 1 and comparison.best is not None else []
    names = short_names(keys)
    epochs = ["an epoch"] if comparison.varies_engine else []
    columns = [*names, *lengths, "seconds", *epochs, *(name.replace("_", " ") for name in metrics), *marked]
    rows = [
        [
            *(value_text(row.settings[key]) if key in row.settings else "" for key in keys),
            *(_count(getattr(row, name)) for name in lengths),
            statistic_text("seconds", row.seconds),
            *("" if (each := row.epoch_seconds) is None else statistic_text("epoch_seconds", each) for _ in epochs),
            *_metrics(row, metrics),
            *("*" if row.is_best else "" for _ in marked),
        ]
        for row in comparison.rows
    ]
    heading = "; ".join(filter(None, [title(comparison), deviation(comparison)]))
    print_table(click.wrap_text(heading, _WIDTH), columns, rows, text=[*names, *marked])
    for sentence in (fastest_sentence(comparison), best_sentence(comparison), comparison.caution):
        if sentence is not None:
            print_text(click.wrap_text(sentence, _WIDTH))


def _metrics(row: Row, metrics: Sequence[str]) -> list[str]:
    if row.diverged:
        of = "" if len(row.runs) == 1 else f"{row.diverged} of {len(row.runs)} "
        return [f"{of}diverged", *[""] * (len(metrics) - 1)]
    return [statistic_text(name, row.metrics[name]) if name in row.metrics else "" for name in metrics]


def _count(statistic: Statistic) -> str:
    whole = f"{statistic.mean:,.0f}" if statistic.mean.is_integer() else f"{statistic.mean:,.1f}"
    return f"{whole} ± {statistic.sd:,.1f}" if statistic.sd else whole
