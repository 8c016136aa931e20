"""Where a run comes from, and how to repeat it: its configuration, who provided its components, and the command."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from modnet import __version__
from modnet.analysis.open_run import OpenRun
from modnet.core.errors import ModelFileError
from modnet.storage.model_file import MODEL_NAME
from modnet.storage.run_folder import RunFolder

__all__ = ["PartOrigin", "Provenance", "provenance"]


@dataclass(frozen=True)
class PartOrigin:
    """One component and its provider.

    Attributes:
        path: Its key path in the configuration.
        kind: Its kind.
        distribution: The distribution that provided it when the run was made.
        version: That distribution's version then.
    """

    path: str
    kind: str
    distribution: str
    version: str


@dataclass(frozen=True)
class Provenance:
    """Where a run comes from.

    Attributes:
        config: The configuration with every default, as TOML.
        parts: The components and their providers.
        versions: The version of modnet that made the run, and those of modnet, NumPy and Python that read it now.
        command: The command that repeats the run, into a new folder; None where the run folder's ``config.toml`` is not
            what the model was trained by.
    """

    config: str
    parts: tuple[PartOrigin, ...]
    versions: Mapping[str, str]
    command: str | None


def provenance(run: str | PathLike[str]) -> Provenance:
    """Return where a run comes from.

    Raises:
        ModelFileError: the folder's model file or configuration cannot be read, or the model is of no run.
    """
    opened = OpenRun.of(run)
    config, metadata = opened.network.config, opened.metadata
    if config is None:
        raise ModelFileError(f"{opened.path / MODEL_NAME}: was saved without the configuration of a run")
    versions = {
        "modnet at training": metadata.modnet_version,
        "modnet now": __version__,
        "NumPy now": np.__version__,
        "Python now": platform.python_version(),
    }
    parts = [PartOrigin(path, part.kind, part.distribution, part.version) for path, part in metadata.parts.items()]
    is_same = opened.folder_config.to_config() == config.to_config()
    return Provenance(config.to_toml(), tuple(parts), versions, _command(opened.source) if is_same else None)


def _command(run: str) -> str:
    """Return the command that trains by a run folder's configuration, into a folder that is not there yet."""
    base = run.rstrip("/") or run
    again, number = f"{base}-again", 1
    while Path(again).exists():
        number += 1
        again = f"{base}-again-{number}"
    # A leading dash would be taken for an option.
    paths = [f"./{path}" if path.startswith("-") else path for path in (f"{base}/{RunFolder.CONFIG}", again)]
    return shlex.join(["modnet", "train", paths[0], "--out", paths[1]])
