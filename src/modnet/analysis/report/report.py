"""The report of a run as one object: its network, its results, its gradient flow, and how to repeat it."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modnet import __version__
from modnet.analysis.finished_run import RunSource, open_run
from modnet.analysis.gradients.vanishing import Dampening, dampening
from modnet.analysis.jsonable import jsonable
from modnet.analysis.progress import Progress, silent
from modnet.analysis.results.results import Image, Results, results
from modnet.analysis.summary import Summary, summary
from modnet.config.run_config import RunConfig, iter_components
from modnet.core import registry
from modnet.core.dataset import Data
from modnet.core.errors import ModelFileError
from modnet.storage.metadata import Metadata
from modnet.storage.model_file import MODEL_NAME
from modnet.storage.run_folder import RunFolder
from modnet.training.sanity_checks import sanity_checks

__all__ = ["Provenance", "RunReport", "provenance", "report"]


@dataclass(frozen=True)
class Provenance:
    """Where a run comes from.

    Attributes:
        config: The configuration with every default, as TOML.
        parts: The components of the run: each one's key path in the configuration, its kind, and the distribution that
            provided it, with its version then.
        versions: The version of modnet that made the run, and those of modnet, NumPy and Python that read it now.
        command: The command that repeats the run, into a new folder, in Python where its samples were given there; None
            where there is no run folder, or its ``config.toml`` is not what the model was trained by.
        samples: Rows and SHA-256 of the samples of each part; None where they were not recorded.
    """

    config: str
    parts: tuple[Mapping[str, str], ...]
    versions: Mapping[str, str]
    command: str | None
    samples: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, eq=False)
class RunReport:
    """The report of a run.

    Attributes:
        network, results: The dimensions of its network, and its results.
        dampening: How the error δ flows back through its network; None where the training samples were not kept.
        provenance: Its configuration, who provided its components, and the command that repeats it.
        warnings: What cannot learn in its configuration, with its training samples, where these were kept.
    """

    network: Summary
    results: Results
    dampening: Dampening | None
    provenance: Provenance
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-serializable dict."""
        return {name: jsonable(value) for name, value in vars(self).items()}


def report(
    run: RunSource,
    *,
    part: str | None = None,
    mistakes: int = 12,
    image: Image = "auto",
    suggest: bool = True,
    data: Data | None = None,
    progress: Progress = silent,
) -> RunReport:
    """Return the report of a run. Each of its files is read once.

    Args:
        run: A run folder, or a run as `modnet.Trainer.fit` returned it.
        part: As for `results`, like ``mistakes`` and ``image``.
        mistakes: The number of mistakes to return.
        image: Whether samples are images.
        suggest: As for `dampening`, like ``progress``: whether to look for a change that helps.
        data: As for `results`: the samples, instead of those that the run's configuration names.
        progress: Called with the number of trials that are done, and of all.

    Raises:
        ModelFileError: the folder has no model file, no history or no configuration, or one is damaged.
        DataError: the data cannot be read, does not fit the network, or is not that of the training any more.
        ConfigError: a component is not installed, or ``image`` does not fit.
    """
    opened = open_run(run, data)
    reached = results(opened, part=part, mistakes=mistakes, image=image)
    origin = provenance(opened)
    flow = dampening(opened, suggest=suggest, progress=progress) if opened.has_samples else None
    warnings = sanity_checks(opened.network, opened.samples("train")) if opened.has_samples else ()
    return RunReport(summary(opened.network), reached, flow, origin, warnings)


def provenance(run: RunSource) -> Provenance:
    """Return where a run comes from.

    Raises:
        ModelFileError: the folder's model file or configuration cannot be read, or the model is of no run.
    """
    opened = open_run(run)
    config, metadata = opened.network.config, opened.metadata
    if config is None:
        raise ModelFileError(f"{opened.path / MODEL_NAME}: was saved without the configuration of a run")
    parts = tuple(_parts(config, metadata))
    versions = {
        "modnet at training": metadata.modnet_version,
        "modnet now": __version__,
        "NumPy now": np.__version__,
        "Python now": platform.python_version(),
    }
    is_repeatable = opened.source and opened.folder_config.to_config() == config.to_config()
    command = _command(opened.source, config) if is_repeatable else None
    samples = {part: record.model_dump() for part, record in (opened.part_records or {}).items()}
    return Provenance(config.to_toml(), parts, versions, command, samples or None)


def _parts(config: RunConfig, metadata: Metadata) -> Iterator[Mapping[str, str]]:
    for path, part in iter_components(config):
        provider = registry.active().provider_of(type(part))
        distribution = provider.distribution if provider else ""
        version = metadata.plugins.get(distribution, metadata.modnet_version)
        yield {"path": path, "kind": part.kind_name(), "distribution": distribution, "version": version}


def _command(run: str, config: RunConfig) -> str:
    """Return the command that trains by a run folder's configuration, into a folder that is not there yet."""
    base = run.rstrip("/") or run
    again, number = f"{base}-again", 1
    while Path(again).exists():
        number += 1
        again = f"{base}-again-{number}"
    if config.data.kind == "memory":
        return f"modnet.Trainer.from_config({f'{base}/{RunFolder.CONFIG}'!r}).fit(x, y, out={again!r})"
    # A leading dash would be taken for an option.
    paths = [f"./{path}" if path.startswith("-") else path for path in (f"{base}/{RunFolder.CONFIG}", again)]
    return shlex.join(["modnet", "train", paths[0], "--out", paths[1]])
