from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from modnet.storage.state_codec import TreeError, flatten, unflatten
from modnet.testing.numeric import tree_diff

NUMBERS = st.sampled_from(["f8", "f4", "i8", "i2", "u1", "u8", "?"])
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"]))
    | arrays(NUMBERS, array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=3))
    | st.builds(np.float32, st.floats(width=32)) | st.builds(np.int64, st.integers(-(2**63), 2**63 - 1))
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text("abß {}", max_size=3) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def told(value: Any) -> Any:
    """Return a value as text in which every bit and every type shows."""
    if isinstance(value, dict):
        return [(told(key), told(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(told, value)]
    if isinstance(value, np.ndarray | np.generic):
        return type(value).__name__, str(value.dtype), value.shape, value.tobytes().hex()
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value.hex()
    return type(value).__name__, value


def there_and_back(tree: Any) -> Any:
    said, held = flatten(tree, "t.")
    assert all(name.startswith("t.") for name in held)
    return unflatten(json.loads(json.dumps(said, allow_nan=False)), held)


@given(TREES)
def test_a_tree_comes_back_in_every_bit(tree: Any) -> None:
    again = there_and_back(tree)
    assert told(again) == told(tree)
    assert tree_diff(tree, again) == []


def test_what_a_training_keeps_comes_back() -> None:
    tree = {"pcg": np.random.default_rng(0).bit_generator.state, "mt": np.random.MT19937(3).state, 2**400: -0.0,
            "never": [math.inf, -math.inf, math.nan], "": {"dict": [], "float": "inf", "array": "t.0"}}  # fmt: skip
    assert told(there_and_back(tree)) == told(tree)
    source = np.random.default_rng(5)
    other = np.random.default_rng(6)
    other.bit_generator.state = there_and_back(source.bit_generator.state)
    assert source.random(9).tobytes() == other.random(9).tobytes()


def test_one_array_in_two_places_stays_one_and_keeps_how_it_lies() -> None:
    one = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    said, held = flatten([one, {"again": one.T}], "t.")
    again = unflatten(said, held)
    assert again[0].flags.f_contiguous
    assert again[0].tolist() == one.tolist()
    shared = np.arange(3)
    said, held = flatten([shared, (shared,)], "t.")
    assert len(held) == 1
    again = unflatten(said, held)
    assert again[0] is again[1][0]


class Listed(list[int]):
    pass


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({1}, "a.0 is of type set"),
        (b"", "a.0 is of type bytes"),
        (1j, "a.0 is of type complex"),
        (np.zeros(1, dtype=complex), "a.0 is of type array of complex128"),
        (np.zeros(1, dtype=np.float16), "a.0 is of type array of float16"),
        (np.array([None]), "a.0 is of type array of object"),
        (np.array(["a"]), "a.0 is of type array of <U1"),
        (Listed(), "a.0 is of type Listed"),
        ({(1,): 2}, "a.0 is of type dict"),
        ({True: 2}, "a.0 is of type dict"),
        ("\ud800", "a.0 is of type str"),
        (object, "a.0 is of type type"),
        (lambda: None, "a.0 is of type function"),
    ],
)
def test_what_no_file_can_keep_is_named_with_its_place(value: Any, what: str) -> None:
    with pytest.raises(TreeError) as caught:
        flatten({"a": [value]}, "t.")
    assert str(caught.value).startswith(f"{what}; allowed: None, booleans")


def test_what_contains_itself_is_too_deep() -> None:
    tree: list[Any] = []
    tree.append(tree)
    with pytest.raises(TreeError, match="nested more than 50 deep"):
        flatten(tree, "t.")


@pytest.mark.parametrize(
    "said",
    [
        {}, {"a": 1}, {"dict": {}}, {"dict": [[1]]}, {"dict": [["a", 1, 2]]}, {"dict": [[None, 1]]},
        {"dict": [["a", 1], ["a", 2]]}, {"dict": [[True, 1]]}, {"dict": ["ab"]}, {"tuple": 3}, {"tuple": {}},
        {"float": "1e5"}, {"float": 1.0}, {"float": ["nan"]}, {"array": "no"}, {"array": 0}, {"array": []},
        {"scalar": "t.0"}, {"scalar": {}}, {"transposed": "no"}, {"array": "t.0", "tuple": []}, [{"a": 1}],
        json.loads("[" * 60 + "]" * 60), {"python": "os.system"},
    ],
    ids=str,
)  # fmt: skip
def test_nothing_else_is_made_of_a_file(said: Any) -> None:
    with pytest.raises(TreeError):
        unflatten(said, {"t.0": np.zeros(3)})
