"""``modnet predict``."""

from __future__ import annotations

import csv
import io
from typing import Any

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
    without one they are taken in order. CSV is printed: the class or the labels (0 or 1), if the network classifies,
    the predictions, if they are not the outputs (a mean of mean and variance), and all outputs.
    """
    network = load(run)
    x = read_rows(rows, network.features, network.sizes[0])
    with np.errstate(all="ignore"):  # non-finite outputs are refused below
        outputs = network.predict_outputs(x)
    finite = np.isfinite(outputs).all(axis=1)
    if not finite.all():
        raise DataError(f"{rows}: row {np.argmin(finite)} (counted from 0): an output is non-finite (NaN or infinity)")
    predictions = network.cost.predictions(outputs)
    columns: dict[str, list[Any]] = {}
    if network.classes is not None:
        columns["class"] = network.decode(predictions).tolist()
    elif network.multi_label:
        labels = network.decode(predictions)
        columns |= {f"label_{name}": labels[:, name].tolist() for name in range(labels.shape[1])}
    if predictions is not outputs:
        columns |= {f"prediction_{name}": predictions[:, name].tolist() for name in range(predictions.shape[1])}
    named_outputs = network.classes is not None and len(network.classes) == network.outputs
    names = network.classes.tolist() if named_outputs and network.classes is not None else range(network.outputs)
    columns |= {f"output_{name}": outputs[:, index].tolist() for index, name in enumerate(names)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_out(text.getvalue(), out)
