"""The tables that judge ``modnet init``: eight to tune by, and three that were set aside before anything was tuned.

Each is a data frame with the column ``target``, and whether that holds classes or numbers. The made ones follow fixed
formulas and seeds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn import datasets

__all__ = ["SET_ASIDE", "TUNED", "is_classes"]


def _bundled(load: Callable[..., object]) -> Callable[[], pd.DataFrame]:
    return lambda: load(as_frame=True).frame  # type: ignore[attr-defined]


def _frame(x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(x, columns=[f"x{column}" for column in range(x.shape[1])])
    return frame.assign(target=y)


def _with_missing(frame: pd.DataFrame, share: float, rng: np.random.Generator) -> pd.DataFrame:
    features = frame.drop(columns="target")
    features = features.mask(pd.DataFrame(rng.random(features.shape) < share, features.index, features.columns))
    return features.assign(target=frame["target"])


def houses() -> pd.DataFrame:
    """20,640 districts with skewed features, a place on a map, and a price that is cut off at 5; no real ones."""
    rng, rows = np.random.default_rng(1), 20_640
    income = rng.lognormal(1.25, 0.45, rows)
    age = rng.integers(1, 53, rows)
    rooms = rng.lognormal(1.2 + 0.12 * np.log(income) + 0.2, 0.25)
    bedrooms = 1 + rng.lognormal(-3.0, 1.0, rows)
    population = np.round(rng.lognormal(7.0, 0.75, rows))
    occupancy = 1.5 + rng.lognormal(0.2, 0.45, rows)
    is_south = rng.random(rows) < 0.6
    latitude = np.where(is_south, rng.normal(34.0, 0.6, rows), rng.normal(37.8, 0.8, rows))
    longitude = -119.5 - 0.9 * (latitude - 36.0) + rng.exponential(0.8, rows) - 0.8
    inland = longitude + 0.9 * (latitude - 36.0) + 120.3
    price = (
        0.55 * income * np.exp(-0.35 * inland)
        + 1.1 * np.exp(-(((latitude - 34.0) / 0.4) ** 2) - (inland / 0.7) ** 2)
        + 1.3 * np.exp(-(((latitude - 37.7) / 0.4) ** 2) - (inland / 0.7) ** 2)
        + 0.2 * np.log(rooms / occupancy + 0.5)
        + 0.006 * age * (is_south - 0.3)
        + 0.4
    ) * rng.lognormal(0.0, 0.2, rows)
    columns = {
        "income": income, "age": age, "rooms": rooms, "bedrooms": bedrooms, "population": population,
        "occupancy": occupancy, "latitude": latitude, "longitude": longitude, "target": np.clip(price, 0.15, 5.0),
    }  # fmt: skip
    return pd.DataFrame(columns)


def rare() -> pd.DataFrame:
    """100,000 rows of 20 numbers, two classes 98 : 2."""
    x, y = datasets.make_classification(
        100_000, 20, n_informative=8, n_redundant=4, n_clusters_per_class=3, weights=[0.98], flip_y=0.0, random_state=2
    )
    return _frame(x, y)


def customers() -> pd.DataFrame:
    """3,000 customers of text and numbers, 5 % missing, who stay or leave."""
    rng, rows = np.random.default_rng(3), 3_000
    cities = np.array(["Ulm", "Bonn", "Kiel", "Jena", "Trier", "Mainz", "Fulda", "Celle"])
    plans = np.array(["S", "M", "L"])
    city, plan = rng.choice(8, rows, p=np.arange(8, 0, -1) / 36), rng.choice(3, rows, p=[0.5, 0.35, 0.15])
    device = rng.choice(["phone", "tablet", "laptop", "desktop", "tv"], rows, p=[0.45, 0.15, 0.2, 0.15, 0.05])
    months, income = rng.integers(0, 72, rows), rng.lognormal(10.3, 0.5, rows)
    visits, calls = rng.poisson(2 + 3 * plan), rng.poisson(1.2, rows)
    logit = (
        -0.9 - 0.04 * months + 0.7 * calls - 0.15 * visits + np.array([0.0, 0.8, -0.7, 1.2, -0.3, 0.5, -1.0, 0.4])[city]
        + 0.9 * (device == "tv") + 0.6 * plan * (np.log(income) < 10.2) + 0.8 * (months < 6)
    )  # fmt: skip
    leaves = rng.random(rows) < 1 / (1 + np.exp(-1.3 * logit))
    columns = {
        "city": cities[city], "plan": plans[plan], "device": device, "months": months, "income": income.round(2),
        "visits": visits, "calls": calls, "target": np.where(leaves, "leaves", "stays"),
    }  # fmt: skip
    return _with_missing(pd.DataFrame(columns), 0.05, rng)


def moons() -> pd.DataFrame:
    """Set aside: two noisy half circles in two dimensions, 1,000 rows."""
    return _frame(*datasets.make_moons(1_000, noise=0.3, random_state=11))


def friedman() -> pd.DataFrame:
    """Set aside: Friedman's first function of 10 numbers, 3,000 rows, 10 % missing."""
    frame = _frame(*datasets.make_friedman1(3_000, n_features=10, noise=1.0, random_state=12))
    return _with_missing(frame, 0.1, np.random.default_rng(12))


def five() -> pd.DataFrame:
    """Set aside: five classes, from 55 % down to 4 % of 6,000 rows, three of whose columns were made text."""
    x, y = datasets.make_classification(
        6_000, 14, n_informative=8, n_redundant=2, n_classes=5, n_clusters_per_class=2,
        weights=[0.55, 0.22, 0.12, 0.07, 0.04], class_sep=1.2, random_state=13,
    )  # fmt: skip
    frame = _frame(x, np.array(["a", "b", "c", "d", "e"])[y])
    for column, words in (("x0", "low middle high"), ("x3", "red green blue black white"), ("x7", "no yes")):
        frame[column] = pd.qcut(frame[column], len(words.split()), labels=words.split()).astype(str)
    return frame


TUNED: dict[str, Callable[[], pd.DataFrame]] = {
    "iris": _bundled(datasets.load_iris),
    "wine": _bundled(datasets.load_wine),
    "breast cancer": _bundled(datasets.load_breast_cancer),
    "digits": _bundled(datasets.load_digits),
    "diabetes": _bundled(datasets.load_diabetes),
    "houses": houses,
    "rare": rare,
    "customers": customers,
}
SET_ASIDE: dict[str, Callable[[], pd.DataFrame]] = {"moons": moons, "friedman": friedman, "five": five}


def is_classes(name: str) -> bool:
    """Return whether a table's target holds classes, not numbers."""
    return name not in ("diabetes", "houses", "friedman")
