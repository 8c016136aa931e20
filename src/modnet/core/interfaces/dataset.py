"""Dataset: where the samples come from."""

from __future__ import annotations

import math
import sys
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from modnet.core.component import Component, Slot
from modnet.core.dataset import Data
from modnet.core.interfaces.transform import Transform
from modnet.core.messages import short_repr

__all__ = ["ClassWeight", "Dataset"]

ClassWeight: TypeAlias = Literal["balanced"] | tuple[tuple[str, float], ...]
"""``balanced``, or pairs of a label, as text, and its weight."""


def _read_class_weight(value: Any) -> ClassWeight | None:
    if value is None:
        return None
    if value == "balanced":
        return "balanced"
    table = dict(value) if isinstance(value, Mapping | tuple) else {}
    if not table:
        raise ValueError(f'{short_repr(value)} should be "balanced", or a table with a weight for each label')
    for label, weight in table.items():
        if type(weight) not in (int, float) or not 0 <= weight < math.inf:
            raise ValueError(f"{label}: {short_repr(weight)} should be a finite number from 0")
    weights = {str(label): float(weight) for label, weight in table.items()}
    if len(weights) < len(table):
        raise ValueError(f"{short_repr(table)} has two labels that are the same as text")
    return tuple(weights.items())


def _write_class_weight(value: ClassWeight | None) -> Any:
    return dict(value) if isinstance(value, tuple) else value


_WEIGHT = {"type": "number", "minimum": 0, "maximum": sys.float_info.max}
_CLASS_WEIGHT = {
    "anyOf": [
        {"const": "balanced"},
        {"type": "object", "additionalProperties": _WEIGHT, "minProperties": 1},
        {"type": "null"},
    ]
}


class Dataset(Component):
    """Where the samples come from; they are divided and transformed in the same way for every dataset."""

    family: ClassVar[str] = "dataset"

    validation_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="the fraction of the training samples that is sampled at random, class by class, for validation; "
        "0 where the dataset has its own validation samples or none are wanted",
    )
    test_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="the fraction of the training samples that is sampled at random, class by class, for the test, "
        "before those for validation; 0 where the dataset has its own test samples or none are wanted",
    )
    transforms: tuple[Annotated[Transform, Slot()], ...] = Field(
        default=(),
        description="what is done with the columns before they enter the network, in this order; fitted to the "
        'training samples alone and kept with the model: `["standard"]` scales them to mean 0 and deviation 1',
    )
    target_transform: Annotated[Transform, Slot()] | None = Field(
        default=None,
        description="what is done with targets that are numbers, and undone in predictions: `standard` or `log`; "
        "none means that the network is trained for the numbers as they are",
    )
    class_weight: Annotated[
        ClassWeight | None,
        PlainValidator(_read_class_weight),
        PlainSerializer(_write_class_weight),
        WithJsonSchema(_CLASS_WEIGHT),
    ] = Field(
        default=None,
        description="how much the training samples of each class count: `balanced` so that all classes count the same, "
        "or a table of weights by label, 1 for those not in it; none means that all samples count the same",
    )

    @abstractmethod
    def load(self) -> Data:
        """Return the samples.

        Raises:
            DataError: the samples cannot be read; the message names file and place.
        """
