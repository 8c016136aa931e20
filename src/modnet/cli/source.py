"""Networks that a command looks into: of a run, or as a configuration makes it before any training."""

from __future__ import annotations

from pathlib import Path

from modnet.cli.options import error_prefix, read_config
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError
from modnet.network.network import Network
from modnet.storage.model_file import load
from modnet.training.setup import build

__all__ = ["open_network"]


def open_network(
    source: str | None, settings: tuple[str, ...], epochs: str | None, seed: str | None, dtype: str | None
) -> tuple[Network, Data | None]:
    """Return the network that the arguments of `modnet.cli.options.configured` mean, and the data that was read for it.

    A folder or a ``.safetensors`` file is a run; its network needs no data. Anything else is a configuration.

    Raises:
        ConfigError: as `modnet.load_config`; or an option that changes a configuration came with a run.
        DataError: the configuration's data cannot be used.
        ModelFileError: as `modnet.load`.
    """
    if source is not None and (Path(source).is_dir() or Path(source).suffix == ".safetensors"):
        if settings or epochs or seed or dtype:
            raise ConfigError(
                f"{source}: a run is as it was; --set, --epochs, --seed and --dtype go with a configuration"
            )
        return load(source), None
    config = read_config(source, settings, epochs, seed, dtype)
    with error_prefix(source):
        data = config.data.load()
        network, _, _ = build(config, data, None)
    return network, data
