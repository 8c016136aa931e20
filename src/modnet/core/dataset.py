"""Data: the samples that a dataset loads, as they are before validation, transforms and splitting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from modnet.core.errors import DataError

__all__ = ["Data", "Names", "Pair"]

Names: TypeAlias = tuple[str | int, ...]
"""Names of columns: text or integers. They are compared as text: in a file, the integer 0 is "0"."""

Pair: TypeAlias = tuple[Any, Any] | tuple[Any, Any, Any]
"""x, (samples, features), and y: class labels (samples,), or targets (samples, outputs) as floats. A third member is
the samples' weights, (samples,), each at least 0; None where all count the same."""


@dataclass(frozen=True)
class Data:
    """Samples for one training.

    Attributes:
        train: The training samples.
        validation: The validation samples, if any.
        test: The test samples, if any.
        features: The names of the columns of x, if the source has names.
        sources: The file or folder of ``train``, ``validation`` and ``test``; those given in memory have none.
        image: The (height, width) in pixels if each row of x is an image, stored row by row; None otherwise.
        held_out: ``validation`` or ``test`` → the numbers of the training rows that are held out for it, where an
            earlier run has sampled them; without them, ``data.validation_share`` and ``data.test_share`` do.
        groups: The group of each training sample, (samples,), if any: samples of one group are never divided.
        classes: The class labels that y may hold, in the order of the outputs; y is then labels, whatever their dtype.
            None: the classes are those of the training samples.

    Raises:
        DataError: ``train``, ``validation`` or ``test`` is neither a pair nor a triple; ``held_out`` has another form.
    """

    train: Pair
    validation: Pair | None = None
    test: Pair | None = None
    features: Names | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    image: tuple[int, int] | None = None
    held_out: Mapping[str, Any] = field(default_factory=dict)
    groups: Any = None
    classes: Any = None

    def __post_init__(self) -> None:
        for part in ("train", "validation", "test"):
            pair = getattr(self, part)
            if pair is None and part != "train":
                continue
            if not (isinstance(pair, tuple | list) and len(pair) in (2, 3)):
                size = f" of length {len(pair)}" if hasattr(pair, "__len__") else ""
                expected = "expects a pair of x and y, or x, y and sample_weight"
                raise DataError(f"{self.place(part)}: {expected}, got a {type(pair).__name__}{size}")
        if not isinstance(self.held_out, Mapping) or not self.held_out.keys() <= {"validation", "test"}:
            got = (
                f"the keys {list(self.held_out)}"
                if isinstance(self.held_out, Mapping)
                else type(self.held_out).__name__
            )
            raise DataError(f"{self.place('train')}: held_out expects row numbers by validation or test, got {got}")

    def place(self, part: str) -> str:
        """Return the name of ``train``, ``validation`` or ``test`` in error messages, after its file if it has one."""
        source = self.sources.get(part, "")
        return (f"{source}: " if source else "") + ("training" if part == "train" else part)
