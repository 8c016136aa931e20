from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from modnet.storage.safetensors import dump
from modnet.storage.state_codec import flatten, unflatten

NUMBERS = st.sampled_from(["f8", "f4", "i8", "i2", "u1", "u8", "?"])
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None))
    | arrays(NUMBERS, array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=3))
    | st.builds(np.float32, st.floats(width=32)) | st.builds(np.int64, st.integers(-(2**63), 2**63 - 1))
)  # fmt: skip
KEYS = st.text("abß {}.\ud800\n", max_size=3) | st.sampled_from(["dict", "array", "scalar"])
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
STATES = st.dictionaries(KEYS, TREES, max_size=4)


def shown(value: Any) -> Any:
    """Return a value as text in which every bit and every type shows."""
    if isinstance(value, dict):
        return [(key, shown(item)) for key, item in value.items()]
    if isinstance(value, list):
        return list(map(shown, value))
    if isinstance(value, np.ndarray | np.generic):
        return type(value).__name__, str(value.dtype), value.shape, value.tobytes().hex()
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value.hex()
    return type(value).__name__, value


def there_and_back(state: dict[str, Any]) -> Any:
    arrays = flatten(state, "t.")
    assert all(name.startswith("t.") and type(values) is np.ndarray for name, values in arrays.items())
    dump(arrays, {})  # a file takes them all
    return unflatten(arrays, "t.")


@given(STATES)
def test_a_state_comes_back_in_every_bit(state: dict[str, Any]) -> None:
    assert shown(there_and_back(state)) == shown(state)


def test_what_a_training_keeps_comes_back() -> None:
    state = {"pcg": np.random.default_rng(0).bit_generator.state, "mt": np.random.MT19937(3).state, "big": 2**400,
             "": {"dict": [], "float": "inf", "array": "t.0"}, "never": [math.inf, -math.inf, math.nan]}  # fmt: skip
    assert shown(there_and_back(state)) == shown(state)
    source = np.random.default_rng(5)
    other = np.random.default_rng(6)
    other.bit_generator.state = there_and_back(source.bit_generator.state)
    assert source.random(9).tobytes() == other.random(9).tobytes()


def test_what_comes_back_is_new_and_may_be_written_to() -> None:
    state = {"a": np.zeros(3), "b": np.arange(4, dtype=">i4"), "c": np.asfortranarray(np.arange(6.0).reshape(2, 3))}
    state["b"].flags.writeable = False
    again = there_and_back(state)
    for name, values in state.items():
        again[name][...] += 1
        assert again[name].tolist() == (values + 1).tolist()
        assert not np.shares_memory(again[name], values)
        assert again[name].dtype.isnative


class Listed(list[int]):
    pass


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({1}, "a.0 is of type set"),
        (b"", "a.0 is of type bytes"),
        (1j, "a.0 is of type complex"),
        ((1, 2), "a.0 is of type tuple"),
        ({1: 2}, "a.0 is of type dict"),
        ({(1,): 2}, "a.0 is of type dict"),
        ({True: 2}, "a.0 is of type dict"),
        ({"b": [(1, 2)]}, "a.0.b.0 is of type tuple"),
        (np.zeros(1, dtype=complex), "a.0 is of type array of complex128"),
        (np.zeros(1, dtype=np.float16), "a.0 is of type array of float16"),
        (np.zeros(1, dtype=np.longdouble), "a.0 is of type array of "),
        (np.array([None]), "a.0 is of type array of object"),
        (np.array(["a"]), "a.0 is of type array of <U1"),
        (np.datetime64("2026-01-01"), "a.0 is of type datetime64"),
        (np.ma.masked_array([1.0], [True]), "a.0 is of type MaskedArray"),
        (Listed(), "a.0 is of type Listed"),
        (object, "a.0 is of type type"),
        (lambda: None, "a.0 is of type function"),
    ],
)
def test_what_no_file_can_hold_is_named_with_its_place(value: Any, what: str) -> None:
    with pytest.raises(ValueError, match="; allowed: None, booleans") as caught:
        flatten({"a": [value]}, "t.")
    assert str(caught.value).startswith(what)


def test_what_contains_itself_is_refused() -> None:
    state: dict[str, Any] = {}
    state["a"] = state
    with pytest.raises(RecursionError):
        flatten(state, "t.")


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "5", "null", "[]x", "[1]", '"dict"', "{}", '{"a":1}', '{"dict":5}', '{"dict":[]}', '{"dict":null}',
        '{"array":"t.0"}', '{"dict":{"a":{"array":"no"}}}', '{"dict":{"a":{"array":0}}}',
        '{"dict":{"a":{"array":["t.0"]}}}', '{"dict":{"a":{"scalar":{}}}}',
        '{"dict":{"a":{"array":"t.0","dict":{}}}}', '{"dict":{"a":{"python":"t.0"}}}', '{"dict":{"a":[{"b":1}]}}',
        '{"dict":{"a":{}}}', '{"dict":{"a":' + '{"dict":{"a":' * 5000 + "0" + "}}" * 5000 + "}}",
        "[" * 5000 + "]" * 5000, "\ud800",
    ],
    ids=lambda text: ascii(text[:40]),
)  # fmt: skip
def test_nothing_else_is_made_of_a_file(text: str) -> None:
    arrays = {"t.json": np.frombuffer(text.encode(errors="surrogatepass"), np.uint8), "t.0": np.zeros(3)}
    with pytest.raises(ValueError, match="the state is not one that modnet writes"):
        unflatten(arrays, "t.")


def test_a_state_without_its_text_is_refused() -> None:
    with pytest.raises(ValueError, match="the state is not one that modnet writes"):
        unflatten({"t.0": np.zeros(3)}, "t.")
    json_as_numbers = np.zeros((2, 3))
    with pytest.raises(ValueError, match="the state is not one that modnet writes"):
        unflatten({"t.json": json_as_numbers}, "t.")


def test_the_text_is_json_that_anybody_can_read() -> None:
    arrays = flatten({"a": [1, {"b": np.zeros(2)}], "c": np.float32(0.5)}, "t.")
    assert json.loads(arrays["t.json"].tobytes()) == {
        "dict": {"a": [1, {"dict": {"b": {"array": "t.0.a.1.b"}}}], "c": {"scalar": "t.1.c"}}
    }
    assert list(arrays) == ["t.0.a.1.b", "t.1.c", "t.json"]
