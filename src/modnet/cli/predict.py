"""``modnet predict``."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from modnet.cli.common.completing import complete_files
from modnet.cli.common.options import out_option, run_argument
from modnet.cli.common.output import write_out
from modnet.cli.common.row_file import RowFile
from modnet.core.errors import ConfigError, DataError
from modnet.core.messages import list_values, log_warning, short_repr
from modnet.data.csv.reading import Rows
from modnet.data.raw import check_shape, raw_rows
from modnet.data.table import as_table
from modnet.network.network import Network, Vector
from modnet.network.probabilities import to_probabilities
from modnet.storage.model_file import load

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@click.command("predict")
@run_argument
@click.argument("rows", metavar="ROWS", required=False, shell_complete=complete_files)
@click.option(
    "--header/--no-header",
    default=None,
    help="Whether the first line holds the names of the columns; by default, if the network was trained with names.",
)
@click.option("--separator", metavar="CHARACTER", help="What is between two cells.  [default: as in training, else ,]")
@click.option("--decimal", type=click.Choice([".", ","]), help="The decimal mark.  [default: as in training, else .]")
@click.option(
    "--keep", multiple=True, metavar="COLUMN", help="Begin each line with this column of ROWS. May be repeated."
)
@click.option("--row-numbers", is_flag=True, help="Begin each line with the number of the row, counted from 0.")
@click.option(
    "--threshold",
    type=float,
    metavar="P",
    help="Of two classes, predict the second if its probability is at least P.",
)
@click.option("--positive", metavar="CLASS", help="The class that --threshold is about.  [default: the second]")
@click.option("--outputs", "with_outputs", is_flag=True, help="Add all outputs of the network, as they are.")
@click.option(
    "--safe-csv",
    is_flag=True,
    help="Put ' before text that a spreadsheet would compute: what begins with = + - @, a tab or a line break.",
)
@out_option
def command(
    run: str,
    rows: str | None,
    header: bool | None,
    separator: str | None,
    decimal: str | None,
    keep: tuple[str, ...],
    row_numbers: bool,
    threshold: float | None,
    positive: str | None,
    with_outputs: bool,
    safe_csv: bool,
    out: str | None,
) -> None:
    """Predict for the rows of a file.

    RUN is a run folder or a model file. ROWS is a CSV file, - for standard input, a Parquet file or an NPZ archive. If
    the network was trained with names, they are expected in the first line, and columns are found by them; else, or
    with --no-header, columns are taken in order. CSV is printed: the predicted class, labels (0 or 1) or numbers, and
    for classes and labels their probabilities, or else the outputs.
    """
    if rows is None:
        raise click.UsageError("Missing argument 'ROWS': a file, or - for standard input")
    network = load(run)
    rule = None if threshold is None and positive is None else _Threshold.of(network, threshold, positive)
    file = RowFile(rows, header, separator, decimal)
    read = file.read(network, tuple(dict.fromkeys(keep)))
    outputs = _outputs(network, read, file.name)
    columns: dict[str, Iterable[Any]] = {"row": range(len(outputs))} if row_numbers else {}
    answers = _answers(network, outputs, rule, with_outputs=with_outputs)
    for name in read.kept:
        if name in columns or name in answers:
            raise ConfigError(f"--keep {name}: the predictions have a column of this name; rename it in {file.name}")
    columns |= read.kept | answers
    text = io.StringIO()
    labels = [] if network.classes is None else network.classes.tolist()
    kept = chain(columns, labels, *read.kept.values())
    has_returns = any("\r" in str(cell) for cell in kept)  # which csv only quotes with all other text
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC if has_returns else csv.QUOTE_MINIMAL)
    cells = _guarded if safe_csv else list
    writer.writerow(cells(columns))
    writer.writerows(map(cells, zip(*columns.values(), strict=True)))
    write_out(text.getvalue(), out)


@dataclass(frozen=True)
class _Threshold:
    """Which of two classes is predicted: ``positive``, an index, where its probability is at least ``least``."""

    least: float
    positive: int

    @classmethod
    def of(cls, network: Network, least: float | None, positive: str | None) -> _Threshold:
        """Return the rule that the options ask for.

        Raises:
            ConfigError: the network has no two classes with probabilities, or none that is called ``positive``.
        """
        if least is None:
            raise ConfigError(f"--positive {positive}: is the class that --threshold P is about, which is missing")
        option = f"--threshold {least:g}"
        if not 0 <= least <= 1:
            raise ConfigError(f"{option}: is no probability; allowed: 0 to 1")
        if network.classes is None or len(network.classes) != 2:
            found = "labels" if network.multi_label else "numbers"
            found = found if network.classes is None else f"{len(network.classes)} classes"
            raise ConfigError(f"{option}: is for a network that predicts one of two classes, and this predicts {found}")
        if to_probabilities(network, np.zeros((1, network.outputs), network.dtype)) is None:
            allowed = "softmax, or one output with sigmoid"
            raise ConfigError(f"{option}: the outputs of the network are no probabilities; allowed: {allowed}")
        names = [str(label) for label in network.classes.tolist()]
        if positive is not None and names.count(positive) != 1:
            raise ConfigError(f"--positive {positive}: is no class of the network; allowed: {list_values(names)}")
        if positive is None:
            other, second = map(short_repr, network.classes.tolist())
            which = f"{second}, the second class, is predicted from this probability on, else {other}"
            log_warning(f"{option}: {which}; --positive CLASS says which class it is about")
        return cls(least, 1 if positive is None else names.index(positive))

    def codes(self, probabilities: Vector) -> NDArray[np.intp]:
        """Return the index of the predicted class of each row."""
        is_positive = probabilities[:, self.positive] >= self.least
        return np.where(is_positive, self.positive, 1 - self.positive)


def _outputs(network: Network, rows: Rows, name: str) -> Vector:
    """Return the outputs for raw rows.

    Raises:
        DataError: they cannot be transformed, or an output is not finite.
    """
    transforms = network.preprocessing is not None
    raw = raw_rows(rows.x, None, None, name, transforms=transforms)
    table = replace(as_table(raw, network.features), lines=rows.lines)
    shape = network.raw_shape
    if len(shape) > 1 and table.shape[1:] == (math.prod(shape),):  # rows of a file, for samples that are matrices
        table = replace(table, values=np.reshape(table.values[:], (-1, *shape)))
    check_shape(table, shape, name, "the first transform" if transforms else "layer 1")
    x = network.preprocess(table, name)
    outputs = np.empty((len(x), network.outputs), network.dtype)
    with np.errstate(all="ignore"):  # non-finite outputs are refused below
        for start in range(0, len(x), network.chunk):
            piece = slice(start, start + network.chunk)
            outputs[piece] = network.forward(x[piece])
    finite = np.isfinite(outputs).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise DataError(f"{name}: {table.place(row)}: an output is non-finite (NaN or infinity)")
    return outputs


def _answers(network: Network, outputs: Vector, rule: _Threshold | None, *, with_outputs: bool) -> dict[str, list[Any]]:
    """Return the columns of predictions, of probabilities, and of outputs."""
    values = network.to_predictions(outputs)
    probabilities = to_probabilities(network, outputs)
    if network.classes is None:
        decoded = network.decode(values) if network.multi_label else values
        columns = {"prediction" if decoded.shape[1] == 1 else f"prediction_{index}": _numbers(decoded[:, index])
                   for index in range(decoded.shape[1])}  # fmt: skip
    elif rule is None or probabilities is None:
        columns = {"prediction": network.decode(values).tolist()}
    else:
        columns = {"prediction": network.classes[rule.codes(probabilities)].tolist()}
    if probabilities is not None:
        columns |= _named("probability", probabilities, network)
    if with_outputs or (probabilities is None and (network.classes is not None or network.multi_label)):
        columns |= _named("output", outputs, network)
    return columns


def _numbers(values: NDArray[Any]) -> list[Any]:
    """Return numbers with the fewest digits that tell them apart in their own dtype: 0.1 for the float32 0.1."""
    return list(map(float, values.astype(str))) if values.dtype == np.float32 else values.tolist()


def _named(word: str, values: Vector, network: Network) -> dict[str, list[Any]]:
    """Return a column for each class, called by it, or by its number where names are not unique."""
    labels = [] if network.classes is None else list(map(str, network.classes.tolist()))
    names = labels if len(set(labels)) == values.shape[1] else range(values.shape[1])
    return {f"{word}_{name}": _numbers(values[:, index]) for index, name in enumerate(names)}


def _guarded(cells: Iterable[Any]) -> list[Any]:
    """Return the cells with a quote before text that a spreadsheet would take for a formula; numbers stay numbers.

    Source: OWASP, "CSV Injection".
    """
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) and not _is_number(cell) else cell
            for cell in cells]  # fmt: skip


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII) is not None
