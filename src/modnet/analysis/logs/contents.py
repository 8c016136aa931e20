"""What a log says of a training beside its curves: configuration, versions, histograms and the confusion matrix."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np

from modnet import __version__
from modnet.analysis.gradients.gradient_flow import backpropagate, subsample
from modnet.analysis.logs.records import LogHistogram
from modnet.analysis.plots.confusion_matrix import matrix_picture
from modnet.analysis.plots.figure import figure_bytes, render
from modnet.analysis.results.confusion_matrix import confusion_of
from modnet.analysis.results.predictions import PARTS
from modnet.config.run_config import RunConfig
from modnet.core.interfaces import TrainingView
from modnet.storage.metadata import plugins_of
from modnet.training.result import part_name

__all__ = ["confusion_picture", "described", "flat_config", "histograms"]

SAMPLES = 256
"""The most training samples whose δ is in a histogram."""

Plain: TypeAlias = str | int | float | bool


def flat_config(config: RunConfig) -> dict[str, Plain]:
    """Return a configuration with every default, by dotted keys: ``network.layers.0.units``.

    A list of plain values is their JSON.
    """
    return dict(_flat(config.to_config(), ""))


def _flat(value: Any, key: str) -> Iterator[tuple[str, Plain]]:
    items: Any = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        items = enumerate(value)
    for name, item in items:
        yield from _flat(item, f"{key}.{name}" if key else str(name))
    if not items and key:
        yield key, value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)


def described(training: TrainingView) -> dict[str, str]:
    """Return the versions of all that a training depends on, and rows and SHA-256 of its samples."""
    texts = {"modnet": __version__, "numpy": np.__version__, "python": platform.python_version()}
    with suppress(ValueError):  # a component that no plug-in provides
        texts |= plugins_of(training.config)
    parts = {"train": training.train, **training.held_out}
    records = training.network.data_record or {}
    if not records and all(isinstance(samples.x, np.ndarray) for samples in parts.values()):
        records = {part: samples.record() for part, samples in parts.items()}
    for part, record in records.items():
        texts |= {f"samples.{part}.rows": str(record.rows), f"samples.{part}.sha256": record.sha256}
    return texts


def histograms(training: TrainingView) -> dict[str, LogHistogram]:
    """Return the histograms of every layer's parameters and of its δ, of the same training samples every time.

    The network is not changed.
    """
    network, seed = training.network, training.config.seed
    workspace, _, _ = backpropagate(network, subsample(training.train, SAMPLES, seed), seed)
    found = {}
    for number, (layer, passed) in enumerate(zip(network.layers, workspace.passes, strict=True), 1):
        for name, values in {**layer.parameters, "delta": passed.delta}.items():
            found[f"layer-{number}/{name}"] = LogHistogram.of(values)
    return {name: histogram for name, histogram in found.items() if histogram is not None}


def confusion_picture(training: TrainingView) -> dict[str, bytes]:
    """Return the confusion matrix of the last part of the data as a PNG, by its name; none without classes."""
    parts = {"train": training.train, **training.held_out}
    part = next(name for name in reversed(PARTS) if name in parts)
    matrix = confusion_of(training.network, parts[part])
    if matrix is None:
        return {}
    return {f"confusion/{part_name(part)}": figure_bytes(render([matrix_picture(matrix, part_name(part))]), "png")}
