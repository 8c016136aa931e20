"""Reading CSV files, with pyarrow and without it, beside pandas.

    python benchmarks/tables_reading.py [ROWS] [ROUNDS]

Two files of 20 features and a label are written to a temporary folder, of 100,000 rows by default: one of numbers of 17
digits, and one with four columns of text and a column with missing values. Time is that of the processor (none of the
contenders has several threads) for `read_table`, which returns the matrix and the labels, and for `pandas.read_csv`,
which returns a frame; contenders take turns. Whether both ways of
modnet give the same is checked, and so are the numbers against pandas'.
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import machine, ratios, take_turns

from modnet.data.csv import arrow
from modnet.data.csv.reading import CsvTable, read_table
from modnet.data.roles import Roles
from modnet.data.table import Table

FEATURES, TEXTS = 20, 4


def write(path: Path, rows: int, texts: int) -> None:
    rng = np.random.default_rng(0)
    columns: list[list[object]] = [column.tolist() for column in rng.normal(size=(FEATURES - texts, rows))]
    if texts:
        columns[0][::50] = [""] * len(columns[0][::50])
    towns = [f"town {number}" for number in range(100)]
    columns += [[towns[code] for code in rng.integers(100, size=rows)] for _ in range(texts)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*(f"c{number}" for number in range(FEATURES)), "y"])
        writer.writerows(zip(*columns, rng.integers(3, size=rows).tolist(), strict=True))


def read(path: Path) -> CsvTable:
    return read_table(path, Roles("y"), transforms=True)


def read_without_pyarrow(path: Path) -> CsvTable:
    least, arrow.LEAST_BYTES = arrow.LEAST_BYTES, sys.maxsize
    try:
        return read(path)
    finally:
        arrow.LEAST_BYTES = least


def processor_seconds(call: Callable[[Path], object], path: Path) -> float:
    began = time.process_time()
    call(path)
    return time.process_time() - began


def check(path: Path) -> None:
    """Refuse to measure what does not give the same."""
    fast, slow, frame = read(path), read_without_pyarrow(path), pd.read_csv(path)
    values = [table.x.values if isinstance(table.x, Table) else table.x for table in (fast, slow)]
    assert values[0].tobytes() == values[1].tobytes()
    numbers = [index for index, kind in enumerate(fast.kinds) if kind == "number"]
    assert np.array_equal(values[0][:, numbers], frame.iloc[:, numbers].to_numpy(), equal_nan=True)
    for index in set(range(FEATURES)) - set(numbers):
        texts = [table.x.texts[index][table.x.values[:, index].astype(int)].tolist() for table in (fast, slow)]
        assert texts[0] == texts[1] == frame.iloc[:, index].tolist()
    assert fast.y.tolist() == slow.y.tolist() == frame["y"].tolist()


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    print(
        f"{machine()}; pandas {pd.__version__}\n\n{rows:,} rows; seconds are medians; a ratio is modnet's time over that of"
    )
    print("pandas: median (least–most over the rounds).\n")
    print("| file | pandas s | modnet s | ratio | without pyarrow s | ratio |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name, texts in (("numbers", 0), (f"{TEXTS} of {FEATURES} columns are text", TEXTS)):
            path = Path(folder) / f"{texts}.csv"
            write(path, rows, texts)
            check(path)
            calls = {"pandas": pd.read_csv, "modnet": read, "without pyarrow": read_without_pyarrow}
            contenders = {each: partial(processor_seconds, call, path) for each, call in calls.items()}
            row = take_turns(contenders, rounds)
            cells = [f"{statistics.median(row['pandas']):.3f}"]
            for each in ("modnet", "without pyarrow"):
                least, middle, most = ratios(row, each, "pandas")
                cells += [f"{statistics.median(row[each]):.3f}", f"**{middle:.2f}** ({least:.2f}–{most:.2f})"]
            print(f"| {name} | {' | '.join(cells)} |")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
