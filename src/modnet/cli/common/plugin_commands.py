"""Commands of plug-ins: found in the metadata of what is installed, and imported when they are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import click

from modnet.cli.common.builtin_commands import COMMANDS
from modnet.core.errors import PluginError
from modnet.core.messages import short_repr
from modnet.core.plugins.disabled import disabled_by
from modnet.core.plugins.installed import COMMAND_GROUP, installed, raise_if_strict, reason_of
from modnet.core.registry import KIND, Provider, UnavailablePlugin, canonical

__all__ = ["COMMAND", "PluginCommand", "PluginCommands"]

COMMAND = "command"
"""What a command is, where a component is an activation, a layer and so on."""


@dataclass(frozen=True)
class PluginCommand:
    """A command of a plug-in, by the name of its entry point; it is not imported yet.

    Attributes:
        provider: The distribution.
        point: Its entry point.
        disabled: What disables it, or None.
    """

    provider: Provider
    point: EntryPoint
    disabled: str | None

    @property
    def name(self) -> str:
        """The command's name."""
        return self.point.name

    @property
    def full_name(self) -> str:
        """The name that means this command whatever else is installed: ``distribution:name``."""
        return f"{self.provider.distribution}:{self.name}"

    @property
    def help(self) -> str:
        """A line for a list of commands: the distribution, and its summary."""
        try:
            summary = self.point.dist.metadata["Summary"] if self.point.dist is not None else None
        except Exception:  # damaged metadata, or none
            summary = None
        return f"{self.provider.distribution}{f': {summary}' if summary else ''}"

    def load(self) -> click.Command:
        """Import the command.

        Raises:
            PluginError: it cannot be imported, or is no click command.
        """
        try:
            if not KIND.fullmatch(self.name):
                raise PluginError(f"its name is {self.name!r}; allowed are lower-case words joined by hyphens")
            command = self.point.load()
            if not isinstance(command, click.Command):
                raise PluginError(f"{self.point.value} is {short_repr(command)}; a click command is expected")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a plug-in's module does when imported
            raise PluginError(
                f"the command '{self.name}' of {self.provider} could not be loaded: {reason_of(error)}"
            ) from error
        return command

    def help_text(self) -> str:
        """Return what the command prints when it is asked for help.

        Raises:
            PluginError: it cannot be loaded.
        """
        command = self.load()
        return command.get_help(click.Context(command, info_name=f"modnet {self.name}"))


class PluginCommands:
    """The commands of plug-ins that are installed.

    Attributes:
        unreadable: The distributions whose entry points cannot be read.

    Raises:
        PluginError: a distribution's entry points cannot be read, and ``MODNET_STRICT_PLUGINS`` is set.
    """

    def __init__(self) -> None:
        self.unreadable: list[UnavailablePlugin] = []
        found = (
            PluginCommand(provider, point, disabled_by(provider.distribution, point.name))
            for provider, point in installed(COMMAND_GROUP, self._report)
        )
        self._commands = {command.full_name: command for command in found}

    def _report(self, provider: Provider, error: BaseException) -> None:
        reason = reason_of(error)
        raise_if_strict(f"plug-in {provider}: {reason}", error)
        self.unreadable.append(UnavailablePlugin(provider, reason))

    def __iter__(self) -> Iterator[PluginCommand]:
        return iter(self._commands.values())

    def by_name(self) -> dict[str, PluginCommand]:
        """Return those that are not disabled; where a plain name means something else too, by the full name."""
        enabled = [command for command in self if command.disabled is None]
        return {command.full_name if self.conflict(command) else command.name: command for command in enabled}

    def conflict(self, command: PluginCommand) -> str | None:
        """Return why the plain name does not mean this command, or None."""
        if command.name in COMMANDS:
            return f"the command '{command.name}' is built in; '{command.full_name}' means this one"
        rivals = [other for other in self._named(command.name) if other is not command and other.disabled is None]
        if rivals:
            names = ", ".join(str(other.provider) for other in rivals)
            return f"the command '{command.name}' is also provided by {names}"
        return None

    def find(self, name: str) -> PluginCommand | None:
        """Return the command that ``name`` (``name`` or ``distribution:name``) means, or None.

        Raises:
            PluginError: two plug-ins provide it, or the one that does is disabled.
        """
        found = self._named(name)
        enabled = [command for command in found if command.disabled is None]
        if len(enabled) > 1:
            names = " or ".join(f"'modnet {command.full_name}'" for command in enabled)
            raise PluginError(f"{len(enabled)} plug-ins provide the command '{name}': write {names}")
        if found and not enabled:
            causes = "; ".join(f"{command.provider} is disabled by {command.disabled}" for command in found)
            raise PluginError(f"the command '{name}' is not available: {causes}")
        return enabled[0] if enabled else None

    def _named(self, name: str) -> list[PluginCommand]:
        distribution, colon, plain = name.rpartition(":")
        if colon:
            command = self._commands.get(f"{canonical(distribution)}:{plain}")
            return [] if command is None else [command]
        return [command for command in self if command.name == name]
