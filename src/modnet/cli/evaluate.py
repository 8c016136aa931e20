"""``modnet evaluate``."""

from __future__ import annotations

import click

from modnet.analysis.open_run import OpenRun
from modnet.analysis.results.predictions import predict_part
from modnet.cli.common.options import data_options, json_option, part_option, run_argument
from modnet.cli.common.other_data import OtherData
from modnet.cli.common.output import print_json, print_line


@click.command("evaluate")
@run_argument
@data_options
@part_option
@json_option
def command(run: str, other: OtherData, part: str | None, as_json: bool) -> None:
    """Evaluate a trained network.

    RUN is a run folder or a model file. The cost and the metrics of its configuration are printed,
    and beside an accuracy of uneven classes the balanced one, and that of always answering the largest class.
    """
    predictions = predict_part(other.use_for(OpenRun(run)), part)
    if as_json:
        print_json({"run": run, "part": predictions.part, "samples": len(predictions), **predictions.metrics})
        return
    print_line(f"{len(predictions):,} {predictions.part} samples")
    for name in predictions.metrics:
        print_line(f"{name.replace('_', ' ')}: {predictions.text(name)}")
