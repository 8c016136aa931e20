"""Turn TeX into MathML while the site is built, so that reading a formula needs no script and no network.

The Markdown extension ``pymdownx.arithmatex`` marks the formulas; this hook replaces what it marked.
"""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

_INLINE = re.compile(r'<span class="arithmatex">\\\((.+?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.+?)\\\]\s*</div>', re.DOTALL)
_LEFT_OVER = re.compile(r"\\[A-Za-z]+|<mi>&</mi>")


def on_page_content(content: str, *, page: Any, **_: Any) -> str:
    place = page.file.src_uri
    content = _BLOCK.sub(lambda found: f'<div class="formula">{_mathml(found[1], "block", place)}</div>', content)
    return _INLINE.sub(lambda found: _mathml(found[1], "inline", place), content)


def _mathml(escaped: str, display: str, place: str) -> str:
    tex = html.unescape(escaped).strip()
    try:
        mathml: str = convert(tex, display=display)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(f"{place}: the formula {tex!r} cannot be read: {reason}") from error
    if left := _LEFT_OVER.search(mathml):
        raise PluginError(f"{place}: the formula {tex!r} has {left[0]!r}, which latex2mathml does not know")
    return mathml
