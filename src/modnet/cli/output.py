"""Where a command's text goes, and how it shows that it is at work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from modnet.core.errors import ConfigError
from modnet.storage.atomic import write_atomically

__all__ = ["progress_bar", "write_out"]


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


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Give what shows on standard error what is being done, how much of it is done, and how much there is.

    Only a terminal is shown anything, and nothing of it stays.
    """
    if not sys.stderr.isatty():
        yield lambda what, done, whole: None  # noqa: ARG005 -- who is told needs nothing of it
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda what, done, whole: bar.update(task, description=what, completed=done, total=whole, visible=True)
