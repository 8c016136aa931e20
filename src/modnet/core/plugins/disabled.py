"""Which plug-ins are disabled, and by what: a file, the environment, or the command line.

Names are those of distributions or of entry points, compared in the canonical form; ``all`` and ``*`` mean every one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from modnet.core.errors import ConfigError
from modnet.core.registry import canonical, describe, did_you_mean, reset

__all__ = [
    "ENVIRONMENT",
    "EVERYTHING",
    "Disabled",
    "add_to_command_line",
    "command_line",
    "file_of_the_user",
    "on_command_line",
]

ENVIRONMENT, FILE_ENVIRONMENT = "MODNET_DISABLE_PLUGINS", "MODNET_PLUGINS_FILE"
EVERYTHING = "all"
_EVERY = ("all", "*")


class Disabled:
    """Which names are disabled.

    Attributes:
        sources: What disables → the names that it says, in canonical form.
    """

    def __init__(self) -> None:
        self.sources: dict[str, set[str]] = {}

    @classmethod
    def read(cls) -> Disabled:
        """Return what command line, environment and the user's file say.

        Raises:
            ConfigError: the file cannot be read, or does not say what it should.
        """
        disabled = cls()
        for name in _command_line.get() or ():
            disabled._add("--no-plugins" if name in _EVERY else f"--no-plugin {name}", [name])
        disabled._add(ENVIRONMENT, os.environ.get(ENVIRONMENT, "").split(","))
        path, default_part = file_of_the_user()
        if path is not None and (default_part or path.is_file()):
            disabled._add(str(path), _read(path))
        return disabled

    def by(self, *names: str) -> str | None:
        """Return what disables a plug-in that goes by these names, or None."""
        wanted = {canonical(name) for name in names} | set(_EVERY)
        return next((source for source, said in self.sources.items() if said & wanted), None)

    def unmatched(self, names: Iterable[str]) -> Iterator[str]:
        """Yield what is wrong with every name on the command line that is none of ``names``."""
        known = {canonical(name) for name in names}
        for name in _command_line.get() or ():
            if canonical(name) not in known and name not in _EVERY:
                yield f"--no-plugin {name}: no installed plug-in has this name{did_you_mean(canonical(name), known)}"

    def _add(self, source: str, names: Iterable[str]) -> None:
        said = {canonical(name.strip()) for name in names if name.strip()}
        if said:
            self.sources[source] = said


def file_of_the_user() -> tuple[Path | None, bool]:
    """Return the file that says what is disabled, if any is looked for, and whether the environment names it."""
    default_part = os.environ.get(FILE_ENVIRONMENT)
    if default_part:
        return Path(default_part), True
    folder = os.environ.get("XDG_CONFIG_HOME")
    try:
        return (Path(folder) if folder else Path.home() / ".config") / "modnet" / "plugins.toml", False
    except RuntimeError:  # nobody's home
        return None, False


def _read(path: Path) -> list[str]:
    import tomllib

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    for key in table:
        if key != "disabled":
            raise ConfigError(f"{path}: {key}: unknown option{did_you_mean(key, ['disabled'])} (allowed: disabled)")
    names = table.get("disabled", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{path}: disabled: {describe(names)} should be a list of names of plug-ins")
    return names


_command_line: ContextVar[list[str] | None] = ContextVar("modnet_disabled_by_command_line", default=None)


@contextmanager
def command_line() -> Iterator[list[str]]:
    """While this lasts, what is added to the list is disabled by the command line."""
    names: list[str] = []
    token = _command_line.set(names)
    try:
        yield names
    finally:
        _command_line.reset(token)
        if names:
            reset()


def on_command_line() -> list[str]:
    """Return what the command line disables, so that another process can be told."""
    return list(_command_line.get() or ())


def add_to_command_line(names: Iterable[str]) -> None:
    """Disable these too, as long as `command_line` lasts."""
    said, names = _command_line.get(), list(names)
    if said is not None and names:
        said += names
        reset()  # what was found before counted them in
