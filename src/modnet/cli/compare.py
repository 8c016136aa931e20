"""``modnet compare``."""

from __future__ import annotations

import json
from typing import Any

import click

from modnet.cli.options import configured, figure_text, read_config
from modnet.config import load_config
from modnet.tally import Samples, judge
from modnet.trainer import Trainer, metrics_for, partition

__all__ = ["command"]


@click.command("compare")
@configured
@click.option(
    "--optimizers", default="batch,stochastic,mini-batch", show_default=True, help="Which kinds, with commas."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(
    config: str | None,
    settings: tuple[str, ...],
    epochs: str | None,
    seed: str | None,
    dtype: str | None,
    optimizers: str,
    as_json: bool,
) -> None:
    """Train once with each optimizer, from the same start and with an equal number of passes over the data.

    Learning rate, rule and schedule are those of CONFIG for all of them; an option that a kind does not have is left
    out. Cost and accuracy are of the finished networks, on the test samples, or where there are none on the
    validation or training samples.
    """
    base = read_config(config, settings, epochs, seed, dtype)
    data = base.data.load()
    results = []
    part = "train"
    for kind in filter(None, map(str.strip, optimizers.split(","))):
        run_config = load_config(base, [f"optimizer.kind={kind}"])
        run = Trainer(run_config).fit(*data.train, validation=data.validation, test=data.test)
        parts = partition(run_config, data)
        part = next(name for name in ("test", "validation", "train") if name in parts)
        rows, targets = parts[part]
        samples = Samples(run.network.prepare(rows), targets)
        figures = judge(run.network, samples, metrics_for(run_config, run.network)).figures()
        results.append({"optimizer": kind, "epochs": len(run.history), "updates": run.updates,
                        "seconds": run.seconds, "part": part, **figures})  # fmt: skip
    if as_json:
        click.echo(json.dumps(results))
        return
    _print_table(results, part)


def _print_table(results: list[dict[str, Any]], part: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{results[0]['epochs']} passes over the data each; figures of the {part} samples")
    names = [name for name in results[0] if name not in ("epochs", "part")]
    for name in names:
        table.add_column(name.replace("_", " "), justify="left" if name == "optimizer" else "right")
    for result in results:
        table.add_row(*(_cell(name, result[name]) for name in names))
    Console().print(table)


def _cell(name: str, value: Any) -> str:
    if name == "seconds":
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else value if isinstance(value, str) else figure_text(name, value)
