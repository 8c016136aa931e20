"""Streams that cannot be written: on a full disk, to a reader that went away, and closed ones."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

REASONS = {
    "full": "No space left on device",
    "without a reader": "Broken pipe",
    "closed": "Bad file descriptor",
    "none": "Bad file descriptor",
}
"""The streams, and why they cannot be written."""


class Full(io.StringIO):
    def write(self, text: str) -> int:
        del text
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch, name: str, *, which: str = "stdout") -> Iterator[None]:
    """Put such a stream in the place of ``sys.stdout`` or ``sys.stderr``; None is what Python has after ``>&-``."""
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, "w", encoding="utf-8") as pipe, Full() as full, io.StringIO() as closed:  # noqa: PTH123 -- a descriptor
        closed.close()
        streams = {"full": full, "without a reader": pipe, "closed": closed, "none": None}
        with monkeypatch.context() as patch:
            patch.setattr(sys, which, streams[name])
            yield
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, theirs)  # for what the pipe holds back
        os.close(null)
