"""Activations, costs, regularizers and their derivatives against exact arithmetic, for finite numbers of every size.

The formulas below are written from mathematics: with fractions where there is nothing but + − × ÷, with 60 digits of
mpmath elsewhere. Overflow, invalid operations and divisions by zero raise wherever all true values are representable.
Underflow raises for everyday numbers only: below the smallest normal number a subnormal one or 0 *is* the right answer,
which IEEE 754 has flagged; and NumPy flags it where nothing underflows (the exponential of a subnormal float32).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support import parts

from modnet.components.activations import LeakyRelu, Sigmoid
from modnet.components.regularizers import L1, L2
from modnet.core.interfaces import Activation, Cost

ACTIVATIONS = [*(part() for part in parts("activation")), LeakyRelu(slope=0.0), LeakyRelu(slope=0.99)]
COSTS = [cost for cost in (part() for part in parts("cost")) if cost.outputs(3) == 3]
"""The others, of several outputs for each value of a target, are in test_costs_of_more_outputs.py."""
PAIRS = list(itertools.product(COSTS, [None, *ACTIVATIONS]))
SHAPE = (2, 3)

Exact = Any
"""A Fraction or a number of mpmath."""

worst: dict[tuple[str, str], float] = {}
"""The largest relative error that was met, by function and dtype; `test_the_figures` prints it."""


@pytest.fixture(autouse=True)
def _digits():
    with mpmath.workdps(60):
        yield


@pytest.fixture(params=[pytest.param(10, id="few"), pytest.param(2000, id="many", marks=pytest.mark.soak)])
def examples(request):
    """How many examples a test is to look at: few in the suite, and many in the soak."""
    return settings(
        max_examples=request.param,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


each_dtype = pytest.mark.parametrize("dtype", ["float64", "float32"])


def kind_id(part):
    return (
        "none"
        if part is None
        else part.kind + "".join(f"-{value}" for value in part.model_dump(exclude={"kind"}).values())
    )


each_activation = pytest.mark.parametrize("activation", ACTIVATIONS, ids=kind_id)
each_cost = pytest.mark.parametrize("cost", COSTS, ids=kind_id)


def numbers(dtype: str, low: float | None = None, high: float | None = None) -> st.SearchStrategy[np.ndarray]:
    """Arrays of floats of every size: what hypothesis thinks of, where exponentials live, and the ends."""
    limits = np.finfo(dtype)
    small = [0.0, limits.smallest_subnormal, limits.smallest_normal, limits.eps, 0.5, 1.0 - limits.epsneg, 1.0]
    ends = [sign * float(value) for value in (*small, limits.max / 2, limits.max) for sign in (1, -1)]
    low, high = (float(-limits.max) if low is None else low), (float(limits.max) if high is None else high)
    options: dict[str, Any] = {"width": 8 * limits.dtype.itemsize, "allow_nan": False}
    elements = st.one_of(
        st.floats(low, high, **options),
        st.floats(max(low, -1024.0), min(high, 1024.0), **options),
        st.sampled_from([end for end in ends if low <= end <= high]),
    )
    return arrays(dtype, SHAPE, elements=elements)


def close_to_each_other(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Outputs near 0 and near their targets: where 1 − a loses its digits, and where (1 − y)/(1 − a) − y/a cancels."""
    a = np.array([[1e-20, 1e-19, 1e-18], [0.5, 0.7, 0.999]], dtype=dtype)
    return a, a * np.array([[0, 0, 0], [1, 1, 1]], dtype=dtype) * (1 + 4 * np.finfo(dtype).eps)


def exact_ends(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Outputs that are their targets up to a few units in the last place, or 0, and targets of 0."""
    y = np.array([[7.0, 1e6, 0.0], [3.0, 0.0, 2.0]], dtype=dtype)
    return y * np.array([[1, 1 + 4 * np.finfo(dtype).eps, 0], [0, 1, 2]], dtype=dtype), y


def far_apart(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and targets whose difference has a square that is no float, though half of it is."""
    a = np.zeros(SHAPE, dtype)
    a[:, 0] = 1.2 * np.sqrt(np.finfo(dtype).max)
    return a, np.zeros_like(a)


def fractions(array: np.ndarray) -> np.ndarray:
    return np.array([Fraction(value) for value in array.ravel().tolist()], dtype=object).reshape(array.shape)


def real(value: Exact) -> mpmath.mpf:
    if isinstance(value, Fraction):
        return mpmath.mpf(value.numerator) / value.denominator
    return mpmath.mpf(value.item() if isinstance(value, np.generic) else value)


def check(name: str, dtype: str, compute: Callable[[], np.ndarray], true: np.ndarray, slack: Any = 0) -> None:
    """Compare what ``compute`` returns with the true values: within 1e-6 of each, or within ``slack``."""
    limits = np.finfo(dtype)
    largest, normal, step = (real(float(x)) for x in (limits.max, limits.smallest_normal, limits.smallest_subnormal))
    values = [real(value) for value in np.ravel(true)]
    fit = [abs(value) <= largest for value in values]
    with np.errstate(all="raise" if all(fit) else "ignore", under="ignore"):
        came = np.ravel(compute())
    assert (came.dtype, len(came)) == (dtype, len(values))
    allowances = np.ravel(np.broadcast_to(np.array(slack, dtype=object), np.shape(true)))
    for ours, value, representable, allowance in zip(came.tolist(), values, fit, allowances, strict=True):
        if not representable:
            assert not np.isnan(ours)
            continue
        assert np.isfinite(ours), f"{ours} for {mpmath.nstr(value, 17)}"
        error, allowed = abs(ours - value), real(allowance)
        assert error <= max(1e-6 * abs(value), allowed) + 8 * step, f"{ours} for {mpmath.nstr(value, 17)}"
        if abs(value) >= normal and error > allowed:
            worst[name, dtype] = max(worst.get((name, dtype), 0.0), float(error / abs(value)))


# Mathematics


def softmax(z: np.ndarray) -> np.ndarray:
    rows = []
    for row in z.tolist():
        e = [mpmath.exp(mpmath.mpf(value) - max(row)) for value in row]
        rows.append([value / mpmath.fsum(e) for value in e])
    return np.array(rows, dtype=object)


def function(activation: Activation, z: np.ndarray) -> np.ndarray:
    """σ(z)."""
    if activation.kind == "softmax":
        return softmax(z)
    slope = Fraction(getattr(activation, "slope", 0.0))
    formula = {
        "exp": lambda x: mpmath.exp(min(mpmath.mpf(x), largest_power(z.dtype))),
        "identity": Fraction,
        "leaky-relu": lambda x: Fraction(x) * (1 if x > 0 else slope),
        "relu": lambda x: Fraction(max(x, 0.0)),
        "sigmoid": lambda x: 1 / (1 + mpmath.exp(-mpmath.mpf(x))),
        "tanh": lambda x: mpmath.expm1(2 * mpmath.mpf(x)) / (mpmath.expm1(2 * mpmath.mpf(x)) + 2),
    }[activation.kind]
    return np.array([formula(x) for x in z.ravel().tolist()], dtype=object).reshape(z.shape)


def largest_power(dtype: Any) -> Exact:
    """Where the docstring of `exp` says that z is clipped."""
    exact = mpmath.log(real(float(np.finfo(dtype).max))) * (1 - float(np.finfo(dtype).eps))
    return real(float(np.dtype(dtype).type(float(exact))))


def slope_at(activation: Activation, z: np.ndarray) -> np.ndarray:
    """σ′(z) of an elementwise function, without any difference of nearly equal numbers."""

    def formula(x: float) -> Exact:
        if activation.kind in ("sigmoid", "tanh"):
            twice = 1 if activation.kind == "sigmoid" else 2
            e = mpmath.exp(-twice * abs(mpmath.mpf(x)))
            return twice * twice * e / (1 + e) ** 2
        if activation.kind == "exp":
            return mpmath.exp(min(mpmath.mpf(x), largest_power(z.dtype)))
        return Fraction(1 if x > 0 or activation.kind == "identity" else getattr(activation, "slope", 0.0))

    return np.array([formula(x) for x in z.ravel().tolist()], dtype=object).reshape(z.shape)


def back(activation: Activation | None, upstream: np.ndarray, z: np.ndarray, a: np.ndarray) -> np.ndarray:
    """∂C/∂z from ∂C/∂a, as a function of z and of the *rounded* a; upstream and a are fractions."""
    if activation is None:
        return upstream
    if activation.kind == "softmax":
        return a * (upstream - (upstream * a).sum(axis=1, keepdims=True))
    if activation.kind == "exp":
        return upstream * a
    if activation.kind in ("sigmoid", "tanh"):
        return upstream * (a * (1 - a) if activation.kind == "sigmoid" else 1 - a * a)
    return upstream * slope_at(activation, z)


def terms(activation: Activation | None, upstream: np.ndarray, a: np.ndarray, dtype: str) -> Exact:
    """What rounding may do to the one derivative that is a sum, and so may cancel; or where upstream is subnormal."""
    if activation is not None and activation.kind == "exp":
        return 2 * Fraction(float(np.finfo(dtype).smallest_subnormal)) * a
    if activation is None or activation.kind != "softmax":
        return 0
    return (
        8 * Fraction(float(np.finfo(dtype).eps)) * a * (abs(upstream) + (abs(upstream) * a).sum(axis=1, keepdims=True))
    )


def cost_gradient(cost: Cost, a: np.ndarray, y: np.ndarray, dtype: str) -> np.ndarray:
    """∂C/∂a in fractions, with the limits that the cross-entropies' docstrings state."""
    normal = Fraction(float(np.finfo(dtype).smallest_normal))
    if cost.kind == "quadratic":
        return a - y
    if cost.kind == "absolute":
        return np.where(a > y, 1, np.where(a < y, -1, 0))
    if cost.kind == "huber":
        return np.clip(a - y, -1, 1)
    if cost.kind == "poisson":
        return 1 - y / np.maximum(np.maximum(a, normal), normal * y)
    if cost.kind == "categorical-cross-entropy":
        return -y / np.maximum(a, normal)
    inside = np.clip(a, normal, 1 - normal)
    return (1 - y) / (1 - inside) - y / inside


def cost_of(cost: Cost, a: np.ndarray, y: np.ndarray, dtype: str) -> np.ndarray:
    """C of each sample."""
    normal = float(np.finfo(dtype).smallest_normal)
    if cost.kind == "quadratic":
        return ((fractions(a) - fractions(y)) ** 2).sum(axis=1) / 2
    if cost.kind in ("absolute", "huber"):
        errors = abs(fractions(a) - fractions(y))
        if cost.kind == "huber":
            errors = np.where(errors <= 1, errors**2 / 2, errors - Fraction(1, 2))
        return errors.sum(axis=1)
    if cost.kind == "poisson":
        return np.array([mpmath.fsum(row) for row in deviances(a, y, normal)], dtype=object)

    def log(x: float) -> Exact:
        return mpmath.log(max(x, normal))

    def log_of_rest(x: float) -> Exact:
        return mpmath.log1p(-mpmath.mpf(x)) if x < 1 else mpmath.log(normal)

    total = []
    for outputs, targets in zip(a.tolist(), y.tolist(), strict=True):
        pairs = list(zip(outputs, map(mpmath.mpf, targets), strict=True))
        c = mpmath.fsum(-t * log(x) for x, t in pairs)
        total.append(c - mpmath.fsum((1 - t) * log_of_rest(x) for x, t in pairs) if cost.kind[0] == "b" else c)
    return np.array(total, dtype=object)


def deviances(a: np.ndarray, y: np.ndarray, normal: float) -> list[list[Exact]]:
    """The terms of half the Poisson deviance of each sample: t ln(t/x), −t, x."""
    rows = []
    for outputs, targets in zip(a.tolist(), y.tolist(), strict=True):
        row: list[Exact] = []
        for x, t in zip(map(mpmath.mpf, outputs), map(mpmath.mpf, targets), strict=True):
            row += [t * mpmath.log(t / max(x, normal, normal * t)) if t else 0, -t, x]
        rows.append(row)
    return rows


def rounding_of(cost: Cost, a: np.ndarray, y: np.ndarray, dtype: str) -> Any:
    """What rounding may do to the one cost that is a difference: some units in the last place of its terms."""
    if cost.kind != "poisson":
        return 0
    sizes = [mpmath.fsum(map(abs, row)) for row in deviances(a, y, float(np.finfo(dtype).smallest_normal))]
    # The ratio is rounded before its logarithm, so that t ln(t/x) is wrong by a unit of t, however small it is.
    return 4 * float(np.finfo(dtype).eps) * np.array(sizes, dtype=object)


def target_bounds(cost: Cost, dtype: str) -> tuple[float, ...]:
    """The numbers that targets may be, and that outputs are; of larger ones the error, or t ln(t/x), is no float."""
    half = float(np.finfo(dtype).max) / 2
    return {"quadratic": (), "absolute": (-half, half), "huber": (-half, half), "poisson": (0.0, half / 2048)}.get(
        cost.kind, (0.0, 1.0)
    )


def outputs_of(cost: Cost, dtype: str) -> tuple[float, ...]:
    """The numbers that outputs may be where they need not be such as targets are."""
    half = float(np.finfo(dtype).max) / 2
    return (-half, half) if cost.kind in ("absolute", "huber", "poisson") else ()


# Tests


@each_dtype
@each_activation
def test_an_activation(activation, dtype, examples):
    @examples
    @given(numbers(dtype))
    def of(z):
        slack: Any = 0
        true = function(activation, z)
        if activation.kind == "softmax":  # z − max z is rounded, and e to that power has its error times |z − max z|
            half = z.astype(float) / 2
            difference = 2 * np.minimum(half.max(axis=1, keepdims=True) - half, 1000)
            slack = true * (difference + 8) * float(np.finfo(dtype).epsneg)
        check(f"{kind_id(activation)}", dtype, lambda: activation(z), true, slack)

    of()


@each_dtype
@each_activation
def test_backward_for_the_output_that_it_is_given(activation, dtype, examples):
    # Softmax adds up a weighted mean of upstream, which may round beyond the largest float.
    bound = float(np.finfo(dtype).max) / (2 if activation.kind == "softmax" else 1)

    @examples
    @given(numbers(dtype), numbers(dtype, -bound, bound))
    def of(z, upstream):
        a = activation(z)
        given, outputs = fractions(upstream), fractions(a)
        check(
            f"{kind_id(activation)} backward",
            dtype,
            lambda: activation.backward(upstream, z, a),
            back(activation, given, z, outputs),
            terms(activation, given, outputs, dtype),
        )

    of()


@each_dtype
@each_activation
def test_backward_for_the_net_input(activation, dtype, examples):
    """σ′(z) itself: a is rounded, so what sigmoid, tanh and softmax make of it is too, in units of a's last digit."""

    bound = float(np.finfo(dtype).max) / (2 if activation.kind == "softmax" else 1)

    @examples
    @given(numbers(dtype), numbers(dtype, -bound, bound))
    def of(z, upstream):
        a, given = activation(z), fractions(upstream)
        eps = Fraction(float(np.finfo(dtype).eps))
        if activation.kind == "softmax":
            outputs = softmax(z)
            reals = np.array([real(value) for value in given.ravel()], dtype=object).reshape(SHAPE)
            true = outputs * (reals - (reals * outputs).sum(axis=1, keepdims=True))
            slack = 8 * eps * abs(given).max(axis=1, keepdims=True)
        else:
            true = slope_at(activation, z) * np.array([real(value) for value in given.ravel()]).reshape(SHAPE)
            unit = Fraction(float(np.finfo(dtype).smallest_subnormal)) if activation.kind == "exp" else 2 * eps
            slack = unit * abs(given) if activation.kind in ("sigmoid", "tanh", "exp") else 0
        check(
            f"{kind_id(activation)} derivative",
            dtype,
            lambda: activation.backward(upstream, z, a),
            true,
            slack,
        )

    of()


@each_dtype
@each_cost
def test_a_cost(cost, dtype, examples):
    @examples
    @given(numbers(dtype, *target_bounds(cost, dtype)), numbers(dtype, *target_bounds(cost, dtype)))
    @example(*(far_apart(dtype) if cost.kind == "quadratic" else close_to_each_other(dtype)))
    @example(*(exact_ends(dtype) if cost.kind == "poisson" else close_to_each_other(dtype)))
    def of(a, y):
        check(cost.kind, dtype, lambda: cost(a, y), cost_of(cost, a, y, dtype), rounding_of(cost, a, y, dtype))

    of()


@each_dtype
@each_cost
def test_a_costs_gradient(cost, dtype, examples):
    @examples
    # a − y is no float where both are the largest ones, whatever is made of it then
    @given(numbers(dtype, *outputs_of(cost, dtype)), numbers(dtype, *target_bounds(cost, dtype)))
    @example(*close_to_each_other(dtype))
    def of(a, y):
        true = cost_gradient(cost, fractions(a), fractions(y), dtype)
        check(f"{cost.kind} gradient", dtype, lambda: cost.gradient(a, y), true)

    of()


@each_dtype
@pytest.mark.parametrize(("cost", "activation"), PAIRS, ids=kind_id)
def test_delta(cost, activation, dtype, examples):
    @examples
    @given(numbers(dtype, *outputs_of(cost, dtype)), numbers(dtype, *target_bounds(cost, dtype)))
    def of(z, y):
        a = z if activation is None else activation(z)
        outputs, targets = fractions(a), fractions(y)
        gradient = cost_gradient(cost, outputs, targets, dtype)
        true, slack = back(activation, gradient, z, outputs), terms(activation, gradient, outputs, dtype)
        pair = (cost.kind, activation and activation.kind)
        if pair in (("binary-cross-entropy", "sigmoid"), ("poisson", "exp")):
            true = outputs - targets
        elif pair == ("categorical-cross-entropy", "softmax"):
            total = targets.sum(axis=1, keepdims=True)
            true, slack = (
                outputs * total - targets,
                4 * Fraction(float(np.finfo(dtype).eps)) * (outputs * total + targets),
            )
        elif abs(gradient).max() > Fraction(float(np.finfo(dtype).max)):
            return  # ∂C/∂a, which the activation takes back, is no float
        name = f"{cost.kind} delta, {kind_id(activation)}"
        check(name, dtype, lambda: cost.delta(activation, z, a, y), true, slack)

    of()


@each_dtype
@pytest.mark.parametrize("strength", [0.0, 1e-4, 1.0, 300.0])
def test_regularizers(strength, dtype, examples):
    @examples
    @given(numbers(dtype))
    def of(z):
        w, exact, factor = z.ravel(), fractions(z.ravel()), Fraction(strength)
        one, two = L1(strength=strength), L2(strength=strength)
        check("l2", dtype, lambda: two(w), np.array([(exact * exact).sum() * factor / 2]))
        check("l1", dtype, lambda: one(w), np.array([abs(exact).sum() * factor]))
        check("l2 gradient", dtype, lambda: two.gradient(w), exact * factor)
        check("l1 gradient", dtype, lambda: one.gradient(w), np.sign(w).astype(int).astype(object) * factor)

    of()


@each_dtype
def test_nothing_at_all_is_raised_for_everyday_numbers(dtype, examples):
    """Not even underflow: |z| up to 20 and other numbers between 1/1000 and 1000."""
    size = {"min_value": 0.001953125, "max_value": 1000.0, "width": 32}

    @examples
    @given(arrays(dtype, SHAPE, elements=st.floats(-20.0, 20.0, width=32).filter(lambda z: z == 0 or abs(z) > 1e-3)),
           arrays(dtype, SHAPE, elements=st.floats(**size)))  # fmt: skip
    def of(z, size):
        y = np.where(size > 1.0, size.dtype.type(1.0), size.dtype.type(0.0))
        with np.errstate(all="raise"):
            for activation in ACTIVATIONS:
                a = activation(z)
                activation.backward(size, z, a)
                for cost in COSTS:
                    if (activation.kind, cost.kind) != ("exp", "binary-cross-entropy"):  # outputs that are above 1
                        cost.delta(activation, z, a, y)
            for cost in COSTS:
                a = Sigmoid()(z)
                cost(a, y)
            for regularizer in (L1(), L2()):
                regularizer(size.ravel())
                regularizer.gradient(size.ravel())

    of()


@pytest.mark.soak
def test_the_figures(capsys):
    """Last in this file: what the tests above have met."""
    with capsys.disabled():
        for (name, dtype), error in sorted(worst.items()):
            print(f"{name:60} {dtype:8} {error:.1e}")
