"""What error messages are made of: values, paths, reasons and suggestions, in one line and not too long."""

from __future__ import annotations

import logging
import re
import shlex
import sys
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from itertools import islice
from typing import Any

__all__ = [
    "as_python",
    "counted",
    "did_you_mean",
    "epoch_number",
    "error_text",
    "fold",
    "list_values",
    "log_warning",
    "nearest",
    "printable",
    "printable_lines",
    "question",
    "shell_word",
    "short_repr",
    "truncate",
    "warn",
    "warn_once",
]

LONGEST = 60
"""How many characters of a value a message shows."""
LISTED = 10
"""How many values a message lists."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x' or 'y'?"`` for the known words nearest to ``word``, or an empty string."""
    return question(nearest(word, known))


def question(meant: Sequence[object]) -> str:
    """Return ``"; did you mean 'x' or 'y'?"``, or an empty string if nothing is known that can be meant."""
    return "; did you mean " + " or ".join(f"'{word}'" for word in meant) + "?" if meant else ""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Return the known words, at most two, that are ``word`` but for case and separators, or else spelt nearly so."""
    import difflib  # only for an error message

    words = list(known)
    same = [other for other in words if fold(other) == fold(word)]
    if same:
        return same[:2]
    plain = {other.lower().replace("_", "-"): other for other in words}
    near = difflib.get_close_matches(word.lower().replace("_", "-"), plain, n=2, cutoff=cutoff)
    return [plain[other] for other in near]


@lru_cache(maxsize=1024)  # an error compares a word with all known ones, and a file may have many errors
def fold(word: str) -> str:
    """Return a word without case and separators: ``leakyrelu`` for ``leaky-relu``, ``LeakyReLU`` and ``leaky_relu``."""
    return re.sub(r"[\W_]+", "", word).lower()


def printable(text: str) -> str:
    """Return a text in one line, with what a terminal does not show, or obeys, escaped as Python does it.

    That is: control characters and line breaks, those that change the direction of text, and lone surrogates, in which
    Python keeps the bytes of a file name that are no text.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """Return a text with each of its lines as `printable`."""
    return "\n".join(map(printable, text.split("\n")))


def shell_word(text: str) -> str:
    """Return a printable word of a command for a shell; bash and zsh read what is escaped as it was."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = "".join(map(_escaped, text))
    return f"$'{escaped}'"


def _escaped(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in "\\'" else character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def epoch_number(epoch: int) -> int:
    """Return an epoch as people count them, from 1; files and attributes count them from 0."""
    return epoch + 1


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which has an s unless it is one: ``1 epoch``, ``4,320 updates``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def error_text(error: BaseException) -> str:
    """Return the message of an error of Python or NumPy in one line."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(str(text).split())  # strerror is whatever an OSError's second argument is


def short_repr(value: Any) -> str:
    """Return the repr of ``value`` in one line, truncated if it is long; a NumPy scalar is shown as Python's own."""
    is_time = type(value).__name__ in ("datetime64", "timedelta64")
    return truncate(" ".join((str(value) if is_time else repr(as_python(value))).split()))


def as_python(value: Any) -> Any:
    """Return Python's own number, bool or text for one of NumPy's; anything else as it is."""
    import numpy as np  # `modnet --help` imports this module, and needs no NumPy

    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "biufcUS" else value


def list_values(values: Collection[Any]) -> str:
    """Return the first of ``values`` for a message of one line, and how many there are."""
    more = f", … ({len(values)} in all)" if len(values) > LISTED else ""
    return ", ".join(map(short_repr, islice(values, LISTED))) + more or "none"


def truncate(text: str, length: int = LONGEST) -> str:
    """Return ``text``, or its beginning if it is longer than ``length`` characters."""
    return text if len(text) <= length else text[:length] + "…"


def log_warning(text: str) -> None:
    """Warn in one line by the logger ``modnet``; where logging is not configured it is on standard error."""
    logging.getLogger("modnet").warning("modnet: %s", printable(text))


def warn(text: str) -> None:
    """Print a line on standard error, if anything can be printed there."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(f"modnet: {printable(text)}", file=sys.stderr, flush=True)


@cache
def warn_once(text: str) -> None:
    """Print a line on standard error, unless this process has printed it before."""
    warn(text)
