"""The command KIND for modnet."""

import click
from modnet.cli.common.completing import complete_runs


@click.command("KIND")
@click.argument("run", metavar="RUN", shell_complete=complete_runs)
def command(run):
    """Count the parameters of a trained network.

    RUN is a run folder or a model file.
    """
    import modnet  # here, so that shells complete and help is printed without it

    click.echo(f"{modnet.load(run).parameters.size:,} parameters")
