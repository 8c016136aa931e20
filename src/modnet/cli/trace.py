"""``modnet trace``."""

from __future__ import annotations

import json

import click

from modnet.analysis.open_run import match_training
from modnet.analysis.results.predictions import PARTS
from modnet.analysis.trace.markdown import trace_markdown
from modnet.analysis.trace.trace import trace
from modnet.cli.options import configured
from modnet.cli.output import write_out
from modnet.cli.source import open_network
from modnet.core.errors import DataError, ModelFileError
from modnet.training.setup import split_data

__all__ = ["command"]


@click.command("trace")
@configured
@click.option("--sample", type=int, default=0, show_default=True, metavar="N", help="Which sample, counted from 0.")
@click.option(
    "--part",
    type=click.Choice(PARTS),
    default="train",
    show_default=True,
    help="Of which part of the data.",
)
@click.option("--out", metavar="FILE", help="Write here instead of to standard output.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object with the same numbers.")
def command(
    config: str | None,
    settings: tuple[str, ...],
    epochs: str | None,
    seed: str | None,
    dtype: str | None,
    sample: int,
    part: str,
    out: str | None,
    as_json: bool,
) -> None:
    """Follow one sample through feedforward and backpropagation: every step under its equation, with its numbers.

    CONFIG is a run folder or a model file, or a TOML file, whose network is looked at as it starts; without it that of
    the teaching document. What comes out is Markdown with formulae in LaTeX. Beside the gradient of backpropagation
    stands the same by central differences. Of large layers an excerpt is shown.
    """
    network, data = open_network(config, settings, epochs, seed, dtype)
    if network.config is None:
        raise ModelFileError(f"{config}: was saved without a configuration, so it is not known where its samples are")
    if data is None:
        data = match_training(network, network.config.data).load()
    parts = split_data(network.config, data, network)
    if part not in parts:
        raise DataError(f"--part {part}: the data has none; allowed: {', '.join(parts)}")
    rows, targets = parts[part]
    if not 0 <= sample < len(rows):
        raise DataError(f"--sample {sample}: allowed: 0 to {len(rows) - 1}, which the {part} samples are")
    if targets.classes is not None and targets.codes is not None:
        target = targets.classes[targets.codes[sample]]
    else:
        target = targets.batch(slice(sample, sample + 1), "float64")[0]
    found = trace(network, rows[sample], target, seed=network.config.seed)
    if as_json:
        write_out(json.dumps({"run": config, "part": part, "sample": sample, **found.to_dict()}), out)
    else:
        write_out(trace_markdown(found, f"Sample {sample} of the {part} samples"), out)
