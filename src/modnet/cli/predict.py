"""``modnet predict``."""

from __future__ import annotations

import csv
import sys

import click

from modnet.data.table import read_rows
from modnet.errors import ModelFileError
from modnet.storage.model import load

__all__ = ["command"]


@click.command("predict")
@click.argument("run", metavar="RUN")
@click.argument("rows", metavar="ROWS.csv")
@click.option("--out", metavar="FILE", help="Write here instead of to standard output.")
def command(run: str, rows: str, out: str | None) -> None:
    """Print a line of CSV for each row: its class, if the network in RUN knows classes, and its outputs."""
    network = load(run)
    outputs = network.predict(read_rows(rows, network.features, network.sizes[0]))
    labels = None if network.classes is None else network.labels_of(outputs).tolist()
    named = network.classes is not None and len(network.classes) == network.outputs
    names = network.classes.tolist() if named and network.classes is not None else range(network.outputs)
    header = [*(["class"] if labels is not None else []), *(f"output_{name}" for name in names)]
    try:
        stream = sys.stdout if out is None else open(out, "w", encoding="utf-8", newline="")  # noqa: PTH123, SIM115 -- closed below
    except OSError as error:
        raise ModelFileError(f"{out}: cannot be written: {error.strerror}") from None
    try:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        for index, row in enumerate(outputs.tolist()):
            writer.writerow([*([labels[index]] if labels is not None else []), *row])
    finally:
        if stream is not sys.stdout:
            stream.close()
