"""Dataset: where the samples come from."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from modnet.core.component import Component
from modnet.core.dataset import Data

__all__ = ["Dataset"]


class Dataset(Component):
    """Where the samples come from; they are split and scaled in the same way for every dataset."""

    family: ClassVar[str] = "dataset"

    validation_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="the fraction of the training samples that is sampled at random, class by class, for validation; "
        "0 where the dataset has its own validation samples or none are wanted",
    )
    scaling: Literal["none", "standard", "min-max"] = Field(
        default="none",
        description="how the network scales each feature, fitted on the training samples alone and kept with the "
        "model: `standard` to mean 0 and standard deviation 1, `min-max` to [0, 1]",
    )

    def load(self) -> Data:
        """Return the samples.

        Raises:
            DataError: the samples cannot be read; the message names file and place.
        """
        raise NotImplementedError
