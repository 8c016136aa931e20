"""Where a command's output goes: tables, JSON, files, and a progress bar on a terminal."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modnet.analysis.jsonable import jsonable
from modnet.core.errors import ModnetError
from modnet.core.messages import error_text, printable, printable_lines
from modnet.core.output import Output
from modnet.storage.atomic import write_errors, write_output

if TYPE_CHECKING:
    from rich.text import Text

__all__ = [
    "check_out",
    "mute",
    "print_json",
    "print_line",
    "print_result",
    "print_table",
    "print_text",
    "progress_bar",
    "unmute",
    "write_out",
]


def print_line(text: str) -> None:
    """Print one line; what a terminal would obey or hide is escaped, such as in the label of a class."""
    click.echo(printable(text))


def print_text(text: str) -> None:
    """Print a text of several lines, each as by `print_line`."""
    click.echo(printable_lines(text))


def mute() -> None:
    """Print nothing from here on to the end of the command, not even its error."""
    silent: Any = _Silence(sys.stdout, sys.stderr)
    sys.stdout = sys.stderr = silent


def unmute() -> None:
    """Print again, if `mute` was called."""
    if isinstance(sys.stderr, _Silence):
        sys.stdout, sys.stderr = sys.stderr.before


class _Silence(Output):
    """A stream that writes nothing."""

    def __init__(self, *before: Any) -> None:
        super().__init__(None)
        self.before = before


def print_result(text: str) -> None:
    """Print the result of a long work.

    Raises:
        ModnetError: it cannot be printed; the error holds it.
    """
    print_line(text)
    error = getattr(sys.stdout, "error", None)
    if error is not None:
        raise ModnetError(f"standard output: cannot be written: {error_text(error)}. {text}")


def print_json(value: Any, indent: int | None = None) -> None:
    """Print a result, or anything that results consist of, as JSON."""
    click.echo(json.dumps(jsonable(value), indent=indent))


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    text: Collection[str] = (),
    gap: int = 2,
) -> None:
    """Print a title and a table below it, as wide as the terminal or 80 characters at most.

    Args:
        title: What stands above the table.
        columns: The columns' names.
        rows: The cells, as many in each row as there are columns. What a terminal would obey or hide is escaped in
            a str, and not in rich's Text.
        text: Which columns hold text and are aligned left; numbers are aligned right.
        gap: How many spaces there are between two columns.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as RichText

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for name in columns:
        table.add_column(name, justify="left" if name in text else "right", overflow="fold")
    for row in rows:
        table.add_row(*(RichText(printable(cell)) if isinstance(cell, str) else cell for cell in row))
    print_text(title)
    Console(file=sys.stdout).print(table)  # so that it sees which letters can be written


def write_out(text: str, out: str | None) -> None:
    """Write ``text`` to the file ``out``, which the option ``--out`` names, or print it where that is None.

    On a terminal it is printed as by `print_text`; a pipe and a file get it as it is.

    A link is followed; a device or a pipe is written to.

    Raises:
        ConfigError: the file cannot be written; an earlier one stays as it was.
    """
    text = text.rstrip("\n")
    if out is None:
        click.echo(printable_lines(text) if sys.stdout.isatty() else text, color=True)  # or click would change it
        return
    with write_errors(f"--out {out}"):
        write_output(Path(out), f"{text}\n".encode(errors="backslashreplace"))


def check_out(option: str, out: str, *, folder: bool = False) -> None:
    """Find out, before any work, whether a file, or a folder, can be at ``out``.

    Raises:
        ConfigError: the other of the two is there, or the file's own folder is not.
    """
    with write_errors(f"{option} {out}"):
        try:
            mode = Path(out).stat().st_mode
        except FileNotFoundError:
            if not folder:  # which is made with those above it
                Path(os.path.realpath(out)).parent.stat()
        else:
            if stat.S_ISDIR(mode) != folder:
                code = errno.ENOTDIR if folder else errno.EISDIR
                raise OSError(code, os.strerror(code))


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows a description, how much is done and how much there is in all, on standard error.

    Without a terminal nothing is shown, and the bar is removed at the end.
    """
    if not sys.stderr.isatty():
        yield lambda description, completed, total: None  # noqa: ARG005 -- nothing is shown
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda description, completed, total: bar.update(
            task, description=description, completed=completed, total=total, visible=True
        )
