"""The command ``modnet``: one file a command, which is imported when that command is called."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from modnet import __version__
from modnet.cli.common.builtin_commands import COMMANDS
from modnet.core.errors import DivergenceError, ModnetError, PluginError
from modnet.core.messages import error_text, printable, warn
from modnet.core.output import Output

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["main"]

_COMPLETING = "_MODNET_COMPLETE"
"""The variable of the environment by which a shell asks for completions."""
_LIST = "\n\t"
"""How click separates the values of a list."""


def _disable(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    del parameter
    if not value:
        return
    from modnet.core.plugins import disabled  # not for --version and --help

    root = ctx.find_root()
    if disabled not in root.meta.values():
        root.meta[disabled.__name__] = disabled
        root.with_resource(disabled.command_line())
    disabled.add_to_command_line([disabled.EVERYTHING] if value is True else value)


_PLUGIN_OPTIONS = (
    click.option(
        "--no-plugin",
        multiple=True,
        metavar="NAME",
        is_eager=True,  # before --help, which lists commands of plug-ins
        expose_value=False,
        callback=_disable,
        help="Ignore this installed plug-in. May be repeated.",
    ),
    click.option(
        "--no-plugins",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_disable,
        help="Ignore installed plug-ins.",
    ),
)


def _with_plugin_options(command: click.Command) -> click.Command:
    """Return a command, and with it those of a group, with the options that every command has."""
    if not any(parameter.name == "no_plugins" for parameter in command.params):
        for option in _PLUGIN_OPTIONS:
            option(command)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _with_plugin_options(inner)
    return command


class _Commands(click.Group):
    """The commands by name; listing them imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from modnet.cli.common.plugin_commands import PluginCommands

        del ctx
        return [*COMMANDS, *PluginCommands().by_name()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return _plugin_command(ctx, cmd_name)
        command: click.Command = importlib.import_module(f"modnet.cli.{cmd_name.replace('-', '_')}").command
        return _with_plugin_options(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS:  # a plug-in's command may be disabled behind its name, too: before it is imported
            alone = click.Command(args[0], context_settings=_SOME_OPTIONS, add_help_option=False)
            _with_plugin_options(alone).make_context(args[0], args[1:], ctx)
        _, command, rest = super().resolve_command(ctx, args)
        return args[0], command, rest  # a plug-in's command may call itself otherwise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            name = ctx.invoked_subcommand
            if name is not None and name not in COMMANDS:
                from modnet.cli.common.plugin_commands import PluginCommands

                command = PluginCommands().find(name)
                error.add_note(f"raised by the command '{name}'{f' of {command.provider}' if command else ''}")
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        from modnet.cli.common.plugin_commands import PluginCommands

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        texts = COMMANDS | {name: command.help for name, command in PluginCommands().by_name().items()}
        return [CompletionItem(name, help=text) for name, text in texts.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from modnet.cli.common.plugin_commands import PluginCommands

        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        commands = PluginCommands().by_name()
        if commands:
            with formatter.section("Commands of plug-ins"):
                formatter.write_dl([(printable(name), printable(item.help)) for name, item in commands.items()])


_SOME_OPTIONS = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Settings for a command of which only some options are of interest."""


def _plugin_command(ctx: click.Context, name: str) -> click.Command | None:
    """Return a plug-in's command; a shell that completes gets None where there is none, or a broken one."""
    from modnet.cli.common.plugin_commands import PluginCommands  # not for a built-in command

    try:
        commands = PluginCommands()
        found = commands.find(name)
        if found is None and not ctx.resilient_parsing:
            from modnet.cli.common.unknown import command_message

            lost = "; ".join(map(str, commands.unreadable))
            hint = f" (it may be provided by a plug-in that is not available: {lost})" if lost else ""
            ctx.fail(command_message(name, [*COMMANDS, *commands.by_name()]) + hint)
        return None if found is None else _with_plugin_options(found.load())
    except PluginError:
        if not ctx.resilient_parsing:
            raise
        return None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@_PLUGIN_OPTIONS[0]
@_PLUGIN_OPTIONS[1]
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="modnet")
def _modnet(debug: bool) -> None:
    """Train and inspect feedforward neural networks; every component has a name and can be swapped."""
    del debug  # main reads it from the arguments, because an error may come before they are parsed


def main() -> None:
    """Run the command; a user's error is one line on standard error, and the exit status is not 0."""
    if _COMPLETING in os.environ:
        importlib.import_module("modnet.cli.completion")  # which knows bash better than click does
        sys.exit(_status())
    with _streams() as output:
        status = _status()
        output.flush()
        error = output.error
        if error is not None and not status:
            status = 2
            if not isinstance(error, BrokenPipeError):  # a reader that has seen enough needs no explanation
                warn(f"standard output: cannot be written: {error_text(error)}")
    if status:
        sys.exit(status)


@contextmanager
def _streams() -> Iterator[Output]:
    """Let nothing fail because standard output or standard error cannot be written, or not every letter."""
    for descriptor in range(3):  # or the next file to be opened would take the place of a closed one
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    streams: Any = sys.stdout, sys.stderr
    for stream in filter(None, streams):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    outputs: Any = tuple(map(Output, streams))
    sys.stdout, sys.stderr = outputs
    try:
        yield outputs[0]
    finally:
        sys.stdout, sys.stderr = streams
        for output in outputs:
            if output.error is not None:  # or Python itself would try to write the rest when it ends
                with suppress(OSError, ValueError, AttributeError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())


def _status() -> int:
    """Run the command and return its exit status."""
    try:
        return int(_modnet.main(prog_name="modnet", standalone_mode=False) or 0)  # what a command passed to ctx.exit
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        message = error.format_message()
        if isinstance(error, click.UsageError):
            from modnet.cli.common.unknown import usage_message

            message = usage_message(error)
        warn(message.replace(_LIST, " "))
        return error.exit_code
    except (ModnetError, MemoryError, OSError) as error:
        if "--debug" in sys.argv:
            import traceback

            traceback.print_exc()
        warn(_message(error))
        return 1 if isinstance(error, DivergenceError) else 2
    except (click.Abort, KeyboardInterrupt):
        warn("interrupted")
        return 130


def _message(error: BaseException) -> str:
    """Return an error in one line; one of the file system is of a file that no command has spoken of."""
    if isinstance(error, MemoryError):
        return f"out of memory: {error_text(error)}"
    if isinstance(error, OSError):
        return f"{'' if error.filename is None else f'{error.filename}: '}{error_text(error)}"
    return str(error)
