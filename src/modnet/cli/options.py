"""What several commands share: the arguments that make a configuration, and figures as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from modnet.config.load import load_config
from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError
from modnet.training.run import metric_text

__all__ = ["configured", "error_prefix", "kinds_in", "metric_text", "optimizers_option", "read_config"]

Command = TypeVar("Command", bound=Callable[..., Any])


def configured(command: Command) -> Command:
    """Give a command the argument CONFIG and the options that change it."""
    for decorate in (
        click.option("--dtype", help="float64 or float32; short for --set dtype=…"),
        click.option("--seed", help="Where all randomness comes from; short for --set seed=…"),
        click.option("--epochs", help="Passes over the training samples; short for --set epochs=…"),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set a dotted key; the value is TOML, a bare word is a string. May be repeated.",
        ),
        click.argument("config", required=False, metavar="[CONFIG]"),
    ):
        command = decorate(command)
    return command


def read_config(
    config: str | None, settings: tuple[str, ...], epochs: str | None, seed: str | None, dtype: str | None
) -> RunConfig:
    """Return the configuration that the arguments of `configured` mean; CONFIG is a TOML file, without it the defaults.

    Raises:
        ConfigError: as `modnet.load_config`.
    """
    short = {"epochs": epochs, "seed": seed, "dtype": dtype}
    return load_config(config, [*settings, *(f"{key}={value}" for key, value in short.items() if value is not None)])


optimizers_option = click.option(
    "--optimizers", default="batch,stochastic,mini-batch", show_default=True, help="Which kinds, with commas."
)


def kinds_in(optimizers: str) -> list[str]:
    """Return the kinds that the option ``--optimizers`` names.

    Raises:
        ConfigError: it names none.
    """
    kinds = [kind.strip() for kind in optimizers.split(",") if kind.strip()]
    if not kinds:
        raise ConfigError(f"--optimizers {optimizers}: should name one or more kinds, with commas between them")
    return kinds


@contextmanager
def error_prefix(config: str | None) -> Iterator[None]:
    """Let an error that is only seen beside the data name the configuration's file too."""
    try:
        yield
    except ConfigError as error:
        if config is None:
            raise
        raise ConfigError(f"{config}: {error}") from error
