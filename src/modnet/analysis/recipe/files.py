"""The first configuration for a file: a CSV or Parquet file with a target column, or an NPZ archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from modnet.analysis.recipe.choices import Choice, Item, as_config, as_toml
from modnet.analysis.recipe.columns import Column, summarize
from modnet.analysis.recipe.csv_format import detect_marks, missing_marks
from modnet.analysis.recipe.rules import Facts, choose
from modnet.analysis.recipe.samples import columns_of
from modnet.analysis.recipe.target import HINT, find_target, type_of_array, type_of_cells
from modnet.core.errors import ConfigError, DataError
from modnet.core.messages import counted, list_values, short_repr
from modnet.data.csv.features import first_grouped, has_other_decimal
from modnet.data.csv.reading import Contents, read_contents
from modnet.data.csv.rows import CsvFormat
from modnet.data.csv.targets import read_target
from modnet.data.datasets.arrays import Npz
from modnet.data.files import open_binary
from modnet.data.labels import Targets
from modnet.data.npz import read_npz
from modnet.data.parquet.reading import column_types, read_parquet
from modnet.data.roles import Roles
from modnet.data.table import Table, as_table
from modnet.data.target_type import TargetType, read_as

__all__ = ["configuration_for"]


_SAVE = "save a spreadsheet, or text with another ending, as .csv"


class _Found(NamedTuple):
    """The choices that say where the samples are, what is known of them, and what the file holds in one line."""

    choices: list[Choice]
    facts: Facts
    held: str


def configuration_for(path: str, target: str | None = None, test: str | None = None) -> str:
    """Return a TOML file with a configuration for a table, and beside each choice the reason.

    Args:
        path: A CSV or Parquet file, or an NPZ archive.
        target: The column, or in an archive the array, to predict; by default it is found.
        test: A file of the same kind with the test samples; by default a share of the rows is held out.

    Raises:
        ConfigError: the file is of another kind.
        DataError: it cannot be read, or what is to be predicted is unclear.
    """
    readers = {"csv": _csv, "parquet": _parquet, "npz": _npz}
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in readers:
        raise ConfigError(f"{path}: unknown format; allowed: a .csv, .parquet or .npz file; {_SAVE}")
    if test is not None:
        if kind == "npz":
            raise ConfigError(f"--test {test}: an archive has its test samples in the arrays x_test and y_test")
        if Path(test).suffix.lower() != f".{kind}":
            raise ConfigError(f"--test {test}: unknown format; allowed: a .{kind} file, as {path} is")
        open_binary(Path(test)).close()
    found = readers[kind](path, target, test)
    choices = [*found.choices, *choose(found.facts)]
    as_config(choices)
    title = [f"Written by modnet init for {found.held}.", "Every line may be changed."]
    return as_toml(title, choices)


def _csv(path: str, target: str | None, test: str | None) -> _Found:
    csv_format, format_choices = detect_marks(Path(path))
    why = ""

    def find(header: Sequence[str]) -> str:
        nonlocal why
        name, why = find_target(header, target, path, csv_format)
        return name

    contents = read_contents(path, csv_format, find)
    csv_format, marks = missing_marks(_texts(contents), csv_format)
    if marks:
        contents = read_contents(path, csv_format, find)
    where = f"{path}: column {short_repr(contents.target)}"
    kind, kind_why = type_of_cells(contents.cells, csv_format, where, is_given=target is not None)
    _, y = read_target(contents.cells, contents.lines, (path, contents.target), kind, csv_format)
    columns, excluded = _features(contents.table, path, _other_numbers(contents.table, csv_format))
    choices = [
        *_place("csv", path, test),
        Choice("data.target", contents.target, why),
        Choice("data.target_type", kind, kind_why),
        *format_choices,
        *marks,
        *excluded,
    ]
    facts = Facts(len(y), columns, Targets.fit(y, len(y), where), test=test is None)
    return _Found(choices, facts, _held(path, len(y), 1 + len(contents.table.names or ())))


def _parquet(path: str, target: str | None, test: str | None) -> _Found:
    types = column_types(path)
    name, why = find_target(list(types), target, path)
    unusable = {
        column: f"holds {stored} values, which would have to be made numbers"
        for column, (kind, stored) in types.items()
        if kind is None and column != name
    }
    held, stored_as = types[name]
    if held is None:
        hint = HINT if target is None else ""
        raise DataError(f"{path}: column {short_repr(name)}: holds {stored_as} values, which cannot be predicted{hint}")
    if len(types) <= 1 + len(unusable):
        found = "; ".join(f"{short_repr(column)} {reason}" for column, reason in unusable.items())
        raise DataError(f"{path}: no column is left as a feature: {found}")
    read = read_parquet(path, Roles(name, exclude=tuple(unusable)), transforms=True, dates=True)
    where = f"{path}: column {short_repr(name)}"
    target_type, type_why = type_of_array(read.y, where, is_given=target is not None)
    y = read_as(read.y, target_type, where)
    columns, excluded = _features(as_table(read.x, read.features), path, unusable)
    choices = [
        *_place("parquet", path, test),
        Choice("data.target", name, why),
        Choice("data.target_type", target_type, type_why),
        *excluded,
    ]
    facts = Facts(len(y), columns, Targets.fit(y, len(y), where), test=test is None)
    return _Found(choices, facts, _held(path, len(y), len(types)))


def _other_numbers(table: Table, csv_format: CsvFormat) -> dict[str, str]:
    """Return column → why its texts, which are numbers, are not read as numbers."""
    reasons = {}
    for index, found in table.texts.items():
        name, texts = str((table.names or ())[index]), found.tolist()
        grouped = first_grouped(texts, csv_format)
        if has_other_decimal(texts, csv_format):
            reasons[name] = "holds numbers with another decimal mark"
        elif grouped is not None:
            reasons[name] = f"holds numbers in groups of thousands, as {short_repr(grouped)}: write them without"
    return reasons


def _texts(contents: Contents) -> dict[str, list[str]]:
    """Return the name of each column of text → its different texts; the target is one too."""
    names = contents.table.names or ()
    texts = {str(names[index]): found.tolist() for index, found in contents.table.texts.items()}
    return texts | {contents.target: list(dict.fromkeys(contents.cells))}


def _features(table: Table, path: str, unusable: Mapping[str, str]) -> tuple[list[Column], list[Choice]]:
    """Return the columns that may be features, and the choice of those that are excluded.

    Args:
        table: All columns but the target, and those that cannot be read.
        path: The file.
        unusable: Column → why it is excluded, whatever it holds.

    Raises:
        DataError: none is left.
    """
    summary = summarize(table)
    reasons = {str(column.name): column.useless for column in summary} | dict(unusable)
    excluded = [Item(name, reason) for name, reason in reasons.items() if reason]
    columns = [column for column in summary if not reasons[str(column.name)]]
    if not columns:
        found = "; ".join(f"{short_repr(item.value)} {item.reason}" for item in excluded)
        raise DataError(f"{path}: no column is left as a feature: {found}")
    return columns, [Choice("data.exclude", excluded)] if excluded else []


def _place(kind: str, path: str, test: str | None) -> list[Choice]:
    own = [] if test is None else [Choice("data.test_path", test, "says how good the result is")]
    return [Choice("data.kind", kind), Choice("data.path", path), *own]


def _held(path: str, rows: int, columns: int) -> str:
    return f"{path}: {counted(rows, 'row')}, {counted(columns, 'column')}"


def _npz(path: str, target: str | None, test: str | None) -> _Found:
    del test
    arrays = read_npz(path)
    y_name = "y" if target is None else target
    others = [name for name in arrays if name != y_name and not name.endswith(("_validation", "_test"))]
    x_name = "x" if "x" in others else others[0] if len(others) == 1 else None
    for name, wanted, hint in ((y_name, "the targets", "; --target ARRAY names it"), (x_name, "the samples, x", "")):
        if name not in arrays:
            raise DataError(f"{path}: which array holds {wanted}? The arrays are {list_values(arrays)}{hint}")
    assert x_name is not None  # noqa: S101 -- it is one of the arrays
    where = f"{path}: array {short_repr(y_name)}"
    target_type: TargetType = "auto"
    type_why = "several for each row"
    if arrays[y_name].ndim == 1:
        target_type, type_why = type_of_array(arrays[y_name], where, is_given=True)
    data = Npz(path=path, x=x_name, y=y_name, target_type=target_type).load()
    columns = columns_of(data.train[0], f"{path}: array {short_repr(x_name)}")
    count = columns[0].rows
    targets = Targets.fit(data.train[1], count, where)
    names = [Choice(f"data.{key}", name) for key, name in (("x", x_name), ("y", y_name)) if name != key]
    facts = Facts(count, columns, targets, test=data.test is None, has_validation=data.validation is not None)
    choices = [*_place("npz", path, None), *names, Choice("data.target_type", target_type, type_why)]
    return _Found(choices, facts, _held(path, count, len(columns)))
