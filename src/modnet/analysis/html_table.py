"""An HTML table of plain text, for notebooks and reports."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from modnet.core.messages import printable_lines
from modnet.data.table import cell_text

__all__ = ["html_table", "html_text"]


def html_text(text: str) -> str:
    """Return plain text as HTML; a character that would turn the direction of what follows is escaped."""
    return escape(printable_lines(text))


def html_table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; all text is escaped; columns of numbers, some perhaps missing, have the class ``number``."""
    columns = zip(*rows, strict=True) if rows else [()] * len(head)
    numeric = [any(map(_is_number, column)) and all(map(_may_be_number, column)) for column in columns]

    def row(tag: str, cells: Sequence[str]) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        classes = [' class="number"' if is_numeric else "" for is_numeric in numeric]
        pieces = (f"<{tag}{scope}{name}>{html_text(cell)}</{tag}>" for name, cell in zip(classes, cells, strict=True))
        return f"<tr>{''.join(pieces)}</tr>"

    body = "".join(row("td", cells) for cells in rows)
    caption = f"<caption>{html_text(caption)}</caption>"
    return f"<table>{caption}<thead>{row('th', head)}</thead><tbody>{body}</tbody></table>"


def _may_be_number(text: str) -> bool:
    return text == cell_text(None) or _is_number(text)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "").removesuffix("%") or "0")
    except ValueError:
        return False
    return True
