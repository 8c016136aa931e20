"""``modnet predict``."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import click
import numpy as np

from modnet.core.errors import DataError, ModelFileError
from modnet.data.csv import read_rows
from modnet.storage.atomic import write_atomically
from modnet.storage.model_file import load

__all__ = ["command"]


@click.command("predict")
@click.argument("run", metavar="RUN")
@click.argument("rows", metavar="ROWS.csv")
@click.option("--out", metavar="FILE", help="Write here instead of to standard output.")
def command(run: str, rows: str, out: str | None) -> None:
    """Print a line of CSV for each row: its class, if the network in RUN knows classes, and its outputs."""
    network = load(run)
    x = read_rows(rows, network.features, network.sizes[0])
    with np.errstate(all="ignore"):  # what leaves the finite numbers is found below
        outputs = network.predict(x)
    wrong = ~np.isfinite(outputs).all(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{rows}: row {row} (counted from 0): the outputs leave the finite numbers")
    labels = None if network.classes is None else network.decode(outputs).tolist()
    named_outputs = network.classes is not None and len(network.classes) == network.outputs
    names = network.classes.tolist() if named_outputs and network.classes is not None else range(network.outputs)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(["class"] if labels is not None else []), *(f"output_{name}" for name in names)])
    for index, row_outputs in enumerate(outputs.tolist()):
        writer.writerow([*([labels[index]] if labels is not None else []), *row_outputs])
    if out is None:
        click.echo(text.getvalue(), nl=False)
    else:
        _write(Path(out), text.getvalue().encode())


def _write(path: Path, content: bytes) -> None:
    try:
        if path.exists() and not path.is_file():  # a device or a pipe, which nothing may take the place of
            path.write_bytes(content)
        else:
            write_atomically(path.resolve(), content)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written: {error.strerror}") from None
