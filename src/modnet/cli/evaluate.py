"""``modnet evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from modnet.analysis.open_run import match_training
from modnet.analysis.results.predictions import PARTS, predict_part
from modnet.cli.options import metric_text
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Dataset
from modnet.storage.model_file import load

__all__ = ["command"]


@click.command("evaluate")
@click.argument("run", metavar="RUN")
@click.option("--data", "path", metavar="PATH", help="Other data: a CSV or NPZ file, or a folder of IDX files.")
@click.option(
    "--part",
    type=click.Choice(PARTS),
    help="Which part; without it the test samples, or where there are none the validation samples, or all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(run: str, path: str | None, part: str | None, as_json: bool) -> None:
    """Print cost and metrics of the network in RUN, a run folder or a model file."""
    network = load(run)
    config = network.config or RunConfig()
    dataset = match_training(network, config.data if path is None else dataset_at(path, config.data))
    found = predict_part(network, config.model_copy(update={"data": dataset}), dataset.load(), part)
    if as_json:
        click.echo(json.dumps({"run": run, "part": found.part, "samples": len(found), **found.metrics}))
        return
    click.echo(f"{len(found)} {found.part} samples")
    for name, value in found.metrics.items():
        click.echo(f"{name.replace('_', ' ')}: {metric_text(name, value)}")


def dataset_at(path: str, like: Dataset) -> Dataset:
    """Return the dataset at ``path``, read as the run's own where it is of the same kind.

    Raises:
        ConfigError: the path's form is not known.
    """
    kind = "idx" if Path(path).is_dir() else {".csv": "csv", ".npz": "npz"}.get(Path(path).suffix.lower())
    if kind is None:
        raise ConfigError(f"--data {path}: allowed are a .csv file, an .npz file, or a folder of IDX files")
    table: dict[str, Any] = {"kind": kind, "path": path}
    if like.kind == kind:
        others = {"validation_path", "test_path", "validation_share"}
        table = like.model_dump(exclude_none=True, exclude=others) | table
    elif kind == "csv":
        table["target"] = "target"
    return Dataset.resolve(table)
