"""The engine passes modnet's conformance kit: among others, it comes to the NumPy engine's θ with every part."""

from __future__ import annotations

from typing import Any

from modnet.testing import parametrize_checks
from modnet_jax import JaxEngine


@parametrize_checks(JaxEngine)
def test_it_keeps_what_an_engine_promises(check: Any) -> None:
    check()
