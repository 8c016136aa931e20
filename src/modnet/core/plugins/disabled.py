"""Which plug-ins are disabled: by the environment, or by the command line.

Names are those of distributions or of entry points, compared in canonical form; ``all`` and ``*`` mean every plug-in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from modnet.core.registry import canonical, did_you_mean, reset

__all__ = ["ENVIRONMENT", "EVERYTHING", "Disabled", "add_to_command_line", "command_line", "on_command_line"]

ENVIRONMENT = "MODNET_DISABLE_PLUGINS"
EVERYTHING = "all"
_ALL_NAMES = ("all", "*")


class Disabled:
    """Which names are disabled.

    Attributes:
        sources: What disables plug-ins → the names that it disables, in canonical form.
    """

    def __init__(self) -> None:
        self.sources: dict[str, set[str]] = {}
        for name in _command_line.get() or ():
            self._add("--no-plugins" if name in _ALL_NAMES else f"--no-plugin {name}", [name])
        self._add(ENVIRONMENT, os.environ.get(ENVIRONMENT, "").split(","))

    def source_of(self, *names: str) -> str | None:
        """Return what disables a plug-in that has these names, or None."""
        wanted = {canonical(name) for name in names} | set(_ALL_NAMES)
        return next((source for source, disabled in self.sources.items() if disabled & wanted), None)

    def unmatched(self, names: Iterable[str]) -> Iterator[str]:
        """Yield an error message for every name on the command line that is not among ``names``."""
        known = {canonical(name) for name in names}
        for name in _command_line.get() or ():
            if canonical(name) not in known and name not in _ALL_NAMES:
                yield f"--no-plugin {name}: no installed plug-in has this name{did_you_mean(canonical(name), known)}"

    def _add(self, source: str, names: Iterable[str]) -> None:
        stripped = {canonical(name.strip()) for name in names if name.strip()}
        if stripped:
            self.sources[source] = stripped


_command_line: ContextVar[list[str] | None] = ContextVar("modnet_disabled_by_command_line", default=None)


@contextmanager
def command_line() -> Iterator[list[str]]:
    """Within the block, names that are added to the list are disabled by the command line."""
    names: list[str] = []
    token = _command_line.set(names)
    try:
        yield names
    finally:
        _command_line.reset(token)
        if names:
            reset()


def on_command_line() -> list[str]:
    """Return the names that the command line disables, to be passed on to another process."""
    return list(_command_line.get() or ())


def add_to_command_line(names: Iterable[str]) -> None:
    """Disable these names too, within the block of `command_line`."""
    current, names = _command_line.get(), list(names)
    if current is not None and names:
        current += names
        reset()  # what was discovered before included them
