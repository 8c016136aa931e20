"""``modnet tune``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modnet.analysis.comparison.plan import ArgumentError
from modnet.cli.common.completing import complete_files, complete_folders, complete_settings
from modnet.cli.common.options import json_option
from modnet.cli.common.output import check_out, print_json, print_result, print_table, print_text, progress_bar
from modnet.cli.common.source import Source, source_options
from modnet.core.errors import ConfigError, Interrupted
from modnet.core.messages import counted, printable, shell_word, warn
from modnet_optuna.reporter import Reporter

if TYPE_CHECKING:
    from modnet_optuna.ledger import Counts
    from modnet_optuna.outcome import TrialResult
    from modnet_optuna.plan import Plan
    from modnet_optuna.search import Search

__all__ = ["command"]

_WIDTH = 80
MOST_ROWS = 20
"""How many trials are printed; trials.csv has them all."""
_PRUNERS = ("none", "median", "successive-halving", "hyperband")
_SAMPLERS = ("tpe", "random")


@click.command("tune")
@source_options
@click.option(
    "--search",
    multiple=True,
    required=True,
    metavar="KEY=RANGE",
    shell_complete=complete_settings,
    help="Search a dotted key: LOW..HIGH, LOW..HIGH:STEP, log:LOW..HIGH, or values between commas. May be repeated.",
)
@click.option(
    "--trials", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="Number of results in all."
)
@click.option(
    "--storage",
    required=True,
    metavar="FILE-or-URL",
    shell_complete=complete_files,
    help="Keep the trials in this SQLite file or database; the same command goes on there, and joins the search.",
)
@click.option("--study", default="modnet", show_default=True, metavar="NAME", help="The study's name in the storage.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Number of processes."
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Number of seeds of each trial; their mean counts.",
)
@click.option("--metric", metavar="NAME", help="Metric that decides which trial is best.  [default: the first one]")
@click.option(
    "--prune",
    type=click.Choice(_PRUNERS),
    default="none",
    show_default=True,
    help="End trials early, by the validation samples after each epoch of the first seed.",
)
@click.option(
    "--sampler", type=click.Choice(_SAMPLERS), default="tpe", show_default=True, help="What draws the values."
)
@click.option(
    "--heartbeat",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="Time between two signs of life; a trial that has missed three is taken up by another process.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    shell_complete=complete_folders,
    help="Write best.toml, trials.csv and search.html, a page with Optuna's pictures, into this folder.",
)
@json_option
@click.option("--quiet", is_flag=True, help="Print only the result, no progress.")
def command(
    source: Source,
    search: tuple[str, ...],
    trials: int,
    storage: str,
    study: str,
    workers: int,
    seeds: int,
    metric: str | None,
    prune: str,
    sampler: str,
    heartbeat: int,
    out: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Search for the values of some keys with which a configuration is best.

    Each trial trains the configuration with other values, and is judged by the validation samples; the test samples are
    never looked at. Processes that name the same storage share the trials, on several machines too. After an
    interruption the same command goes on; the trial of a process that was killed is taken up again.
    """
    if out is not None:
        check_out("--out", out, folder=True)
    from modnet_optuna.tuning import tune  # imports Optuna, which takes a second

    progress = _Progress()
    with _interruption(progress), _argument_errors(), progress.shown(quiet=quiet):
        found = tune(
            source.path,
            search,
            settings=source.changes,
            trials=trials,
            storage=storage,
            study=study,
            workers=workers,
            seeds=seeds,
            metric=metric,
            prune=prune,
            sampler=sampler,
            heartbeat=heartbeat,
            out=out,
            reporter=progress,
        )
    if as_json:
        print_json(found)
    else:
        _print(found, out)
    if found.best is None:
        worst = found.trials[0]
        warn(f"no trial is complete: trial {worst.number}: {worst.reason}")
        raise click.exceptions.Exit(1)


@contextmanager
def _argument_errors() -> Iterator[None]:
    """Let an error about an argument name the option."""
    try:
        yield
    except ArgumentError as error:
        raise ConfigError(f"--{error}") from None


class _Progress(Reporter):
    """Tells each trial that has ended in a line on standard error, or on a terminal in a bar.

    Attributes:
        counts: How far the search is.
    """

    def __init__(self) -> None:
        self.counts: Counts | None = None
        self._plan: Plan | None = None
        self._best: float | None = None
        self._text = "trials"
        self._show: Callable[[str], object] = str
        self._is_bar = False

    @contextmanager
    def shown(self, *, quiet: bool) -> Iterator[None]:
        """Within the block, show what is told."""
        if quiet:
            yield
        elif sys.stderr.isatty():
            with progress_bar() as bar:
                self._is_bar = True
                self._show = lambda text: bar(text, self._done, self._total)
                yield
        else:
            self._show = lambda text: click.echo(printable(f"{self._done}/{self._total} {text}"), err=True)
            yield

    @property
    def _done(self) -> int:
        return 0 if self.counts is None else self.counts.done

    @property
    def _total(self) -> int:
        return 0 if self.counts is None else self.counts.done + self.counts.running + self.counts.left

    def text(self) -> str:
        """Return how far the search is."""
        return f"{self._done} of {counted(self._total, 'trial')}"

    def begin(self, plan: Plan, counts: Counts) -> None:
        """Show how many trials there are."""
        self._plan, self.counts = plan, counts
        if counts.done or self._is_bar:
            self._show("had ended before" if counts.done else "trials")

    def finished(self, trial: TrialResult, counts: Counts) -> None:
        """Show what a trial has reached."""
        self.counts = counts
        self._text = trial_text(trial, self._plan)
        self._show(self._text)

    def waiting(self, counts: Counts) -> None:
        """Show how many trials there are by now; others may make some."""
        self.counts = counts
        if self._is_bar:
            self._show(self._text)


def trial_text(trial: TrialResult, plan: Plan | None) -> str:
    """Return what a trial reached in one line."""
    from modnet.training.result import metric_text
    from modnet_optuna.search import settings_text

    reached: str = trial.state
    if trial.value is not None and plan is not None:
        reached = f"{plan.metric.replace('_', ' ')} {metric_text(plan.metric, trial.value)}"
    return f"{settings_text(trial.settings)}: {reached}"


@contextmanager
def _interruption(progress: _Progress) -> Iterator[None]:
    """End with a line that says how to go on when the search is interrupted."""
    try:
        yield
    except Interrupted as interruption:
        words = " ".join(map(shell_word, ["modnet", *sys.argv[1:]]))
        warn(f"interrupted after {progress.text()}; go on with: {words}")
        raise click.exceptions.Exit(128 + (interruption.signal or signal.SIGINT)) from None


def _print(found: Search, out: str | None) -> None:
    columns, rows = found.table()
    title = f"{counted(len(rows), 'trial')}, evaluated on the validation samples, the best first"
    if found.plan.seeds > 1:
        title += f"; mean ± standard deviation over {counted(found.plan.seeds, 'seed')}"
    if len(rows) > MOST_ROWS:
        rest = f"{len(rows) - MOST_ROWS} more" if out is None else f"all are in {Path(out, 'trials.csv')}"
        title += f"; {rest}"
    names = [*columns[1 : 1 + len(found.plan.parameters)], "note"]
    print_table(click.wrap_text(title, _WIDTH), columns, rows[:MOST_ROWS], text=names)
    if found.best is None:
        return
    print_text(click.wrap_text(f"{found.best_text[0].upper()}{found.best_text[1:]}.", _WIDTH))
    if out is None:
        print_result("The same command with --out FOLDER writes the best configuration, all trials and a page.")
    else:
        best = shell_word(str(Path(out, "best.toml")))
        print_result(f"The search has not looked at the test samples. The best configuration: modnet train {best}")
