"""Typeset formulas while the site is built, so that reading one needs no script and no network.

The Markdown extension ``pymdownx.arithmatex`` marks those in TeX, and they become MathML. Where a display does not fit,
equations separated by ``\\quad`` stand below each other, and a line may break before ``=``. In other text, such as
docstrings, ``e^{z}``, ``n_l`` and the like get superscripts and subscripts; code stays as it is.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

_INLINE = re.compile(r'<span class="arithmatex">\\\((.+?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.+?)\\\]\s*</div>', re.DOTALL)
_LEFT_OVER = re.compile(r"\\[A-Za-z]+|<mi>&</mi>")
_TOKEN = re.compile(r"\\(?:begin|end|left|right|q?quad)(?![A-Za-z])|\\.|[{}]|:?=")
_PIECE = re.compile(r"<(code|pre|math)\b.*?</\1>|<[^>]*>|[^<]+", re.DOTALL)
_LOWERED = re.compile(r"(?<![^\W_])([^\W\d_])_(?:\{([^{}]*)\}|([^\W_])\b)")
_RAISED = re.compile(r"(?<=[^\W_]|[)}>])\^(?:\{([^{}]*)\}|(⌊[^⌋]*⌋|−?[^\W_]+(?:\([^)]*\))?))")


def on_page_content(content: str, *, page: Any, **_: Any) -> str:
    place = page.file.src_uri
    content = _BLOCK.sub(lambda found: _display(html.unescape(found[1]).strip(), place), content)
    content = _INLINE.sub(lambda found: _mathml(html.unescape(found[1]).strip(), place), content)
    return _PIECE.sub(lambda piece: piece[0] if piece[0].startswith("<") else _typeset(piece[0]), content)


def _typeset(text: str) -> str:
    text = _LOWERED.sub(lambda found: f"{found[1]}<sub>{found[2] or found[3]}</sub>", text)
    return _RAISED.sub(lambda found: f"<sup>{found[1] or found[2]}</sup>", text)


def _display(tex: str, place: str) -> str:
    blocks = []
    for equation in _equations(tex):
        sides = (_mathml(side, place, "block") for side in equation)
        lines = (side.replace('display="block"', 'display="inline" displaystyle="true"', 1) for side in sides)
        blocks.append(f'<div class="formula">{"<wbr>".join(lines)}</div>')
    return f'<div class="formulas">{"".join(blocks)}</div>'


def _equations(tex: str) -> Iterator[list[str]]:
    """Yield the equations of a display, each cut before every ``=`` that is in no bracket."""
    depth, start, sides = 0, 0, []
    for token in _TOKEN.finditer(tex):
        depth += {"{": 1, "}": -1, r"\begin": 1, r"\end": -1, r"\left": 1, r"\right": -1}.get(token[0], 0)
        is_end = token[0] in (r"\quad", r"\qquad")
        if depth == 0 and (is_end or token[0] in ("=", ":=")):
            sides.append(tex[start : token.start()].strip())
            start = token.end() if is_end else token.start()
            if is_end:
                yield list(filter(None, sides))
                sides = []
    yield list(filter(None, [*sides, tex[start:].strip()]))


def _mathml(tex: str, place: str, display: str = "inline") -> str:
    try:
        mathml: str = convert(tex, display=display)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(f"{place}: the formula {tex!r} cannot be read: {reason}") from error
    if left := _LEFT_OVER.search(mathml):
        raise PluginError(f"{place}: the formula {tex!r} has {left[0]!r}, which latex2mathml does not know")
    return mathml
