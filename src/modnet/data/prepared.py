"""Samples in the form in which they enter the network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from modnet.data.labels import Targets
from modnet.data.row_source import ArrayOrSource
from modnet.data.table import Rows
from modnet.data.validation import blocks

__all__ = ["PartRecord", "Samples"]


class PartRecord(BaseModel):
    """What is kept of the samples of one part, to know them again.

    Attributes:
        rows: Their number.
        sha256: Their `Samples.digest`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    rows: PositiveInt
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


@dataclass(frozen=True)
class Samples:
    """Preprocessed samples and their targets.

    Attributes:
        x: (samples, features) or with more dimensions, transformed, in the network's dtype; an array, or a
            `RowSource`, of which ``x[rows]`` is one.
        targets: The same number of targets.
        weights: How much each sample counts, (samples,), float64, at least 0; None where all count the same.
        held_out: Which of the training rows these are, where they were held out of them; else None.
        raw: The rows and the targets as they were before the transforms; None where there are no transforms.
        groups: The number of each sample's group, (samples,), of training samples that have groups; else None.
    """

    x: ArrayOrSource
    targets: Targets
    weights: NDArray[np.float64] | None = None
    held_out: NDArray[np.intp] | None = None
    raw: tuple[Rows, Targets] | None = None
    groups: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def labels(self) -> NDArray[np.integer[Any]] | None:
        """The class of each sample as an integer from 0, (samples,); None if the targets are numbers."""
        return self.targets.codes

    def take(self, rows: NDArray[np.intp]) -> Samples:
        """Return the samples ``rows``."""
        return Samples(self.x[rows], self.targets.take(rows), None if self.weights is None else self.weights[rows])

    def digest(self) -> str:
        """Return a SHA-256 of dtypes, shapes, values, weights and labels, in hexadecimal digits, block by block."""
        classes = self.targets.classes
        digest = hashlib.sha256(repr(None if classes is None else classes.tolist()).encode())
        for array in (self.x, self.targets.codes, self.targets.values, self.weights):
            if array is not None:
                digest.update(f"{array.dtype} {array.shape}".encode())
                for rows in blocks(array):
                    digest.update(np.ascontiguousarray(array[rows]).data)
        return digest.hexdigest()

    def record(self) -> PartRecord:
        """Return what is kept of them."""
        return PartRecord(rows=len(self), sha256=self.digest())

    def __repr__(self) -> str:
        return f"<{len(self)} samples of shape {self.x.shape[1:]}, {self.x.dtype}>"
