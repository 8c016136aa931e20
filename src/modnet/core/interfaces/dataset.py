"""Dataset: where the samples come from."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from modnet.core.component import Component
from modnet.core.dataset import Data

__all__ = ["Dataset"]


class Dataset(Component):
    """Where the samples come from. What is done with them afterwards is the same for every dataset."""

    family: ClassVar[str] = "dataset"

    validation_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="the share of the training samples that is drawn by lot, class by class, to validate; "
        "0 where the data brings its own or none is wanted",
    )
    scaling: Literal["none", "standard", "min-max"] = Field(
        default="none",
        description="how the network scales each feature, fitted on the training samples alone and kept with the "
        "model: `standard` to mean 0 and standard deviation 1, `min-max` to [0, 1]",
    )

    def load(self) -> Data:
        """Return the samples.

        Raises:
            DataError: naming file and place.
        """
        raise NotImplementedError
