"""``modnet evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modnet.analysis.open_run import OpenRun, match_training
from modnet.analysis.results.predictions import predict_part
from modnet.cli.common.options import json_option, part_option
from modnet.cli.common.output import print_json
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Dataset
from modnet.training.result import metric_text


@click.command("evaluate")
@click.argument("run", metavar="RUN")
@click.option(
    "--data", "path", metavar="PATH", help="Other data: a CSV, NPZ or Parquet file, or a folder of IDX or NPY files."
)
@part_option
@json_option
def command(run: str, path: str | None, part: str | None, as_json: bool) -> None:
    """Evaluate a trained network.

    RUN is a run folder or a model file. The cost and the metrics of its configuration are printed.
    """
    opened = OpenRun(run)
    network, config = opened.network, opened.config
    dataset = match_training(network, config.data if path is None else dataset_at(path, config.data))
    predictions = predict_part(network, config.model_copy(update={"data": dataset}), dataset.load(), part)
    if as_json:
        print_json({"run": run, "part": predictions.part, "samples": len(predictions), **predictions.metrics})
        return
    click.echo(f"{len(predictions)} {predictions.part} samples")
    for name, value in predictions.metrics.items():
        click.echo(f"{name.replace('_', ' ')}: {metric_text(name, value)}")


def dataset_at(path: str, like: Dataset) -> Dataset:
    """Return the dataset at ``path``, with the options of the run's own dataset where it is of the same kind.

    Its samples all count the same.

    Raises:
        ConfigError: the path is of no known format.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if Path(path).is_dir():
        kind = "npy" if like.kind == "npy" else "idx"
    elif kind not in ("csv", "npz", "parquet"):
        allowed = "a .csv, .npz or .parquet file, a folder of IDX files or, where the run has such, of NPY files"
        raise ConfigError(f"--data {path}: unknown format; allowed: {allowed}")
    table: dict[str, Any] = {"kind": kind, "path": path}
    if like.kind == kind:
        own = {"validation_path", "test_path", "validation_share", "class_weight", "weight"}
        table = like.model_dump(exclude_none=True, exclude=own) | table
    elif kind in ("csv", "parquet"):
        table["target"] = "target"
    return Dataset.resolve(table)
