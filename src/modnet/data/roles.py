"""What the columns of a table file are used for: target, weight, group, and the features."""

from __future__ import annotations

from dataclasses import dataclass

from modnet.core.errors import DataError
from modnet.core.messages import list_values, short_repr
from modnet.data.columns import find_columns

__all__ = ["Roles"]


@dataclass(frozen=True)
class Roles:
    """The names of columns by what they are used for.

    Attributes:
        target: What is predicted.
        weight: How much each row counts, if any.
        group: What each row belongs to, if any; no feature.
        columns: The features, in this order; None for all other columns.
        exclude: Columns that are no features.
    """

    target: str
    weight: str | None = None
    group: str | None = None
    columns: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()

    @property
    def taken(self) -> dict[str, str]:
        """Role → the column that has it, without those that none has."""
        roles = {"target": self.target, "weight": self.weight, "group": self.group}
        return {role: column for role, column in roles.items() if column is not None}

    def features(self, header: tuple[str, ...], where: str, reason: str = "") -> tuple[str, ...]:
        """Return the features among the columns of a training file; ``reason`` says why there may be no target.

        Raises:
            DataError: starting with ``where``: a column is missing, or is used twice; no column is left.
        """
        used: dict[str, str] = {}
        for role, column in self.taken.items():
            if column in used:
                raise DataError(f"{where}: column {short_repr(column)} cannot be both {used[column]} and {role}")
            used[column] = role
        for column in self.columns or ():
            if column in used:
                raise DataError(f"{where}: column {short_repr(column)} cannot be both {used[column]} and a feature")
            if column in self.exclude:
                raise DataError(f"{where}: column {short_repr(column)} is both in data.columns and in data.exclude")
            if (self.columns or ()).count(column) > 1:
                raise DataError(f"{where}: data.columns has {short_repr(column)} twice")
        find_columns(header, [self.target], f"{where}:", reason)
        if self.weight is not None:
            find_columns(header, [self.weight], f"{where}:", ", which is to hold the weights")
        if self.group is not None:
            find_columns(header, [self.group], f"{where}:", ", which is to hold the groups")
        find_columns(header, self.exclude, f"{where}:", ", which data.exclude names")
        if self.columns is not None:
            find_columns(header, self.columns, f"{where}:", ", which data.columns names")
            return self.columns
        left = tuple(column for column in header if column not in used and column not in self.exclude)
        if not left:
            besides = " and ".join(short_repr(column) for column in used)
            if self.exclude:
                besides += f" and {list_values(self.exclude)}, which data.exclude names"
            raise DataError(f"{where}: no column besides {besides}; at least one feature is needed")
        return left

    def may_be_in(self, column: str) -> bool:
        """Return whether a validation or test file may have a column that is no feature of the training."""
        return self.columns is not None or column in self.exclude or column in self.taken.values()
