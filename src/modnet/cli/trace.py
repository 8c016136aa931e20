"""``modnet trace``."""

from __future__ import annotations

import json

import click

from modnet.analysis.results.predictions import PARTS
from modnet.analysis.results.results import image_shape
from modnet.analysis.trace.markdown import trace_markdown
from modnet.analysis.trace.trace import trace
from modnet.cli.common.options import data_options, json_option, out_option
from modnet.cli.common.other_data import OtherData
from modnet.cli.common.output import write_out
from modnet.cli.common.source import Source, source_options
from modnet.core.errors import DataError, ModelFileError
from modnet.data.table import raw_row


@click.command("trace")
@source_options
@data_options
@click.option("--sample", type=int, default=0, show_default=True, metavar="N", help="Index of the sample, from 0.")
@click.option(
    "--part", type=click.Choice(PARTS), default="train", show_default=True, help="Part of the data with the sample."
)
@out_option
@json_option
def command(source: Source, other: OtherData, sample: int, part: str, out: str | None, as_json: bool) -> None:
    """Trace one sample through feedforward and backpropagation.

    CONFIG is a run folder, a model file, or a TOML file, whose network is not trained; the default is the network of
    the teaching document. Markdown is printed: the sample's inputs that are not 0 and its image, each step with its
    equation in LaTeX and its numbers, and the gradient by central differences beside that of backpropagation. Large
    layers are abbreviated.
    """
    opened = source.open(other)
    network = opened.network
    if network.config is None:
        raise ModelFileError(f"{source.path}: was saved without a configuration, which names the data")
    parts = opened.parts
    if part not in parts:
        raise DataError(f"--part {part}: the data has none; allowed: {', '.join(parts)}")
    opened.check(part)
    rows, targets, *_ = parts[part]
    if not 0 <= sample < len(rows):
        raise DataError(f"--sample {sample}: there is no such {part} sample; allowed: 0 to {len(rows) - 1}")
    if targets.classes is not None and targets.codes is not None:
        target = targets.classes[targets.codes[sample]]
    else:
        target = targets.batch(slice(sample, sample + 1), "float64")[0]
    traced = trace(network, raw_row(rows, sample), target, seed=network.config.seed)
    part = opened.part_name(part)
    if as_json:
        write_out(json.dumps({"run": source.path, "part": part, "sample": sample, **traced.to_dict()}), out)
    else:
        title, image = f"Sample {sample} of the {part} samples", image_shape(opened.data, network)
        write_out(trace_markdown(traced, title, image=image), out)
