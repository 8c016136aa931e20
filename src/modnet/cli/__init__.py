"""The command ``modnet``: one file a command, each imported only when it is called."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any

import click

from modnet import __version__
from modnet.core.errors import DivergenceError, ModnetError
from modnet.core.plugins import disabled

__all__ = ["main"]

_COMMANDS = {
    "train": "Train a network.",
    "evaluate": "Judge a trained network by data.",
    "predict": "Give a trained network's answers for rows of a CSV file.",
    "plot": "Draw a run's learning curves, confusion matrix and worst mistakes.",
    "report": "Write all that there is to say of a run into one HTML file.",
    "compare": "Compare the types of gradient descent from the same start.",
    "surface": "Show the paths of the types of gradient descent on the surface of the cost.",
    "dampening": "Say why a network does not learn (vanishing gradients), and what would help.",
    "explain": "Show a network's dimensions, its diagram, and how δ flows back through it.",
    "trace": "Follow one sample through feedforward and backpropagation, with all numbers.",
    "verify-resume": "Prove that an interrupted training ends as one that is not.",
    "config": "Check a configuration file, or write it out with every default.",
    "schema": "Print the JSON Schema of the configuration.",
    "plugins": "Look at installed plug-ins, check one, or begin a new one.",
}


def _disable(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    del ctx, parameter
    disabled.add_to_command_line([disabled.EVERYTHING] if value is True else value or ())


def _plugin_options() -> list[click.Parameter]:
    """Return the options that every command has, whatever it is."""
    return [
        click.Option(
            ["--no-plugin"],
            multiple=True,
            metavar="NAME",
            expose_value=False,
            callback=_disable,
            help="Do as if this plug-in were not installed; may be repeated.",
        ),
        click.Option(
            ["--no-plugins"],
            is_flag=True,
            expose_value=False,
            callback=_disable,
            help="Do as if no plug-in were installed.",
        ),
    ]


def _with_plugin_options(command: click.Command) -> click.Command:
    if not any(parameter.name == "no_plugins" for parameter in command.params):
        command.params += _plugin_options()
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _with_plugin_options(inner)
    return command


class _Commands(click.Group):
    """The commands by name; listing them imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"modnet.cli.{cmd_name.replace('-', '_')}").command
        return _with_plugin_options(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, params=_plugin_options(), context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="modnet")
def _modnet(debug: bool) -> None:
    """Feedforward neural networks in which every part has a name and every name can be swapped."""
    del debug  # read from the arguments by main, which sees errors of every kind


def main() -> None:
    """Run the command; an error that a user can meet is one line on standard error, and a status that is not 0."""
    try:
        with disabled.command_line():
            status = _modnet.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"modnet: {' '.join(error.format_message().split())}", err=True)
        sys.exit(error.exit_code)
    except ModnetError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        click.echo(f"modnet: {error}", err=True)
        sys.exit(1 if isinstance(error, DivergenceError) else 2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("modnet: interrupted", err=True)
        sys.exit(130)
    if status:  # what a command gave to ctx.exit; none returns anything else
        sys.exit(status)
