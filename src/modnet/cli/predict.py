"""``modnet predict``."""

from __future__ import annotations

import csv
import io

import click
import numpy as np

from modnet.cli.common.options import out_option
from modnet.cli.common.output import write_out
from modnet.core.errors import DataError
from modnet.data.csv import read_rows
from modnet.storage.model_file import load


@click.command("predict")
@click.argument("run", metavar="RUN")
@click.argument("rows", metavar="ROWS")
@out_option
def command(run: str, rows: str, out: str | None) -> None:
    """Predict for the rows of a CSV file.

    RUN is a run folder or a model file, ROWS is the CSV file: with a header its columns are found by their names,
    without one they are taken in order. CSV is printed: the class, if the network classifies, and all outputs.
    """
    network = load(run)
    x = read_rows(rows, network.features, network.sizes[0])
    with np.errstate(all="ignore"):  # non-finite outputs are refused below
        outputs = network.predict(x)
    finite = np.isfinite(outputs).all(axis=1)
    if not finite.all():
        raise DataError(f"{rows}: row {np.argmin(finite)} (counted from 0): an output is non-finite (NaN or infinity)")
    labels = None if network.classes is None else network.decode(outputs).tolist()
    named_outputs = network.classes is not None and len(network.classes) == network.outputs
    names = network.classes.tolist() if named_outputs and network.classes is not None else range(network.outputs)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(["class"] if labels is not None else []), *(f"output_{name}" for name in names)])
    for index, row in enumerate(outputs.tolist()):
        writer.writerow([*([labels[index]] if labels is not None else []), *row])
    write_out(text.getvalue(), out)
