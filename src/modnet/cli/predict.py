"""``modnet predict``."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

import click
import numpy as np

from modnet.cli.common.completing import complete_files
from modnet.cli.common.options import out_option, run_argument
from modnet.cli.common.output import write_out
from modnet.core.errors import DataError
from modnet.data.csv import read_rows
from modnet.storage.model_file import load

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@click.command("predict")
@run_argument
@click.argument("rows", metavar="ROWS", shell_complete=complete_files)
@click.option(
    "--header/--no-header",
    default=None,
    help="Whether the first line holds the names of the columns; by default, if the network was trained with names.",
)
@click.option(
    "--safe-csv",
    is_flag=True,
    help="Put ' before text that a spreadsheet would compute: what begins with = + - @, a tab or a line break.",
)
@out_option
def command(run: str, rows: str, header: bool | None, safe_csv: bool, out: str | None) -> None:
    """Predict for the rows of a CSV file.

    RUN is a run folder or a model file. ROWS is the CSV file, written as that of the training, if that was one; - is
    standard input. If the network was trained with names, they are expected in the first line, and columns are found by
    them; else, or with --no-header, columns are taken in order. CSV is
    printed: the class or the labels (0 or 1), if the network classifies, the predictions, if they are not the outputs
    (a mean of mean and variance), and all outputs.
    """
    network = load(run)
    kinds = None if network.preprocessing is None else network.preprocessing.kinds
    csv_format = None if network.config is None else getattr(network.config.data, "format", None)  # of its own CSV file
    count = int(np.prod(network.raw_shape))
    x = read_rows(rows, network.features, count, header, kinds=kinds, csv_format=csv_format).x
    with np.errstate(all="ignore"):  # non-finite outputs are refused below
        outputs = network.predict_outputs(x)
    finite = np.isfinite(outputs).all(axis=1)
    if not finite.all():
        raise DataError(f"{rows}: row {np.argmin(finite)} (counted from 0): an output is non-finite (NaN or infinity)")
    predictions = network.to_predictions(outputs)
    columns: dict[str, list[Any]] = {}
    if network.classes is not None:
        columns["class"] = network.decode(predictions).tolist()
    elif network.multi_label:
        applies = network.decode(predictions)
        columns |= {f"label_{name}": applies[:, name].tolist() for name in range(applies.shape[1])}
    if predictions is not outputs:
        columns |= {f"prediction_{name}": predictions[:, name].tolist() for name in range(predictions.shape[1])}
    labels = [] if network.classes is None else network.classes.tolist()
    names = labels if len(set(map(str, labels))) == network.outputs else range(network.outputs)
    columns |= {f"output_{name}": outputs[:, index].tolist() for index, name in enumerate(names)}
    text = io.StringIO()
    has_returns = any("\r" in str(label) for label in labels)  # which csv only quotes with all other text
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC if has_returns else csv.QUOTE_MINIMAL)
    cells = _guarded if safe_csv else list
    writer.writerow(cells(columns))
    writer.writerows(map(cells, zip(*columns.values(), strict=True)))
    write_out(text.getvalue(), out)


def _guarded(cells: Iterable[Any]) -> list[Any]:
    """Return the cells with a quote before text that a spreadsheet would take for a formula; numbers stay numbers.

    Source: OWASP, "CSV Injection".
    """
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) and not _is_number(cell) else cell
            for cell in cells]  # fmt: skip


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII) is not None
