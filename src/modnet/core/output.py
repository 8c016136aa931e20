"""A text stream that may fail: what cannot be written is given up, and the work goes on."""

from __future__ import annotations

import errno
import os
from typing import Any, TextIO

__all__ = ["Output"]


class Output:
    """Standard output or standard error; from the first error on, nothing more is written.

    A reader that goes away, a full disk or a closed stream must not end a training.

    Attributes:
        error: The first error, or None.
    """

    buffer = None  # click would write to it

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.error: OSError | ValueError | None = None
        if stream is None or getattr(stream, "closed", False):  # Python opens none for a descriptor that was closed
            self.error = OSError(errno.EBADF, os.strerror(errno.EBADF))

    def write(self, text: str) -> int:
        """Write a text, unless a write has failed before."""
        if not isinstance(text, str):  # how click finds out that this is no stream of bytes
            raise TypeError(f"text is written, not {type(text).__name__}")
        return self._try("write", text) or len(text)

    def flush(self) -> None:
        """Write what is still held back, unless a write has failed before."""
        self._try("flush")

    def isatty(self) -> bool:
        """Return whether this is a terminal that can be written to."""
        return bool(self._try("isatty"))

    def _try(self, name: str, *arguments: str) -> Any:
        if self.error is None:
            try:
                return getattr(self._stream, name)(*arguments)
            except (OSError, ValueError) as error:
                self.error = error
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
