"""``modnet evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from modnet.cli.options import figure_text
from modnet.components.families import Dataset
from modnet.config import RunConfig
from modnet.data.dataset import Data
from modnet.data.preparation import Targets, as_samples
from modnet.errors import ConfigError, DataError
from modnet.network import Network
from modnet.storage.model import load
from modnet.tally import Samples, judge
from modnet.trainer import metrics_for, partition

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
    if path is None:
        parts = partition(config, config.data.load())
    else:
        parts = _parts_of(network, dataset_at(path, config.data).load())
    chosen = part or next(name for name in ("test", "validation", "train") if name in parts)
    if chosen not in parts:
        raise DataError(f"--part {chosen}: the data has none; allowed: {', '.join(parts)}")
    rows, targets = parts[chosen]
    if rows.shape[1:] != network.input_shape:
        raise DataError(f"{chosen} x: layer 1 expects {network.sizes[0]} inputs, got {rows[0].size}")
    samples = Samples(network.prepare(rows), targets)
    figures: dict[str, Any] = judge(network, samples, metrics_for(config, network)).figures()
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


def _parts_of(network: Network, data: Data) -> dict[str, tuple[Any, Targets]]:
    """Return the parts of other data, with the columns in the network's order and its labels."""
    columns: Any = slice(None)
    if network.features is not None and data.features is not None:
        missing = sorted(set(network.features) - set(data.features))
        if missing:
            raise DataError(f"the data has no column '{missing[0]}', which the network was trained with")
        columns = [data.features.index(name) for name in network.features]
    parts = {}
    for name, pair in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        if pair is not None:
            rows = as_samples(pair[0], f"{name} x")[:, columns]
            parts[name] = (rows, Targets.follow(pair[1], len(rows), f"{name} y", network.classes, network.outputs))
    return parts
