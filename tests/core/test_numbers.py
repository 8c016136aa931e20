"""Numbers as people write them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import modnet
from modnet.core.numbers import format_number
from modnet.training.result import metric_text


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (143_000.0, 3, "143,000"),
        (143_217.4, 3, "143,217"),  # no digit before the point is lost
        (1e6, 6, "1,000,000"),
        (-1234.5678, 6, "-1,234.57"),
        (999.96, 3, "1,000"),
        (0.5, 3, "0.5"),
        (0.00012, 2, "0.00012"),
        (1.4e-7, 2, "1.4e-07"),
        (2e12, 3, "2e+12"),
        (1000, 3, "1,000"),
        (-0.0, 3, "0"),
        (float("nan"), 3, "nan"),
        (-np.inf, 3, "-inf"),
        (np.float32(0.1), 6, "0.1"),
    ],
)
def test_a_number_is_written_so(value: float, digits: int, written: str) -> None:
    assert format_number(value, digits) == written


def test_a_number_is_right_to_its_digits(rng: np.random.Generator) -> None:
    for value in (rng.normal(size=300) * 10.0 ** rng.integers(-9, 14, 300)).tolist():
        for digits in (1, 2, 3, 6):
            text = format_number(value, digits)
            assert float(text.replace(",", "")) == pytest.approx(value, rel=0.501 * 10 ** (1 - digits))
            assert re.fullmatch(r"-?(\d{1,3}(,\d{3})*(\.\d*[1-9])?|\d(\.\d+)?e[+-]\d\d+)", text), text


def test_what_people_read_is_written_in_this_one_way() -> None:
    """No room that writes for people rounds numbers by itself, which gives 1.43e+05."""
    source = Path(modnet.__file__).parent
    own = re.compile(r"(?<!float\(f\")\{[^{}]*:[^{}]*\dg\}")
    for room in ("analysis", "cli", "components", "training", "network"):
        for path in (source / room).rglob("*.py"):
            assert not own.search(path.read_text(encoding="utf-8")), path
    assert metric_text("cost", 1.43e5) == "143,000"
    assert metric_text("accuracy", 0.5) == "50.00%"
