"""Values and suggestions as error messages show them: in one line, and not too long."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = ["did_you_mean", "short_repr", "truncate"]

LONGEST = 60
"""How many characters of a value a message shows."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x' or 'y'?"`` for the known words nearest to ``word``, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def short_repr(value: Any) -> str:
    """Return the repr of ``value`` in one line, truncated if it is long; a NumPy scalar is shown as a Python number."""
    is_scalar = hasattr(value, "dtype") and getattr(value, "ndim", None) == 0 and not hasattr(value, "mask")
    return truncate(" ".join(repr(value.item() if is_scalar else value).split()))


def truncate(text: str, length: int = LONGEST) -> str:
    """Return ``text``, or its beginning if it is longer than ``length`` characters."""
    return text if len(text) <= length else text[:length] + "…"
