"""The built-in datasets that are no tables: x is (samples, features), y labels (samples,) or targets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modnet.core.dataset import Data, Pair
from modnet.core.errors import ConfigError, DataError
from modnet.core.interfaces import Dataset
from modnet.core.messages import short_repr
from modnet.data.idx import read_idx
from modnet.data.npy import open_npy
from modnet.data.npz import read_npz
from modnet.data.target_type import TYPES, TargetType, read_as

__all__ = ["Digits", "Idx", "Memory", "Npy", "Npz"]


class Digits(Dataset):
    """1,797 handwritten digits of 8 × 8 pixels in [0, 1]: 1,437 to train, 360 to test; included in modnet.

    Every fifth sample of those sorted by class is a test sample, so that each class is divided alike; both parts keep
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
        is_test = np.zeros(len(y), dtype=bool)
        is_test[np.argsort(y, kind="stable")[::5]] = True
        return Data(train=(x[~is_test], y[~is_test]), test=(x[is_test], y[is_test]), image=(8, 8))


class Memory(Dataset):
    """Samples that were given in Python, as x and y: what the configuration of their run says in place of a dataset.

    They are not stored, so nothing can be loaded: whoever needs them is asked to give them again.
    """

    kind: Literal["memory"] = "memory"

    def load(self) -> Data:
        """Raise a ConfigError that says how the samples are given again."""
        given = "the samples were given in memory, and are not stored"
        raise ConfigError(f"data.kind: 'memory': {given}; allowed: another kind, or in Python fit(x, y)")


class Idx(Dataset):
    """The four IDX files of MNIST, or of a dataset in its format: x is pixels / 255, (samples, rows · columns).

    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
    ``t10k-labels-idx1-ubyte`` (or ``.idx3-ubyte``), each compressed with gzip (with or without ``.gz``) or
    not. All pixels are float64, 8 bytes each: 439 MB for MNIST. Source: M. Nielsen, "Neural Networks and Deep
    Learning" (2015), chapter 1, for the division into 50,000, 10,000 and 10,000.
    """

    kind: Literal["idx"] = "idx"
    also_known_as: ClassVar[tuple[str, ...]] = ("mnist",)
    path: str = Field(min_length=1, description="the folder with the four files, absolute or from the current folder")
    validation_samples: int = Field(
        default=10_000,
        ge=0,
        description="how many of the training samples, the last ones, are used for validation instead; 0 for none",
    )

    def load(self) -> Data:
        """Return the images and their labels."""
        x, y, image = _read_images(Path(self.path), "train", "training")
        x_test, y_test, test_image = _read_images(Path(self.path), "t10k", "test")
        if test_image != image:
            sizes = "the training images have {} × {} pixels, the test images {} × {}".format(*image, *test_image)
            raise DataError(f"{self.path}: {sizes}")
        if self.validation_samples >= len(x):
            raise DataError(
                f"{self.path}: validation_samples = {self.validation_samples}, but there are "
                f"{len(x)} training samples; allowed are 0 to {len(x) - 1}"
            )
        count = len(x) - self.validation_samples
        return Data(
            train=(x[:count], y[:count]),
            validation=(x[count:], y[count:]) if self.validation_samples else None,
            test=(x_test, y_test),
            sources=dict.fromkeys(("train", "validation", "test"), self.path),
            image=image,
        )


class _Arrays(Dataset):
    """Arrays with names: those of the training, and with ``_validation`` and ``_test`` after their names of others."""

    path: str = Field(min_length=1, description="the archive, absolute or from the current folder")
    x: str = Field(default="x", min_length=1, description="the name of the array of samples")
    y: str = Field(default="y", min_length=1, description="the name of the array of labels or targets")
    weight: str | None = Field(
        default=None,
        min_length=1,
        description="the name of an array that says how much each sample counts, if any; `_validation` and `_test` "
        "after it are used where they are there",
    )
    group: str | None = Field(
        default=None,
        min_length=1,
        description="the name of an array that says which group each training sample belongs to, if any; no group is "
        "divided where samples are held out for validation or test",
    )

    target_type: TargetType = Field(default="auto", description=TYPES)

    def _names(self) -> dict[str, list[str]]:
        """Return the names of the arrays by what is after them; those with nothing after them are required."""
        own = [self.x, self.y, *([self.weight] if self.weight else [])]
        names = {part: [name + part for name in own] for part in ("", "_validation", "_test")}
        return names | {"": [*names[""], *([self.group] if self.group else [])]}

    def _data(self, arrays: Mapping[str, Any]) -> Data:
        """Return the samples that these arrays are."""

        def pair(part: str) -> Pair | None:
            x, y = self.x + part, self.y + part
            if (x in arrays) != (y in arrays):
                present, missing = (x, y) if x in arrays else (y, x)
                raise DataError(f"{self.path}: there is an array {present!r}, but no array {missing!r}")
            if x not in arrays:
                return None
            targets = read_as(arrays[y], self.target_type, f"{self.path}: array {short_repr(y)}")
            return arrays[x], targets, arrays.get(f"{self.weight}{part}") if self.weight else None

        sources = dict.fromkeys(("train", "validation", "test"), self.path)
        train, groups = pair(""), arrays[self.group] if self.group else None
        assert train is not None  # noqa: S101 -- who calls it has both
        return Data(train, pair("_validation"), pair("_test"), sources=sources, groups=groups)


class Npz(_Arrays):
    """Arrays of an NPZ archive, as ``numpy.savez`` writes it: x, y, and optionally validation and test samples.

    With the names ``x`` and ``y`` these are ``x_validation``, ``y_validation``, ``x_test`` and ``y_test``.
    Arrays of Python objects are refused. Source: NumPy, "NPY format".
    """

    kind: Literal["npz"] = "npz"

    def load(self) -> Data:
        """Return the arrays as they are."""
        names = self._names()
        return self._data(read_npz(self.path, required=names[""], optional=names["_validation"] + names["_test"]))


class Npy(_Arrays):
    """NPY files in a folder, as ``numpy.save`` writes them: ``x.npy``, ``y.npy``, and optionally more samples.

    The rows of x are read where they are: the files are mapped into memory and never read whole, so they may be larger
    than memory. An array may be divided among files: ``x-000.npy``, ``x-001.npy`` and so on. Validation and test
    samples are ``x_validation.npy``, ``y_validation.npy``, ``x_test.npy`` and ``y_test.npy``, or divided too. Arrays of
    Python objects are refused. Source: NumPy, "NPY format".
    """

    kind: Literal["npy"] = "npy"
    path: str = Field(min_length=1, description="the folder with the files, absolute or from the current folder")

    def load(self) -> Data:
        """Return the arrays, which stay in the files."""
        names = self._names()
        opened = {name: open_npy(self.path, name) for part in names.values() for name in part}
        for name in names[""]:
            if opened[name] is None:
                raise DataError(f"{self.path}: has neither {name}.npy nor {name}-000.npy")
        return self._data({name: array for name, array in opened.items() if array is not None})


def _read_images(folder: Path, stem: str, part: str) -> tuple[NDArray[Any], NDArray[Any], tuple[int, int]]:
    """Return pixels (samples, rows · columns) in [0, 1], labels (samples,), and rows and columns of an image."""
    images = _read_array(folder, stem, "images", 3)
    labels = _read_array(folder, stem, "labels", 1)
    if len(images) != len(labels):
        raise DataError(f"{folder}: {len(images)} {part} images, but {len(labels)} {part} labels")
    rows, columns = images.shape[1:]
    return images.reshape(len(images), -1) / 255.0, labels.astype(np.int64), (rows, columns)


def _read_array(folder: Path, stem: str, content: str, dimensions: int) -> NDArray[Any]:
    names = [f"{stem}-{content}{mark}idx{dimensions}-ubyte{gz}" for mark in "-." for gz in ("", ".gz")]
    for name in names:
        if os.path.exists(folder / name):  # noqa: PTH110 -- Path.exists raises where a folder may not be searched
            array = read_idx(folder / name)
            if array.dtype != np.uint8 or array.ndim != dimensions:
                problem = f"holds {array.dtype} elements, {array.ndim}-D; {content} are uint8 elements, {dimensions}-D"
                raise DataError(f"{folder / name}: {problem}")
            return array
    if not os.path.isdir(folder):  # noqa: PTH112 -- the same
        raise DataError(f"{folder}: is not a folder")
    raise DataError(f"{folder}: has no {names[0]} (also looked for: {', '.join(names[1:])})")
