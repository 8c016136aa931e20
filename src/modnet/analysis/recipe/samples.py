"""The first configuration for samples in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modnet.analysis.recipe.choices import Choice, as_config
from modnet.analysis.recipe.columns import Column, are_many, summarize
from modnet.analysis.recipe.rules import Facts, choose
from modnet.config.run_config import RunConfig
from modnet.core.errors import DataError
from modnet.core.messages import short_repr
from modnet.data.labels import Targets
from modnet.data.raw import raw_rows
from modnet.data.table import as_table
from modnet.data.weights import as_weights

__all__ = ["columns_of", "suggest"]


def suggest(x: Any, y: Any, *, sample_weight: Any = None) -> RunConfig:
    """Return a first configuration for samples: what `modnet init` writes for a file, without a share for the test.

    It is for ``Trainer(config).fit(x, y)``, or ``config.to_toml()``. The rules look at the numbers of samples, classes
    and columns, at missing values and text, and at how even the classes are; they are described in the documentation.

    >>> from modnet import suggest
    >>> suggest([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]).network.cost.kind
    'categorical-cross-entropy'

    Args:
        x: Samples, (samples, features): an array, nested lists, or a data frame.
        y: Class labels, (samples,), or targets, (samples, outputs); integers are labels and floats numbers, as in
            `Trainer.fit`.
        sample_weight: How much each sample counts, (samples,); by default all count the same.

    Raises:
        DataError: samples, labels or weights cannot be used, a column has too many different texts, or integers are too
            many for classes: more than 20 different ones, and more than 5 % of the samples.
    """
    columns = columns_of(x, "training x")
    for column in columns:
        if column.is_text and column.useless:
            raise DataError(f"training x: column {short_repr(column.name)} {column.useless}; leave it out")
    count = columns[0].rows
    targets = Targets.fit(y, count, "training y")
    _check_classes(targets, count)
    weights = None if sample_weight is None else as_weights(sample_weight, count, "training sample_weight")
    return as_config([Choice("data.kind", "memory"), *choose(Facts(count, columns, targets, weights))])


def _check_classes(targets: Targets, count: int) -> None:
    classes = targets.classes
    if classes is not None and classes.dtype.kind in "iu" and are_many(len(classes), count):
        many = f"{len(classes):,} different integers in {count:,} samples, too many for classes"
        raise DataError(f"training y: {many}; for numbers to predict give floats, for classes text")


def columns_of(x: Any, where: str) -> Sequence[Column]:
    """Return what the columns of samples hold.

    Raises:
        DataError: starting with ``where``: they cannot be used, or are no rows of columns.
    """
    rows = raw_rows(x, None, None, where, transforms=True)
    if len(rows.shape) != 2:
        shape = "×".join(map(str, rows.shape[1:]))
        raise DataError(f"{where}: samples of shape {shape}; rows of columns are needed, (samples, features)")
    return summarize(as_table(rows, None))
