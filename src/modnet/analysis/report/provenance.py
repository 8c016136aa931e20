"""Where a run came from, and how to get it again: its configuration, who gave its parts, and the command."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from modnet import __version__
from modnet.config.load import load_config
from modnet.config.run_config import RunConfig, iter_components
from modnet.core import registry
from modnet.core.errors import ConfigError, ModelFileError
from modnet.network.network import Network
from modnet.storage.metadata import Metadata
from modnet.storage.model_file import MODEL_NAME
from modnet.storage.run_folder import RunFolder
from modnet.storage.safetensors import ModelFile

__all__ = ["PartOrigin", "Provenance", "provenance"]


@dataclass(frozen=True)
class PartOrigin:
    """One part and who gave it.

    Attributes:
        path: Its dotted place in the configuration.
        kind: Its kind.
        distribution: The distribution that gave it when the run was made.
        version: That distribution's version then.
    """

    path: str
    kind: str
    distribution: str
    version: str


@dataclass(frozen=True)
class Provenance:
    """Where a run came from.

    Attributes:
        config: The configuration with every default, as TOML.
        parts: The parts and who gave them.
        versions: The versions of modnet that made the run, and of modnet, NumPy and Python that look at it now.
        command: What repeats the run, into a folder that is not there yet; None where the run folder's
            ``config.toml`` is not what the model was trained by.
    """

    config: str
    parts: tuple[PartOrigin, ...]
    versions: Mapping[str, str]
    command: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes by name, as JSON has them."""
        return asdict(self)


def provenance(run: str | PathLike[str], network: Network) -> Provenance:
    """Return where a run came from.

    Args:
        run: The run folder.
        network: The network in it, as `modnet.load` gave it.

    Raises:
        ModelFileError: the folder's configuration cannot be read, or the model says nothing of a run.
    """
    folder = Path(run)
    if network.config is None:
        raise ModelFileError(f"{folder / MODEL_NAME}: says nothing of the run that made it")
    file = ModelFile.open(folder / MODEL_NAME)
    metadata = Metadata.read(file.metadata, file.path)
    parts = tuple(_origins(network.config, metadata))
    versions = {
        "modnet at training": metadata.modnet_version,
        "modnet now": __version__,
        "NumPy now": np.__version__,
        "Python now": platform.python_version(),
    }
    return Provenance(network.config.to_toml(), parts, versions, _command(fspath(run), network.config))


def _origins(config: RunConfig, metadata: Metadata) -> Iterator[PartOrigin]:
    for path, part in iter_components(config):
        provider = registry.active().provider_of(type(part))
        distribution = provider.distribution if provider else ""
        version = metadata.plugins.get(distribution, metadata.modnet_version)
        yield PartOrigin(path, part.kind_name(), distribution, version)


def _command(run: str, config: RunConfig) -> str | None:
    try:
        kept = load_config(Path(run) / RunFolder.CONFIG)
    except ConfigError as error:
        raise ModelFileError(str(error)) from None
    if kept.to_config() != config.to_config():
        return None
    base = run.rstrip("/") or run
    again, number = f"{base}-again", 1
    while Path(again).exists():
        number += 1
        again = f"{base}-again-{number}"
    # A leading dash would be taken for an option.
    words = [_as_path(f"{base}/{RunFolder.CONFIG}"), "--out", _as_path(again)]
    return shlex.join(["modnet", "train", *words])


def _as_path(text: str) -> str:
    return f"./{text}" if text.startswith("-") else text
