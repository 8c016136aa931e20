"""Where a command's text goes."""

from __future__ import annotations

from pathlib import Path

import click

from modnet.errors import ConfigError
from modnet.storage.atomic import write_atomically

__all__ = ["write_out"]


def write_out(text: str, out: str | None) -> None:
    """Write ``text`` to the file ``out``, or print it where there is none.

    Raises:
        ConfigError: the file cannot be written; an earlier one stays as it was.
    """
    text = text.rstrip("\n")
    if out is None:
        click.echo(text)
        return
    try:
        write_atomically(Path(out), f"{text}\n".encode())
    except OSError as error:
        raise ConfigError(f"--out {out}: cannot be written: {error.strerror}") from None
