"""``modnet init``."""

from __future__ import annotations

import click

from modnet.cli.common.completing import complete_files
from modnet.cli.common.options import out_file_option
from modnet.cli.common.output import print_line, write_out
from modnet.core.errors import ConfigError
from modnet.core.messages import shell_word
from modnet.data.files import is_file


@click.command("init")
@click.argument("data", metavar="DATA", shell_complete=complete_files)
@click.option(
    "--target",
    metavar="COLUMN",
    help="The column to predict; in an archive the array.  [default: target, label, class or y, else the last column]",
)
@click.option(
    "--test",
    metavar="FILE",
    shell_complete=complete_files,
    help="A file with the test samples.  [default: a fifth of the rows is held out]",
)
@out_file_option("Write to this file, which must be new, instead of standard output.")
@click.option("--force", is_flag=True, help="Replace the file of --out.")
def command(data: str, target: str | None, test: str | None, out: str | None, force: bool) -> None:
    """Write a first configuration for a table.

    DATA is a CSV or Parquet file with a header, or an NPZ archive. The columns decide what is predicted and how;
    transforms, layers, cost and training follow from the numbers of rows, classes and columns. The file is an ordinary
    configuration, with a comment on every choice.
    """
    from modnet.analysis.recipe.files import configuration_for

    if out is not None and is_file(out) and not force:
        raise ConfigError(f"--out {out}: exists already; --force replaces it")
    write_out(configuration_for(data, target, test), out)
    if out is not None:
        print_line(f"The configuration is in {out}; next: modnet train {shell_word(out)}")
