"""The datasets. x is (samples, features), float64; y is labels (samples,) or targets (samples, outputs)."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modnet.core.dataset import Data, Pair
from modnet.core.errors import DataError
from modnet.core.interfaces import Dataset
from modnet.data.csv import Table, read_table
from modnet.data.files import display_path
from modnet.data.idx import read_idx
from modnet.data.npz import read_npz

__all__ = ["Csv", "Digits", "Idx", "Npz"]


class Digits(Dataset):
    """1,797 handwritten digits of 8 × 8 pixels in [0, 1]: 1,437 to train, 360 to test; a part of modnet.

    Every fifth sample of those sorted by class tests, so that each class is divided alike; both parts keep
    the original order. Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
    Machine Learning Repository (1998), CC BY 4.0, https://doi.org/10.24432/C50P49; the part that scikit-learn
    bundles.
    """

    kind: Literal["digits"] = "digits"

    def load(self) -> Data:
        """Return the digits: x (samples, 64), y the digits 0 to 9."""
        with resources.as_file(resources.files("modnet.data") / "digits.npz") as path:
            arrays = read_npz(path, required=("x", "y"))
        x, y = arrays["x"] / 16.0, arrays["y"].astype(np.int64)
        tests = np.zeros(len(y), dtype=bool)
        tests[np.argsort(y, kind="stable")[::5]] = True
        return Data(train=(x[~tests], y[~tests]), test=(x[tests], y[tests]), image=(8, 8))


class Idx(Dataset):
    """The four IDX files of MNIST, or of a set in its form: x is pixels / 255, (samples, rows · columns).

    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
    ``t10k-labels-idx1-ubyte`` (``.idx3-ubyte`` will do), each packed with gzip (then perhaps with ``.gz``) or
    not. All pixels are float64, 8 bytes each: 439 MB for MNIST. Source: M. Nielsen, "Neural Networks and Deep
    Learning" (2015), chapter 1, for the division into 50,000, 10,000 and 10,000.
    """

    kind: Literal["idx"] = "idx"
    path: str = Field(min_length=1, description="the folder with the four files, absolute or from the current folder")
    validation_samples: int = Field(
        default=10_000,
        ge=0,
        description="how many of the training samples, the last ones, are kept to validate with; 0 for none",
    )

    def load(self) -> Data:
        """Return the images and their labels."""
        folder = Path(self.path)
        x, y = _read_images(folder, "train", "training")
        test = _read_images(folder, "t10k", "test")
        if test[0].shape[1:] != x.shape[1:]:
            size, other = (" × ".join(map(str, images.shape[1:])) for images in (x, test[0]))
            raise DataError(f"{display_path(folder)}: the training images have {size} pixels, the test images {other}")
        if self.validation_samples >= len(x):
            raise DataError(
                f"{display_path(folder)}: validation_samples = {self.validation_samples}, but there are "
                f"{len(x)} training samples; allowed are 0 to {len(x) - 1}"
            )
        pixels, kept = _as_pixels(x), len(x) - self.validation_samples
        validation = (pixels[kept:], y[kept:]) if self.validation_samples else None
        return Data(
            train=(pixels[:kept], y[:kept]),
            validation=validation,
            test=(_as_pixels(test[0]), test[1]),
            sources=dict.fromkeys(("train", "validation", "test"), self.path),
            image=(x.shape[1], x.shape[2]),
        )


class Csv(Dataset):
    """Rows of a CSV file with a header: one column is the target, all others are features, numbers.

    A target column of integers holds labels, one of other numbers holds targets, and one of anything else
    holds labels that are text. Source: RFC 4180.
    """

    kind: Literal["csv"] = "csv"
    path: str = Field(min_length=1, description="the file that is learnt from, absolute or from the current folder")
    target: str = Field(min_length=1, description="the name of the column that is to be predicted")
    validation_path: str | None = Field(
        default=None, min_length=1, description="a file with the same columns to validate with, if any"
    )
    test_path: str | None = Field(
        default=None, min_length=1, description="a file with the same columns to test with, if any"
    )

    target_type: Literal["auto", "integer", "text", "number"] = Field(
        default="auto",
        description="what the target column holds: labels that are integers or text, or numbers to be met; `auto` sees",
    )

    def load(self) -> Data:
        """Return the rows, and the names of the features."""
        train = read_table(self.path, self.target, kind=None if self.target_type == "auto" else self.target_type)
        return Data(
            train=(train.x, train.y),
            validation=self._read_other(self.validation_path, train),
            test=self._read_other(self.test_path, train),
            features=train.features,
            sources={"train": self.path, "validation": self.validation_path or "", "test": self.test_path or ""},
        )

    def _read_other(self, path: str | None, train: Table) -> Pair | None:
        if path is None:
            return None
        table = read_table(path, self.target, train.features, train.kind)
        return table.x, table.y


class Npz(Dataset):
    """Arrays of an NPZ archive, as ``numpy.savez`` writes it: x, y, and perhaps what validates and tests.

    With the names ``x`` and ``y`` these are ``x_validation``, ``y_validation``, ``x_test`` and ``y_test``.
    Arrays of Python objects are refused. Source: NumPy, "NPY format".
    """

    kind: Literal["npz"] = "npz"
    path: str = Field(min_length=1, description="the archive, absolute or from the current folder")
    x: str = Field(default="x", min_length=1, description="the name of the array of samples")
    y: str = Field(default="y", min_length=1, description="the name of the array of labels or targets")

    def load(self) -> Data:
        """Return the arrays as they are."""
        others = [f"{name}_{part}" for part in ("validation", "test") for name in (self.x, self.y)]
        arrays = read_npz(self.path, required=(self.x, self.y), optional=others)
        return Data(
            train=(arrays[self.x], arrays[self.y]),
            validation=self._pair(arrays, "validation"),
            test=self._pair(arrays, "test"),
            sources=dict.fromkeys(("train", "validation", "test"), self.path),
        )

    def _pair(self, arrays: dict[str, NDArray[Any]], part: str) -> Pair | None:
        x, y = f"{self.x}_{part}", f"{self.y}_{part}"
        if (x in arrays) != (y in arrays):
            there, missing = (x, y) if x in arrays else (y, x)
            raise DataError(f"{display_path(self.path)}: array {there!r} is there, but no array {missing!r}")
        return (arrays[x], arrays[y]) if x in arrays else None


def _read_images(folder: Path, stem: str, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images (samples, rows, columns) and their labels (samples,)."""
    images_path, labels_path = _find(folder, stem, "images", 3), _find(folder, stem, "labels", 1)
    images, labels = read_idx(images_path), read_idx(labels_path)
    _check_form(images, images_path, "images", 3)
    _check_form(labels, labels_path, "labels", 1)
    if len(images) != len(labels):
        raise DataError(f"{display_path(folder)}: {len(images)} {part} images, but {len(labels)} {part} labels")
    return images, labels.astype(np.int64)


def _find(folder: Path, stem: str, what: str, dimensions: int) -> Path:
    names = [f"{stem}-{what}{mark}idx{dimensions}-ubyte{gz}" for mark in "-." for gz in ("", ".gz")]
    for name in names:
        try:
            if (folder / name).exists():
                return folder / name
        except (OSError, ValueError):  # a folder that may not be searched: as good as not there
            continue
    state = (
        "is not a folder" if not _is_folder(folder) else f"has no {names[0]} (also looked for: {', '.join(names[1:])})"
    )
    raise DataError(f"{display_path(folder)}: {state}")


def _is_folder(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except (OSError, ValueError):
        return False


def _check_form(array: NDArray[Any], path: Path, what: str, dimensions: int) -> None:
    if array.dtype == np.uint8 and array.ndim == dimensions:
        return
    forms = {(np.dtype(np.uint8), 3): "images", (np.dtype(np.uint8), 1): "labels"}
    found = forms.get((array.dtype, array.ndim), f"{array.dtype} elements, {array.ndim}-D")
    raise DataError(f"{display_path(path)}: holds {found} where {what} are expected (uint8 elements, {dimensions}-D)")


def _as_pixels(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    return images.reshape(len(images), -1) / 255.0
