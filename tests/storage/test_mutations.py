"""Model files that are changed are refused, or say in full what is then loaded."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from storage.forging import taken_apart
from storage.mutating import MUTATIONS, Mutation, at_random

import modnet
from modnet import ConfigError, ModelFileError, Trainer
from modnet.storage.model_file import save

# Statements about how the file came to be, which nothing is made of.
FREE = {"modnet_version", "plugins"}


@pytest.fixture
def good(rng: np.random.Generator, tmp_path: Path) -> Path:
    config = {"epochs": 1, "network": {"layers": [5, 3], "regularizers": ["l2"]}, "data": {"transforms": ["standard"]}}
    network = Trainer.from_config(config).fit(rng.normal(size=(30, 4)), ["abc"[i % 3] for i in range(30)]).network
    network.features = ("p", "q", "r", "s")
    save(network, tmp_path / "good")
    return tmp_path / "good"


def says_no_less(kept: Any, said: Any) -> bool:
    """Return whether all that was said was kept; what was not said may have been filled by its default."""
    if said is None:
        return True
    if isinstance(said, dict) and isinstance(kept, dict):
        return all(value is None or (key in kept and says_no_less(kept[key], value)) for key, value in said.items())
    if isinstance(said, dict) and isinstance(kept, str):
        return said in ({}, {"kind": kept})  # as a part without options is written; the default needs no kind
    if isinstance(said, int) and isinstance(kept, dict):
        return kept.get("kind") == "dense" and kept.get("units") == said  # as a dense layer may be written
    if isinstance(said, str) and isinstance(kept, dict):
        return kept.get("kind") == said
    if isinstance(said, list) and isinstance(kept, list):
        same = len(said) == len(kept) and all(map(says_no_less, kept, said))
        return same or (kept[:1] == ["history"] and says_no_less(kept[1:], said))  # the callback that is always there
    if type(kept) is float and type(said) is int:
        return kept == float(said)
    return type(kept) is type(said) and bool(kept == said)


def is_loaded_as_said(path: Path, network: modnet.Network) -> bool:
    """Return whether the network, saved again, holds the numbers of the file and says all that the file says."""
    again = path.with_name("again")
    save(network, again)
    (kept, kept_tensors), (said, tensors) = taken_apart(again), taken_apart(path)
    same = tensors.keys() == kept_tensors.keys()
    same = same and all(kept_tensors[name].tobytes() == tensors[name].tobytes() for name in tensors)
    return same and says_no_less(kept, {key: value for key, value in said.items() if key not in FREE})


def mutate(good: Path, mutation: Mutation, count: int) -> tuple[Counter[str], float]:
    """Load ``count`` changed files; return what became of them, and the longest time of one."""
    content, path = good.read_bytes(), good.with_name("mutated")
    rng = random.Random(mutation.__name__)  # noqa: S311 -- the same files each time
    outcomes: Counter[str] = Counter()
    longest = 0.0
    for number in range(count):
        changed = mutation(content, rng)
        if changed == content:
            outcomes["unchanged"] += 1
            continue
        path.write_bytes(changed)
        start = time.perf_counter()
        try:
            network = modnet.load(path)
        except (ModelFileError, ConfigError) as error:
            refusal: Exception | None = error
        else:
            refusal = None
        longest = max(longest, time.perf_counter() - start)
        if refusal is not None:
            message = str(refusal)
            assert message.startswith(f"{path}: "), (number, message)
            assert "\n" not in message, (number, message)
            # Only what says that it was made with a plug-in that is not installed is no ModelFileError.
            assert isinstance(refusal, ModelFileError) or "not available here" in message, (number, message)
            outcomes[type(refusal).__name__] += 1
            continue
        assert mutation is not at_random, number  # the digest sees it all
        assert is_loaded_as_said(path, network), number
        outcomes["loaded as said"] += 1
    return outcomes, longest


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_some_mutated_files(good: Path, mutation: Mutation) -> None:
    outcomes, _ = mutate(good, mutation, 200)
    assert outcomes["ModelFileError"] > 50


@pytest.mark.soak
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_many_mutated_files(good: Path, mutation: Mutation, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes, longest = mutate(good, mutation, 20_000)
    with capsys.disabled():
        print(f"\n{mutation.__name__}: {dict(outcomes)}, longest {1000 * longest:.0f} ms")
    assert longest < 1.0
