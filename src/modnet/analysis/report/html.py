"""The page of a report: it needs nothing but itself, its text is escaped, tables scroll, and pictures are within it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from string import Template

from modnet.analysis.html_table import html_table, html_text
from modnet.analysis.plots.figure import Figure, Picture, inline_svg, render

__all__ = ["card", "code", "page", "paragraph", "picture_card", "table"]


def page(title: str, lead: str, sections: Sequence[tuple[str, str]], footer: str) -> str:
    """Return a page. It may load and run nothing, and tells the browser so.

    Args:
        title: The heading, plain text.
        lead: What stands before the table of contents, HTML.
        sections: Headings, plain text, and contents, HTML.
        footer: What stands at the end, plain text.
    """
    here = files("modnet.analysis.report")
    template, style = (here.joinpath(name).read_text(encoding="utf-8") for name in ("page.html", "page.css"))
    headings = [(f"section-{number}", html_text(heading)) for number, (heading, _) in enumerate(sections, 1)]
    return Template(template).substitute(
        title=html_text(title),
        style=style,
        lead=lead,
        links="".join(f'<li><a href="#{anchor}">{heading}</a></li>' for anchor, heading in headings),
        sections="\n".join(
            f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{heading}</h2>\n{content}</section>'
            for (anchor, heading), (_, content) in zip(headings, sections, strict=True)
        ),
        footer=html_text(footer),
    )


def paragraph(text: str, style: str = "") -> str:
    """Return plain text as a paragraph, perhaps of a class of the style sheet."""
    attribute = f' class="{style}"' if style else ""
    return f"<p{attribute}>{html_text(text)}</p>\n"


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of plain text, which scrolls by itself where it is wide."""
    return _scrolling(caption, html_table(caption, head, rows))


def code(label: str, text: str) -> str:
    """Return text as it is, under a label for screen readers."""
    return _scrolling(label, f"<pre><code>{html_text(text)}</code></pre>")


def picture_card(picture: Picture, caption: str = "") -> str:
    """Return a picture, with its text for those who do not see it."""
    return card(render([picture]), picture.name, picture.text, caption or picture.title)


def card(figure: Figure, name: str, text: str, caption: str) -> str:
    """Return a figure within the page; ``name`` is a word for it that no other figure of the page has."""
    svg, caption = inline_svg(figure, name, text), html_text(caption)
    div = f'<div class="card" tabindex="0" role="group" aria-label="{caption}">{svg}</div>'
    return f"<figure>{div}<figcaption>{caption}</figcaption></figure>\n"


def _scrolling(label: str, content: str) -> str:
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{html_text(label)}">{content}</div>\n'
