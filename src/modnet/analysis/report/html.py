"""Pieces of a page that needs nothing but itself: text escaped, tables that scroll, pictures within it, its style."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from modnet.analysis.plots.figure import Picture, drawn
from modnet.analysis.plots.style import rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["card", "code", "page", "paragraph", "picture_card", "table"]

_PIXELS = 96
"""CSS pixels of an inch."""
_LEAST = 0.68
"""How small a picture may become on a narrow screen, so that its text can be read; then it scrolls in its card."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5a6068; --paper: #ffffff; --line: #d5d9de; --field: #f3f5f7;
  --accent: #0b5cad; --warn: #8a4b00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --soft: #a9b0b8; --paper: #15171a; --line: #3a4047; --field: #1f2327; --accent: #7db7f0;
    --warn: #f0b264; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: .6rem 0; max-width: 46rem; overflow-wrap: anywhere; }
a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none; }
.lead { font-size: 1.1rem; }
.warn { border-left: 4px solid var(--warn); padding-left: .75rem; color: var(--warn); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; margin: .75rem 0; }
.scroll:focus-visible { outline: 2px solid var(--accent); }
table { border-collapse: collapse; min-width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .5rem .75rem; color: var(--soft); }
th, td { padding: .35rem .75rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
th { background: var(--field); }
td { max-width: 24rem; overflow-wrap: break-word; }
td.number { text-align: right; white-space: nowrap; }
th.number { text-align: right; }
pre { margin: 0; padding: .75rem; background: var(--field); font: .85rem/1.45 ui-monospace, monospace;
  width: max-content; min-width: 100%; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }
figure { margin: .75rem 0; min-width: 0; }
/* Pictures are drawn on white; the card says that this is meant. */
.card { background: #ffffff; border: 1px solid var(--line); border-radius: 6px; padding: .5rem; overflow-x: auto; }
.card img { display: block; margin: 0 auto; width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .35rem; }
summary { cursor: pointer; color: var(--accent); }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #333; --paper: #fff; --line: #bbb; --field: #fff; --accent: #000;
    --warn: #000; }
  nav { display: none; }
  main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  .scroll, .card { overflow: visible; }
  .card img { min-width: 0 !important; }
  pre { width: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
}
"""


def page(title: str, lead: str, sections: Sequence[tuple[str, str]], foot: str) -> str:
    """Return a page of sections, (heading, content); it may load nothing and run nothing, and says so to the browser.

    Args:
        title: Its heading, plain text.
        lead: What stands before the contents, HTML.
        sections: Plain headings and HTML.
        foot: What stands at the end, plain text.
    """
    links = "".join(f'<li><a href="#section-{at}">{escape(name)}</a></li>' for at, (name, _) in enumerate(sections, 1))
    body = "\n".join(
        f'<section aria-labelledby="section-{at}"><h2 id="section-{at}">{escape(name)}</h2>\n{content}</section>'
        for at, (name, content) in enumerate(sections, 1)
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n{lead}\n"
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n{body}\n'
        f"<footer>{escape(foot)}</footer>\n</main>\n</body>\n</html>\n"
    )


def paragraph(text: str, style: str = "") -> str:
    """Return plain text as a paragraph."""
    return f"<p{_of_class(style)}>{escape(text)}</p>\n"


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of plain text; columns of numbers stand to the right. It scrolls by itself where it is wide."""
    numeric = [all(map(_is_number, column)) for column in zip(*rows, strict=True)] if rows else [False] * len(head)

    def row(tag: str, cells: Sequence[str]) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        made = (
            f"<{tag}{scope}{_of_class('number' if number else '')}>{escape(cell)}</{tag}>"
            for cell, number in zip(cells, numeric, strict=True)
        )
        return f"<tr>{''.join(made)}</tr>"

    body = "".join(row("td", cells) for cells in rows)
    default_part = f"<caption>{escape(caption)}</caption>"
    return _scrolling(caption, f"<table>{default_part}<thead>{row('th', head)}</thead><tbody>{body}</tbody></table>")


def code(label: str, text: str) -> str:
    """Return text as it is, under a label that is read out."""
    return _scrolling(label, f"<pre><code>{escape(text)}</code></pre>")


def picture_card(picture: Picture, caption: str = "") -> str:
    """Return a picture, drawn within the page, with its text for those who do not see it.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    return card(drawn([picture]), picture.text, caption or picture.title)


def card(figure: Figure, text: str, caption: str) -> str:
    """Return a figure, drawn within the page."""
    width, height = (round(float(inches) * _PIXELS) for inches in figure.get_size_inches())
    content = base64.b64encode(rendered(figure, "svg")).decode()
    style = f"min-width:{round(width * _LEAST)}px;max-width:{width}px"
    return (
        f'<figure><div class="card" tabindex="0" role="group" aria-label="{escape(caption)}">'
        f'<img src="data:image/svg+xml;base64,{content}" width="{width}" height="{height}" style="{style}" '
        f'alt="{escape(text)}"></div><figcaption>{escape(caption)}</figcaption></figure>\n'
    )


def _scrolling(label: str, content: str) -> str:
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">{content}</div>\n'


def _of_class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "").removesuffix("%") or "0")
    except ValueError:
        return False
    return True
