"""What a search writes into its folder: the best configuration, the table of its trials, and a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from optuna.trial import FrozenTrial

from modnet import __version__
from modnet.analysis.report.html import card, code, page, paragraph, table
from modnet.core.messages import counted
from modnet.storage.atomic import file_errors, write_file
from modnet_optuna.pictures import ENOUGH, pictures
from modnet_optuna.search import Search

__all__ = ["BEST_NAME", "PAGE_NAME", "TABLE_NAME", "write_results"]

BEST_NAME, TABLE_NAME, PAGE_NAME = "best.toml", "trials.csv", "search.html"
MOST_ROWS = 200
"""How many trials the page lists; the file has them all."""


def write_results(search: Search, kept: Sequence[FrozenTrial], folder: Path) -> None:
    """Write a search's results; earlier ones of the same name are replaced, each as a whole.

    Raises:
        ModelFileError: something cannot be written.
    """
    with file_errors(folder, "the results cannot be written here"):
        folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / TABLE_NAME, search.to_csv().encode())
    if search.best is not None:
        write_file(folder / BEST_NAME, search.best.to_toml().encode())
    write_file(folder / PAGE_NAME, html_page(search, kept).encode())


def html_page(search: Search, kept: Sequence[FrozenTrial]) -> str:
    """Return the page, which needs nothing but itself."""
    sections = []
    if search.best is not None:
        sections.append(("Best configuration", code(BEST_NAME, search.best.to_toml())))
    columns, rows = search.table(200)
    more = f"The {MOST_ROWS} best of {len(rows):,}" if len(rows) > MOST_ROWS else "The best first"
    sections.append(("Trials", table(more, columns, rows[:MOST_ROWS])))
    with pictures(search.plan, kept) as drawn:
        shown = "".join(card(figure, name, caption, caption) for name, (caption, figure) in drawn.items())
    sections.append(("Pictures", shown or paragraph(f"There are pictures from {ENOUGH} complete trials on.")))
    lead = paragraph(f"{counted(len(search.trials), 'trial')}; {search.best_text}.")
    lead += paragraph(f"The study '{search.study}' is in {search.place}.")
    return page("Searching for a configuration", lead, sections, f"modnet {__version__}")
