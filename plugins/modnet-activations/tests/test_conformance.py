"""The five pass modnet's conformance kit; a test for each check."""

from __future__ import annotations

from modnet.testing import parametrize_checks
from modnet_activations import Elu, Gelu, Mish, Silu, Softplus


@parametrize_checks(Elu, examples=[{}, {"alpha": 0.25}, {"alpha": 3.0}])
def test_elu(check) -> None:
    check()


@parametrize_checks(Gelu)
def test_gelu(check) -> None:
    check()


@parametrize_checks(Silu, examples=[{}, {"beta": 0.125}, {"beta": 2.5}, {"beta": 30.0}])
def test_silu(check) -> None:
    check()


@parametrize_checks(Softplus)
def test_softplus(check) -> None:
    check()


@parametrize_checks(Mish)
def test_mish(check) -> None:
    check()
