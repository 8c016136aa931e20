"""How a person is shown a run: by functions of the rooms above, which `modnet` itself says where to find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Views", "set_source", "views"]


class Views(Protocol):
    """The functions that show a `modnet.Run`."""

    def run_html(self, run: Any) -> str:
        """Return HTML with its figures."""

    def run_figure(self, run: Any) -> Any:
        """Return a figure of its learning curves."""


_source: Callable[[], Views] | None = None


def set_source(source: Callable[[], Views]) -> None:
    """Set the function that finds the views when one is first needed."""
    global _source
    _source = source


def views() -> Views:
    """Return the views."""
    if _source is None:
        raise RuntimeError("there are no views before modnet is imported")
    return _source()
