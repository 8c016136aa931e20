"""A rule's state that stays on the device until somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["OnDemand"]


class OnDemand(Mapping[str, Any]):
    """A rule's state, fetched when it is asked for: that of most blocks is not.

    Attributes:
        kept: What is on the device.
    """

    def __init__(self, kept: Any, fetch: Callable[[Any], dict[str, Any]]) -> None:
        self.kept, self._fetch = kept, fetch
        self._state: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        return self._fetched()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fetched())

    def __len__(self) -> int:
        return len(self._fetched())

    def _fetched(self) -> dict[str, Any]:
        if self._state is None:
            self._state = self._fetch(self.kept)
        return self._state
