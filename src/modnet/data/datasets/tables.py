"""The datasets that are files with named columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from modnet.core.dataset import Data, Pair
from modnet.core.interfaces import Dataset
from modnet.core.messages import short_repr
from modnet.data.csv.reading import CsvTable, read_table
from modnet.data.csv.rows import MISSING, CsvFormat
from modnet.data.parquet.reading import ParquetTable, read_parquet
from modnet.data.roles import Roles
from modnet.data.table import Kind
from modnet.data.target_type import TYPES, TargetType, read_as

__all__ = ["Csv", "Parquet"]

_Column: TypeAlias = Annotated[
    str,
    Field(min_length=1),
    BeforeValidator(lambda name: str(name) if type(name) is int else name),
    WithJsonSchema({"type": ["string", "integer"], "minLength": 1}),
]
"""The name of a column; pandas writes integers for columns without names."""
_Text: TypeAlias = Annotated[
    str,
    BeforeValidator(lambda text: str(text) if type(text) in (int, float) else text),
    WithJsonSchema({"type": ["string", "number"]}),
]
"""What a cell holds; a number may be given as one."""


class _TableFile(Dataset):
    """The base class of files with named columns, one of which is the target."""

    path: str = Field(min_length=1, description="the file to train with, absolute or from the current folder")
    target: _Column = Field(description="the name of the column to predict")
    weight: _Column | None = Field(
        default=None,
        description="the name of a column that says how much each row counts, if any; a validation or test file "
        "without it counts all rows the same",
    )
    group: _Column | None = Field(
        default=None,
        description="the name of a column that says which rows belong together, if any, as those of one patient do; "
        "it is no feature, and rows that are held out are held out group by group",
    )
    columns: tuple[_Column, ...] | None = Field(
        default=None, min_length=1, description="the names of the features, in this order; none for all other columns"
    )
    exclude: tuple[_Column, ...] = Field(default=(), description="the names of columns that are no features")
    validation_path: str | None = Field(
        default=None, min_length=1, description="a file with the same columns to validate with, if any"
    )
    test_path: str | None = Field(
        default=None, min_length=1, description="a file with the same columns to test with, if any"
    )

    _kinds: dict[str, Kind] = PrivateAttr(default_factory=dict)

    def reading_as(self, kinds: Mapping[str, Kind]) -> Self:
        """Return the dataset with columns that hold, with transforms, what these ``kinds`` by name say."""
        copy = self.model_copy()
        copy._kinds = dict(kinds)  # noqa: SLF001 -- the copy is of this class
        return copy

    @property
    def _roles(self) -> Roles:
        return Roles(self.target, self.weight, self.group, self.columns, self.exclude)

    @property
    def _has_transforms(self) -> bool:
        return len(self.transforms) > 0

    @property
    def _sources(self) -> dict[str, str]:
        return {"train": self.path, "validation": self.validation_path or "", "test": self.test_path or ""}


_SAME_MARKS: list[JsonValue] = [
    {"properties": {name: {"const": mark} for name in ("separator", "decimal")}, "required": [option]}
    for mark, option in ((",", "decimal"), (".", "separator"))
]
"""The options of a CSV file whose separator is its decimal mark, as JSON Schema; the other one may be left out."""


class Csv(_TableFile):
    """Rows of a CSV file with a header: one column is the target, all others are features, numbers or text.

    Without transforms, all features are numbers. A target column of integers holds labels, one of other numbers holds
    targets, and one of anything else holds labels that are text. Source: RFC 4180.
    """

    model_config = ConfigDict(json_schema_extra={"not": {"anyOf": _SAME_MARKS}})
    kind: Literal["csv"] = "csv"
    target_type: Literal["auto", "integer", "text", "number"] = Field(
        default="auto",
        description="what the target column holds: labels that are integers or text, or numbers to predict; "
        "`auto` detects it",
    )
    separator: str = Field(
        default=",", min_length=1, max_length=1, description="what is between two cells, one character; a tab may be"
    )
    decimal: Literal[".", ","] = Field(default=".", description="the decimal mark of numbers")
    missing: tuple[_Text, ...] = Field(
        default=MISSING, description='the cells that stand for a missing value; those of no characters are `""`'
    )

    @field_validator("separator", mode="before")
    @classmethod
    def _check_length(cls, value: Any) -> Any:
        if isinstance(value, str) and len(value) != 1:
            raise ValueError(f'{short_repr(value)} should be one character; a tab is "\\t"')
        return value

    @field_validator("separator")
    @classmethod
    def _check_separator(cls, value: str) -> str:
        if value.isalnum() or value in "\"'_+-\0\r\n":
            raise ValueError(f"{short_repr(value)} should be a character that no number, name or quoted cell needs")
        return value

    @field_validator("missing")
    @classmethod
    def _check_missing(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if value != value.strip():
                raise ValueError(f"{short_repr(value)} should have no spaces around it: those of cells are ignored")
        return values

    @model_validator(mode="after")
    def _check_marks(self) -> Self:
        if self.separator == self.decimal:
            raise ValueError(f"decimal and separator are both {short_repr(self.decimal)}; they should differ")
        return self

    @property
    def format(self) -> CsvFormat:
        """How the cells of the files are written."""
        return CsvFormat(self.separator, self.decimal, frozenset(self.missing))

    def load(self) -> Data:
        """Return the rows, and the names of the features."""
        kind = None if self.target_type == "auto" else self.target_type
        train = read_table(
            self.path, self._roles, self.format, target_kind=kind, transforms=self._has_transforms, kinds=self._kinds
        )
        return Data(
            train=(train.x, train.y, train.weights),
            validation=self._read(self.validation_path, train),
            test=self._read(self.test_path, train),
            features=train.features,
            sources=self._sources,
            groups=train.groups,
        )

    def _read(self, path: str | None, training: CsvTable) -> Pair | None:
        if path is None:
            return None
        table = read_table(path, self._roles, self.format, transforms=self._has_transforms, training=training)
        return table.x, table.y, table.weights


class Parquet(_TableFile):
    """Rows of a Parquet file: one column is the target, all others are features, numbers or text.

    Without transforms, all features are numbers without nulls. A target column of integers, bools or text holds labels,
    one of floats holds targets. The features are copied, row group by row group, to a temporary file that is mapped
    into memory, so the file may be larger than memory; the copy needs the room of the unpacked numbers in the folder
    for temporary files (``TMPDIR``). Needs pyarrow, in the extra ``tables``. Source: Apache Parquet.
    """

    kind: Literal["parquet"] = "parquet"
    target_type: TargetType = Field(default="auto", description=TYPES)

    def load(self) -> Data:
        """Return the rows, and the names of the features."""
        train = read_parquet(self.path, self._roles, transforms=self._has_transforms, kinds=self._kinds)
        return Data(
            (train.x, self._targets(train, self.path), train.weights),
            self._read(self.validation_path, train),
            self._read(self.test_path, train),
            features=train.features,
            sources=self._sources,
            groups=train.groups,
        )

    def _read(self, path: str | None, training: ParquetTable) -> Pair | None:
        if path is None:
            return None
        table = read_parquet(path, self._roles, transforms=self._has_transforms, training=training)
        return table.x, self._targets(table, path), table.weights

    def _targets(self, table: ParquetTable, path: str) -> Any:
        return read_as(table.y, self.target_type, f"{path}: column {short_repr(self.target)}")
