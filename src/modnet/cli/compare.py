"""``modnet compare``."""

from __future__ import annotations

from typing import Any

import click

from modnet.cli.common.options import json_option, optimizers_option
from modnet.cli.common.output import print_json, print_table
from modnet.cli.common.source import Source, source_options
from modnet.core.messages import counted
from modnet.training.result import metric_text
from modnet.training.setup import configs_per_optimizer
from modnet.training.trainer import Trainer


@click.command("compare")
@source_options
@optimizers_option
@json_option
def command(source: Source, optimizers: list[str], as_json: bool) -> None:
    """Compare batch, stochastic and mini-batch gradient descent.

    One network is trained with each optimizer, from the same initial parameters and for the same number of epochs.
    Learning rate, rule and schedule are those of CONFIG; an option that an optimizer does not have is ignored. Cost
    and metrics are those of the trained networks on the test samples; without any, on the validation or training
    samples.
    """
    base = source.config()
    with source.error_prefix():
        data = base.data.load()
        configs = configs_per_optimizer(base, optimizers, data)
    results: list[dict[str, Any]] = []
    part = "train"
    for kind, config in zip(optimizers, configs, strict=True):
        with source.error_prefix():
            run = Trainer(config).fit(*data.train, validation=data.validation, test=data.test)
        part = next(name for name in ("test", "validation", "train") if name in run.samples)
        metrics = run.test or run.evaluate(part)
        results.append({"optimizer": kind, "epochs": len(run.history), "updates": run.updates,
                        "seconds": run.seconds, "part": part, **metrics})  # fmt: skip
    if as_json:
        print_json(results)
        return
    names = [name for name in results[0] if name not in ("epochs", "part")]
    print_table(
        f"{counted(results[0]['epochs'], 'epoch')} each, evaluated on the {part} samples",
        [name.replace("_", " ") for name in names],
        [[_cell(name, result[name]) for name in names] for result in results],
        text=["optimizer"],
    )


def _cell(name: str, value: Any) -> str:
    if name == "seconds":
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else value if isinstance(value, str) else metric_text(name, value)
