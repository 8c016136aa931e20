"""What a run folder keeps of its data: ``data.json``, and of data given in memory the outputs for held-out samples."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, PositiveInt, model_validator

from modnet.core.errors import DataError, ModelFileError
from modnet.core.interfaces import Dataset
from modnet.core.messages import list_values
from modnet.data.files import open_binary
from modnet.data.labels import Targets
from modnet.data.prepared import PartRecord, Samples
from modnet.network.network import Network, Vector
from modnet.storage.atomic import file_errors, write_file
from modnet.storage.safetensors import ModelFile, dump

__all__ = [
    "DATA_NAME",
    "OUTPUTS_NAME",
    "DataRecord",
    "KeptOutputs",
    "absolute_paths",
    "read_outputs",
    "write_outputs",
]

DATA_NAME, OUTPUTS_NAME = "data.json", "outputs.safetensors"

MOST_BYTES = 1 << 26
"""How large either file may be. Two parts that were held out of 200 million samples are fewer bytes."""


class DataRecord(BaseModel):
    """The content of ``data.json``.

    Attributes:
        kind: The kind of the dataset; ``memory`` where the samples were given in Python.
        paths: The absolute paths of the dataset's files, by the names of its options.
        input_shape, features: The shape of one sample, and the names of its columns, if they have any.
        parts: Rows and digest of ``train``, ``validation`` and ``test``.
        held_out: ``validation`` or ``test`` → which of the training rows were held out for it, a bit for each row, in
            base64.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    kind: str
    paths: dict[str, str]
    input_shape: list[PositiveInt]
    features: list[str | int] | None
    parts: dict[str, PartRecord]
    held_out: dict[str, str]

    @model_validator(mode="after")
    def _check_held_out(self) -> Self:
        if unknown := self.held_out.keys() - (self.parts.keys() & {"validation", "test"}):
            raise ValueError(f"held_out: {list_values(sorted(unknown))}; allowed are validation and test, as in parts")
        if "train" not in self.parts:
            raise ValueError("parts: has no train")
        rows = self.held_out_rows()
        for part, numbers in rows.items():
            if len(numbers) != self.parts[part].rows:
                raise ValueError(f"held_out.{part}: {len(numbers)} rows, parts.{part} has {self.parts[part].rows}")
        if len(np.unique(np.concatenate([[], *rows.values()]))) != sum(map(len, rows.values())):
            raise ValueError("held_out: a row is both in validation and in test")
        return self

    @property
    def total(self) -> int:
        """The number of training samples, those that were held out included."""
        return sum(self.parts[part].rows for part in ("train", *self.held_out))

    def held_out_rows(self) -> dict[str, NDArray[np.intp]]:
        """Return the numbers of the training rows that were held out, by part."""
        rows: dict[str, NDArray[np.intp]] = {}
        for part, text in self.held_out.items():
            packed = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
            if len(packed) != -(-self.total // 8):
                raise ValueError(f"held_out.{part}: {len(packed)} bytes for {self.total} rows")
            rows[part] = np.flatnonzero(np.unpackbits(packed, count=self.total))
        return rows

    @classmethod
    def of(cls, network: Network, dataset: Dataset, samples: Mapping[str, Samples], paths: dict[str, str]) -> Self:
        """Return what is kept of the samples of a training; they are read and hashed.

        ``paths`` is what `absolute_paths` returned when they were loaded.
        """
        parts = {part: each.record() for part, each in samples.items()}
        rows = {part: each.held_out for part, each in samples.items() if each.held_out is not None}
        total = sum(parts[part].rows for part in ("train", *rows))
        held_out = {}
        for part, numbers in rows.items():
            is_held_out = np.zeros(total, dtype=bool)
            is_held_out[numbers] = True
            held_out[part] = base64.b64encode(np.packbits(is_held_out).tobytes()).decode()
        return cls(
            kind=dataset.kind_name(),
            paths=paths,
            input_shape=list(network.input_shape),
            features=None if network.features is None else list(network.features),
            parts=parts,
            held_out=held_out,
        )

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the record in a run folder, or None where there is none; a damaged one is a `ModelFileError`."""
        path = folder / DATA_NAME
        if not _exists(path):
            return None
        try:
            with file_errors(path, "cannot be read"), open_binary(path) as file:
                content = file.read(MOST_BYTES + 1)
                if len(content) > MOST_BYTES:
                    raise ValueError(f"it has more than {MOST_BYTES} bytes")
                return cls.model_validate_json(content)
        except DataError as error:
            raise ModelFileError(str(error)) from None

    def write(self, folder: Path) -> None:
        """Write the file, unless it is there: a training that is resumed has the same samples, at the same place."""
        path = folder / DATA_NAME
        if not _exists(path):
            with file_errors(path, "not written"):
                content = f"{self.model_dump_json(indent=1)}\n".encode()
            write_file(path, content)

    def locate(self, dataset: Dataset) -> Dataset:
        """Return the dataset with its files where they were at the training, if they are still there."""
        relative = {name for name, path in _paths(dataset).items() if not Path(path).is_absolute()}
        found = {name: path for name, path in self.paths.items() if name in relative and _exists(path)}
        return dataset.model_copy(update=found)


def absolute_paths(dataset: Dataset) -> dict[str, str]:
    """Return the absolute paths of a dataset's files by the names of its options, as far as they can be written."""
    found = {}
    for name, path in _paths(dataset).items():
        with suppress(OSError, ValueError):  # the current folder is gone, or is not UTF-8
            absolute = str(Path(path).absolute())
            absolute.encode()
            found[name] = absolute
    return found


def _exists(path: str | Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 -- Path.exists raises where a folder may not be searched


def _paths(dataset: Dataset) -> dict[str, str]:
    """Return the options of a dataset that are paths by their names."""
    options = {name: getattr(dataset, name) for name in type(dataset).model_fields}
    named = {name: value for name, value in options.items() if name == "path" or name.endswith("_path")}
    return {name: value for name, value in named.items() if isinstance(value, str)}


class KeptOutputs(NamedTuple):
    """All outputs of a trained network for the samples of one part, (samples, outputs), their targets and weights."""

    targets: Targets
    weights: NDArray[np.float64] | None
    outputs: Vector


def write_outputs(folder: Path, network: Network, samples: Mapping[str, Samples]) -> None:
    """Write to a run folder the outputs for the held-out samples, and where there are none for the training samples.

    A part for which they would be too large is left out.
    """
    tensors: dict[str, NDArray[Any]] = {}
    for part in samples.keys() - {"train"} or {"train"}:
        each = samples[part]
        arrays = {"codes": each.targets.codes, "values": each.targets.values, "weights": each.weights}
        kept = {f"{part}.{name}": values for name, values in arrays.items() if values is not None}
        size = len(each) * network.outputs * network.dtype.itemsize
        if size + sum(values.nbytes for values in (*kept.values(), *tensors.values())) < MOST_BYTES:
            starts = range(0, len(each), network.chunk)
            chunks = [network.forward(each.x[start : start + network.chunk]) for start in starts]
            tensors |= kept | {f"{part}.outputs": np.concatenate(chunks)}
    path = folder / OUTPUTS_NAME
    with file_errors(path, "not written"):
        content = dump(tensors, {"parameters": _digest(network)})
    write_file(path, content)


def read_outputs(folder: Path, network: Network) -> dict[str, KeptOutputs]:
    """Return what `write_outputs` wrote, by part; none where there is no file.

    Raises:
        ModelFileError: the file is damaged, or of another network.
    """
    path = folder / OUTPUTS_NAME
    if not _exists(path):
        return {}
    file = ModelFile.open(path)
    with file_errors(path, "cannot be used"):
        if file.metadata != {"parameters": _digest(network)}:
            raise ValueError("its outputs are not those of the model file beside it")
        parts = {name.partition(".")[0] for name in file.entries}
        return {part: _kept(file.entries, part, network) for part in sorted(parts)}


def _kept(entries: Mapping[str, NDArray[Any]], part: str, network: Network) -> KeptOutputs:
    names = ("outputs", "codes", "values", "weights")
    outputs, codes, values, weights = (entries.get(f"{part}.{name}") for name in names)
    count = 0 if outputs is None else len(outputs)
    wanted = [
        (outputs, network.dtype.kind, (count, network.outputs)),
        (codes, "u", (count,)) if network.classes is not None else (values, "f", (count, network.target_width)),
        *([(weights, "f", (count,))] if weights is not None else []),
    ]
    fits = count > 0 and all(
        array is not None and array.dtype.kind == kind and array.shape == shape for array, kind, shape in wanted
    )
    fits = fits and all(np.isfinite(array).all() for array, *_ in wanted[1:] if array is not None)
    if codes is not None and network.classes is not None:
        fits = fits and int(codes.max()) < len(network.classes)
    if not fits or outputs is None:
        raise ValueError(f"what it holds of {part} does not fit the network")
    return KeptOutputs(Targets(network.classes, codes, values, network.multi_label), weights, outputs)


def _digest(network: Network) -> str:
    return hashlib.sha256(network.parameters.tobytes()).hexdigest()
