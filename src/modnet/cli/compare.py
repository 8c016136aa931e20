"""``modnet compare``."""

from __future__ import annotations

import json
from typing import Any

import click

from modnet.cli.options import configured, error_prefix, kinds_in, metric_text, optimizers_option, read_config
from modnet.training.setup import configs_per_optimizer
from modnet.training.trainer import Trainer

__all__ = ["command"]


@click.command("compare")
@configured
@optimizers_option
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
    kinds = kinds_in(optimizers)
    with error_prefix(config):
        data = base.data.load()
        configs = configs_per_optimizer(base, kinds, data)
    results, part = [], "train"
    for kind, each in zip(kinds, configs, strict=True):
        with error_prefix(config):
            run = Trainer(each).fit(*data.train, validation=data.validation, test=data.test)
        part = next(name for name in ("test", "validation", "train") if name in run.samples)
        figures = run.test or run.evaluate(part)
        results.append({"optimizer": kind, "epochs": len(run.history), "updates": run.updates,
                        "seconds": run.seconds, "part": part, **figures})  # fmt: skip
    if as_json:
        click.echo(json.dumps(results))
        return
    _print_table(results, part)


def _print_table(results: list[dict[str, Any]], part: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{_passes(results[0])} over the data each; figures of the {part} samples")
    names = [name for name in results[0] if name not in ("epochs", "part")]
    for name in names:
        table.add_column(name.replace("_", " "), justify="left" if name == "optimizer" else "right")
    for result in results:
        table.add_row(*(_cell(name, result[name]) for name in names))
    Console().print(table)


def _passes(result: dict[str, Any]) -> str:
    return f"{result['epochs']} pass{'' if result['epochs'] == 1 else 'es'}"


def _cell(name: str, value: Any) -> str:
    if name == "seconds":
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else value if isinstance(value, str) else metric_text(name, value)
