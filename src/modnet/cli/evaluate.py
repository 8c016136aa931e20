"""``modnet evaluate``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click
import numpy as np

from modnet.cli.options import figure_text
from modnet.components.families import Dataset
from modnet.composition import metrics_for, partition
from modnet.config import RunConfig
from modnet.errors import ConfigError, DataError
from modnet.network import Network
from modnet.storage.model import load
from modnet.tally import Samples, judge

__all__ = ["command"]


@click.command("evaluate")
@click.argument("run", metavar="RUN")
@click.option("--data", "path", metavar="PATH", help="Other data: a CSV or NPZ file, or a folder of IDX files.")
@click.option(
    "--part",
    type=click.Choice(["train", "validation", "test"]),
    help="Which part; without it the test samples, or where there are none the validation samples, or all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(run: str, path: str | None, part: str | None, as_json: bool) -> None:
    """Print cost and metrics of the network in RUN, a run folder or a model file."""
    network = load(run)
    config = network.config or RunConfig()
    dataset = _read_as(network, config.data if path is None else dataset_at(path, config.data))
    data = dataset.load()
    parts = partition(config if path is None else RunConfig(), data, network)
    chosen = part or next(name for name in ("test", "validation", "train") if name in parts)
    if chosen not in parts:
        raise DataError(f"--part {chosen}: the data has none; allowed: {', '.join(parts)}")
    rows, targets = parts[chosen]
    place = data.place(chosen)
    samples = Samples(network.prepare(rows, f"{place} x"), targets.narrowed(network.dtype, f"{place} y"))
    with np.errstate(all="ignore"):  # what leaves the finite numbers is found below
        figures: dict[str, Any] = judge(network, samples, metrics_for(config, network)).figures()
    for name, value in figures.items():
        if not math.isfinite(value):
            raise DataError(f"{place}: the figure '{name}' of the network is {value}; the numbers may be too large")
    if as_json:
        click.echo(json.dumps({"run": run, "part": chosen, "samples": len(rows), **figures}))
        return
    click.echo(f"{len(rows)} {chosen} samples")
    for name, value in figures.items():
        click.echo(f"{name.replace('_', ' ')}: {figure_text(name, value)}")


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


def _read_as(network: Network, dataset: Dataset) -> Dataset:
    """Return a dataset whose target column, where it has the choice, is read as in the network's training."""
    if getattr(dataset, "target_type", None) != "auto":
        return dataset
    if network.classes is None:
        kind = "number"
    else:
        kind = "text" if all(isinstance(label, str) for label in network.classes.tolist()) else "integer"
    return dataset.model_copy(update={"target_type": kind})
