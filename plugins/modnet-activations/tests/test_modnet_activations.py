"""The five against their formulas in 60 digits, hand-worked numbers, and the ends of the floats."""

from __future__ import annotations

import importlib
import math
import tomllib
from collections.abc import Callable
from decimal import Decimal, localcontext
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from modnet import Activation, ConfigError, load_config
from modnet.core import registry
from modnet_activations import Elu, Gelu, Mish, Silu, Softplus

ROOT = Path(__file__).parents[1]
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494")
LN2, LN3 = math.log(2), math.log(3)
DTYPES = ("float32", "float64")


def tanh(z: Decimal) -> Decimal:
    return 1 - 2 / ((2 * z).exp() + 1)


def elu(z: Decimal, alpha: Decimal) -> Decimal:
    return z if z > 0 else alpha * (z.exp() - 1)


def gelu(z: Decimal) -> Decimal:
    return z / 2 * (1 + tanh((2 / PI).sqrt() * (z + Decimal("0.044715") * z**3)))


def silu(z: Decimal, beta: Decimal) -> Decimal:
    return z / (1 + (-beta * z).exp())


def softplus(z: Decimal) -> Decimal:
    return (1 + z.exp()).ln()


def mish(z: Decimal) -> Decimal:
    return z * tanh(softplus(z))


# Each part beside its formula, which is written down a second time here, for numbers of 60 digits.
FORMULAS: list[tuple[Activation, Callable[[Decimal], Decimal]]] = [
    (Elu(), lambda z: elu(z, Decimal(1))),
    (Elu(alpha=0.25), lambda z: elu(z, Decimal("0.25"))),
    (Gelu(), gelu),
    (Silu(), lambda z: silu(z, Decimal(1))),
    (Silu(beta=2.5), lambda z: silu(z, Decimal("2.5"))),
    (Silu(beta=0.125), lambda z: silu(z, Decimal("0.125"))),
    (Softplus(), softplus),
    (Mish(), mish),
]
PARTS = [part for part, _ in FORMULAS]
AT_THE_LIMITS = [Elu(alpha=1e30), Elu(alpha=5e-324), Silu(beta=1e30), Silu(beta=5e-324), Silu(beta=1e-20)]
each_part = pytest.mark.parametrize("part", PARTS, ids=repr)
each_formula = pytest.mark.parametrize(("part", "formula"), FORMULAS, ids=[repr(part) for part in PARTS])


def grid() -> np.ndarray:
    """Points from −12 to 12 with 0 between them: the kink of elu is tested by itself."""
    return np.linspace(-12, 12, 96).reshape(8, 12)


def slope(part: Activation, z: np.ndarray) -> np.ndarray:
    return part.backward(np.ones_like(z), z, part(z))


@each_formula
def test_values_are_the_formulas(part: Activation, formula: Callable[[Decimal], Decimal]) -> None:
    z = grid()
    with localcontext(prec=60):
        expected = [float(formula(Decimal(point))) for point in z.ravel().tolist()]
    np.testing.assert_allclose(part(z).ravel(), expected, rtol=1e-13, atol=1e-15)


@each_formula
def test_derivatives_are_central_differences(part: Activation, formula: Callable[[Decimal], Decimal]) -> None:
    # In 60 digits a step of 1e-20 leaves an error of about 1e-40, so that a small slope is tested as sharply
    # as a large one: the relative 1e-6 holds for every entry by itself. In float64 it drowns in rounding.
    z, step = grid(), Decimal("1e-20")
    with localcontext(prec=60):
        points = map(Decimal, z.ravel().tolist())
        expected = [float((formula(point + step) - formula(point - step)) / (2 * step)) for point in points]
    np.testing.assert_allclose(slope(part, z).ravel(), expected, rtol=1e-6, atol=1e-14)


@each_part
def test_backward_multiplies_by_upstream(part: Activation) -> None:
    z = grid()
    upstream = np.sin(np.arange(z.size, dtype=float)).reshape(z.shape)
    np.testing.assert_allclose(part.backward(upstream, z, part(z)), upstream * slope(part, z), rtol=1e-15)


@pytest.mark.parametrize(
    ("part", "z", "value", "derivative"),
    [
        # z > 0: the identity. e^(−ln 2) = ½, so 2(½ − 1) = −1, with the slope 2 · ½ = 1. At the kink: 0, α.
        (Elu(alpha=2.0), 3.0, 3.0, 1.0),
        (Elu(alpha=2.0), -LN2, -1.0, 1.0),
        (Elu(alpha=2.0), 0.0, 0.0, 2.0),
        # s = 1/(1 + e^(−ln 3)) = 1/(1 + ⅓) = ¾; the slope is s + z s(1 − s) = ¾ + ln 3 · ¾ · ¼.
        (Silu(), LN3, 0.75 * LN3, 0.75 + LN3 * 0.1875),
        # s = 1/(1 + e^(−2 ln 3)) = 1/(1 + 1/9) = 0.9; the slope is 0.9 + 2 ln 3 · 0.9 · 0.1.
        (Silu(beta=2.0), LN3, 0.9 * LN3, 0.9 + 2 * LN3 * 0.09),
        (Silu(), 0.0, 0.0, 0.5),
        # ln(1 + 1) with the slope 1/(1 + 1); ln(1 + 3) with 3/(1 + 3); ln(1 + ⅓) with ⅓/(1 + ⅓) = ¼.
        (Softplus(), 0.0, LN2, 0.5),
        (Softplus(), LN3, 2 * LN2, 0.75),
        (Softplus(), -LN3, math.log(4 / 3), 0.25),
        # tanh(ln t) = (t² − 1)/(t² + 1). t = 1 + e⁰ = 2: 3/5, which is the slope at 0, where z = 0.
        (Mish(), 0.0, 0.0, 0.6),
        # t = 1 + 2 = 3: 8/10; the slope is 0.8 + z(1 − 0.8²) · 2/(1 + 2) = 0.8 + ln 2 · 0.36 · ⅔.
        (Mish(), LN2, 0.8 * LN2, 0.8 + 0.24 * LN2),
        # v(0) = 0, so ½ z: 0 with the slope ½.
        (Gelu(), 0.0, 0.0, 0.5),
        # v(1) = 0.7978846 · 1.044715 = 0.8335620; tanh v = 0.6823840; ½(1 + tanh v) = 0.8411920. The slope:
        # v′ = 0.7978846 · 1.134145 = 0.9049168; 2 s(1 − s) = 2 · 0.8411920 · 0.1588080 = 0.2671760; their
        # product is 0.2417721, and 0.8411920 + 0.2417721 = 1.0829641.
        (Gelu(), 1.0, 0.8411920, 1.0829641),
    ],
)
def test_hand_worked_numbers(part: Activation, z: float, value: float, derivative: float) -> None:
    points = np.array([[z]])
    tolerance = 1e-7 if isinstance(part, Gelu) else 1e-14
    assert part(points)[0, 0] == pytest.approx(value, rel=tolerance, abs=1e-15)
    assert slope(part, points)[0, 0] == pytest.approx(derivative, rel=tolerance)


def test_gelu_is_within_its_documented_bound_of_the_exact_unit() -> None:
    z = np.linspace(-8, 8, 2001).reshape(1, -1)
    exact = [point / 2 * (1 + math.erf(point / math.sqrt(2))) for point in z[0].tolist()]
    difference = np.max(np.abs(Gelu()(z)[0] - exact))
    assert 4e-4 < difference < 5e-4


def test_silu_with_a_large_beta_is_relu() -> None:
    z = grid()
    np.testing.assert_allclose(Silu(beta=1e6)(z), np.maximum(z, 0), atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@each_part
def test_array_api_strict_gives_the_same(part: Activation, dtype: str) -> None:
    z = grid().astype(dtype)
    upstream = np.cos(z)
    strict_z, strict_upstream = array_api_strict.asarray(z), array_api_strict.asarray(upstream)
    a, strict_a = part(z), part(strict_z)
    strict_delta = part.backward(strict_upstream, strict_z, strict_a)
    assert strict_a.dtype == strict_delta.dtype == strict_z.dtype
    np.testing.assert_array_equal(np.asarray(strict_a), a)
    np.testing.assert_array_equal(np.asarray(strict_delta), part.backward(upstream, z, a))


def assert_finite(part: Activation, z: np.ndarray) -> None:
    """Both ways give finite numbers of z's dtype, raise no floating-point error and write to nothing."""
    upstream = np.ones_like(z)
    z.flags.writeable = upstream.flags.writeable = False
    with np.errstate(all="raise", under="ignore"):
        a = part(z)
        a.flags.writeable = False
        delta = part.backward(upstream, z, a)
    for result in (a, delta):
        assert result.dtype == z.dtype
        assert result.shape == z.shape
        assert np.isfinite(result).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("part", [*PARTS, *AT_THE_LIMITS], ids=repr)
def test_the_ends_of_the_floats(part: Activation, dtype: str) -> None:
    ends = np.finfo(dtype)
    sizes = [
        ends.max,
        ends.max / 2,
        1e4,
        100.0,
        22.0,
        10.0,
        ends.eps,
        ends.tiny,
        ends.smallest_subnormal,
        0.0,
    ]
    points = np.array([sizes, sizes], dtype=dtype)
    points[1] *= -1
    assert_finite(part, points)


@pytest.mark.parametrize("part", [*PARTS, *AT_THE_LIMITS], ids=repr)
@settings(derandomize=True, deadline=None, max_examples=60)
@given(points=st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=20))
def test_every_finite_float(part: Activation, points: list[float]) -> None:
    for dtype in DTYPES:
        assert_finite(part, np.array([points], dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@each_part
def test_the_largest_z_keeps_the_asymptote(part: Activation, dtype: str) -> None:
    largest = np.finfo(dtype).max
    z = np.array([[largest, -largest]], dtype=dtype)
    floor = -part.alpha if isinstance(part, Elu) else 0.0
    np.testing.assert_array_equal(part(z), np.array([[largest, floor]], dtype=dtype))
    np.testing.assert_array_equal(slope(part, z), np.array([[1.0, 0.0]], dtype=dtype))


@pytest.mark.parametrize(("part", "option"), [(Elu, "alpha"), (Silu, "beta")])
@pytest.mark.parametrize("value", [0, 0.0, -1.0, 2e30, math.inf, math.nan, "1", None, True])
def test_option_bounds(part: type[Activation], option: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        part.model_validate({"kind": part.kind_name(), option: value})
    assert [error["loc"] for error in caught.value.errors()] == [(option,)]


def test_an_unknown_option_is_refused_with_the_known_one() -> None:
    with pytest.raises(ValidationError, match="did you mean 'beta'"):
        Silu.model_validate({"kind": "silu", "betta": 1.0})


@pytest.mark.parametrize("name", ["swish", "Swish", "SiLU", "silu_"])
def test_other_libraries_name_for_silu_is_answered_with_silu(name: str) -> None:
    known = registry.active().copy()
    known.add([Elu, Gelu, Silu, Softplus, Mish], registry.Provider("modnet-activations", "1"))
    with (
        registry.using(known),
        pytest.raises(ConfigError, match=rf"unknown activation '{name}'; did you mean 'silu'\?$"),
    ):
        load_config(None, [f"network.layers.0.activation={name}"])


def test_the_entry_point_names_a_module_that_gives_the_five() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, module_name),) = project["entry-points"]["modnet"].items()
    assert name == project["name"] == "modnet-activations"
    module = importlib.import_module(module_name)
    assert hasattr(module.modnet_components, "modnet_impl"), "the mark that modnet.hookimpl leaves"
    parts = module.modnet_components()
    assert {part.kind_name() for part in parts} == {"elu", "gelu", "silu", "softplus", "mish"}
    assert {part.family for part in parts} == {"activation"}


@pytest.mark.parametrize("part", [Elu, Gelu, Silu, Softplus, Mish])
def test_every_part_and_option_is_described(part: type[Activation]) -> None:
    assert "Source: " in (part.__doc__ or "")
    for option in part.option_names():
        assert part.model_fields[option].description
    assert f"`{part.kind_name()}`" in (ROOT / "README.md").read_text(encoding="utf-8")
