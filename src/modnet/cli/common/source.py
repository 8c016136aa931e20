"""Source: the configuration or the run that a command works on, and the options that name and change it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from modnet.analysis.open_run import OpenRun
from modnet.cli.common.completing import complete_files, complete_settings
from modnet.cli.common.options import add_options
from modnet.cli.common.other_data import OtherData
from modnet.config.load import load_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError
from modnet.data.files import is_folder
from modnet.network.network import Network
from modnet.training.sanity_checks import sanity_checks
from modnet.training.setup import Part, build, split_data

__all__ = ["Source", "source_options"]


class Untrained(NamedTuple):
    """The network of a configuration, with its initial parameters, and the data that determined its shapes.

    ``warnings`` are of what cannot learn.
    """

    network: Network
    data: Data
    warnings: tuple[str, ...]

    @property
    def parts(self) -> dict[str, Part]:
        """The raw samples by part."""
        return split_data(self.network.config or RunConfig(), self.data, self.network)

    def part_name(self, part: str) -> str:
        """Return the name of a part: there is no training whose rows these are not."""
        return part

    def check(self, part: str) -> None:
        """Do nothing: there is no training that the samples could be others than those of."""


@dataclass(frozen=True)
class Source:
    """A configuration, or a run, as the command line names it.

    Attributes:
        path: A TOML file, a run folder or a model file; None for the defaults.
        settings: The values of ``--set``.
        shortcuts: The values of ``--epochs``, ``--seed`` and ``--dtype``, by key; None for what was not given.
    """

    path: str | None
    settings: tuple[str, ...]
    shortcuts: dict[str, str | None]

    @property
    def is_run(self) -> bool:
        """Whether the path is a run folder or a model file."""
        return self.path is not None and (is_folder(self.path) or Path(self.path).suffix == ".safetensors")

    @property
    def given(self) -> list[str]:
        """The names of the argument and the options that were given."""
        values = {"CONFIG": self.path, "--set": self.settings}
        values |= {f"--{key}": value for key, value in self.shortcuts.items()}
        return [name for name, value in values.items() if value not in (None, ())]

    @property
    def changes(self) -> list[str]:
        """All changes of the configuration, as ``--set`` takes them."""
        return [*self.settings, *(f"{key}={value}" for key, value in self.shortcuts.items() if value is not None)]

    def config(self) -> RunConfig:
        """Return the configuration with its changes.

        Raises:
            ConfigError: as `modnet.load_config`.
        """
        return load_config(self.path, self.changes)

    def run_path(self) -> str | None:
        """Return the path if it is that of a run, None if it is a configuration.

        Raises:
            ConfigError: a run, and options that change a configuration.
        """
        if not self.is_run:
            return None
        if self.given != ["CONFIG"]:
            raise ConfigError(f"{self.path}: is a run; {self.given[1]} only applies to a configuration")
        return self.path

    def open(self, other: OtherData | None = None) -> OpenRun | Untrained:
        """Return a run, or the untrained network of a configuration; both have a ``network`` and ``parts``.

        Their samples are the ``other`` ones, if any are named.

        Raises:
            ConfigError: as `config` and `run_path`.
            DataError: the configuration's data cannot be used.
        """
        run = self.run_path()
        if run is not None:
            return OpenRun(run) if other is None else other.use_for(OpenRun(run))
        config = self.config()
        with self.error_prefix():
            data = (other and other.load(config.data)) or config.data.load()
            network, samples, _ = build(config, data, None)
            return Untrained(network, data, sanity_checks(network, samples["train"]))

    @contextmanager
    def error_prefix(self) -> Iterator[None]:
        """Let a configuration's error that is only seen together with the data name the file too."""
        try:
            yield
        except ConfigError as error:
            if self.path is None or self.is_run:
                raise
            raise ConfigError(f"{self.path}: {error}") from error


def _dtypes(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    del ctx, parameter
    return [name for name in ("float64", "float32") if name.startswith(incomplete)]


def _check_settings(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list or a table that the shell has split at its spaces, before what follows it is taken for a file."""
    del ctx, parameter
    for setting in values:
        text = setting.partition("=")[2].lstrip()
        if text.startswith(("[", "{")) and sum(map(text.count, "[{")) > sum(map(text.count, "]}")):
            whole = f"{setting} …{']' if text[0] == '[' else '}'}"
            raise ConfigError(f"--set {setting}: the value has no end; with spaces it needs quotes: --set '{whole}'")
    return values


_OPTIONS = (
    click.argument("path", required=False, metavar="[CONFIG]", shell_complete=complete_files),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_check_settings,
        shell_complete=complete_settings,
        help="Set a dotted key to a TOML value; a bare word is a string. May be repeated.",
    ),
    click.option("--epochs", metavar="N", help="Passes over the training samples; the same as --set epochs=N."),
    click.option("--seed", metavar="N", help="Seed of all random numbers; the same as --set seed=N."),
    click.option(
        "--dtype", metavar="TYPE", shell_complete=_dtypes, help="float64 or float32; the same as --set dtype=TYPE."
    ),
)


def source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument CONFIG and the options that change it; it is called with one `Source`."""

    @wraps(command)
    def call(path: str | None, settings: tuple[str, ...], **options: Any) -> None:
        shortcuts = {key: options.pop(key) for key in ("epochs", "seed", "dtype")}
        command(Source(path, settings, shortcuts), **options)

    return add_options(call, _OPTIONS)
