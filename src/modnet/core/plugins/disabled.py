"""Which plug-ins are disabled: by the environment, or by the command line.

Names are those of distributions or of entry points, compared in canonical form; ``all`` and ``*`` mean every plug-in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from modnet.core.messages import did_you_mean
from modnet.core.registry import canonical, reset

__all__ = ["EVERYTHING", "add_to_command_line", "command_line", "disabled_by", "on_command_line", "unmatched"]

EVERYTHING = "all"
_ALL_NAMES = {"all", "*"}
_ENVIRONMENT = "MODNET_DISABLE_PLUGINS"
_command_line: ContextVar[list[str] | None] = ContextVar("modnet_disabled_by_command_line", default=None)


def disabled_by(*names: str) -> str | None:
    """Return what disables a plug-in that has these names, or None."""
    wanted = {canonical(name) for name in names} | _ALL_NAMES
    for name in on_command_line():
        if canonical(name) in wanted:
            return "--no-plugins" if name in _ALL_NAMES else f"--no-plugin {name}"
    disabled = {canonical(name.strip()) for name in os.environ.get(_ENVIRONMENT, "").split(",")}
    return _ENVIRONMENT if disabled & wanted else None


def unmatched(names: Iterable[str]) -> list[str]:
    """Return an error message for every name on the command line that is not among ``names``."""
    known = {canonical(name) for name in names}
    return [
        f"--no-plugin {name}: no installed plug-in has this name{did_you_mean(canonical(name), known)}"
        for name in on_command_line()
        if canonical(name) not in known | _ALL_NAMES
    ]


@contextmanager
def command_line() -> Iterator[None]:
    """Within the block, `add_to_command_line` disables plug-ins."""
    token = _command_line.set([])
    try:
        yield
    finally:
        changed = on_command_line()
        _command_line.reset(token)
        if changed:
            reset()


def on_command_line() -> list[str]:
    """Return the names that the command line disables, to be passed on to another process."""
    return list(_command_line.get() or ())


def add_to_command_line(names: Iterable[str]) -> None:
    """Disable these names too, until the end of the block of `command_line`."""
    current = _command_line.get()
    if current is None:
        return
    new = [name for name in names if name not in current]
    if new:
        current += new
        reset()  # what was discovered before included them
