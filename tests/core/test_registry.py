"""The registry by itself: names, providers, and that a copy is independent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Literal

import pytest

from modnet import Activation, PluginError
from modnet.core import registry
from modnet.core.registry import Provider, Registry, UnknownKindError

BUILTIN = Provider("modnet-framework", "1", builtin=True)
ONE, TWO = Provider("modnet-one", "1"), Provider("modnet-two", "2")


class Own(Activation):
    """The built-in one."""

    kind: Literal["same"] = "same"


class First(Activation):
    """Has the kind of the built-in one."""

    kind: Literal["same"] = "same"


class Second(Activation):
    """Has it too."""

    kind: Literal["same"] = "same"


@pytest.fixture
def restored() -> Iterator[None]:
    """Restore the process's registry and its source afterwards."""
    source, active = registry._source, registry._active
    yield
    registry._source, registry._active = source, active


@pytest.mark.parametrize("order", list(permutations([(Own, BUILTIN), (First, ONE), (Second, TWO)])))
def test_a_built_in_keeps_its_short_name_in_whatever_order_they_are_added(
    order: list[tuple[type[Activation], Provider]],
) -> None:
    known = Registry()
    for component, provider in order:
        known.add([component], provider)
    assert known.find("activation", "same").component is Own
    assert known.find("activation", "modnet-two:same").component is Second
    assert [known.full_name(component) for component in (Own, First, Second)] == [
        "same",
        "modnet-one:same",
        "modnet-two:same",
    ]
    assert known.names_of(Own) == ["same", "modnet-framework:same"]
    assert known.names_of(First) == ["modnet-one:same"]
    assert known.is_builtin("activation", "same")


def test_a_short_name_means_a_component_of_a_plug_in_as_long_as_it_is_the_only_one() -> None:
    known = Registry()
    known.add([First], ONE)
    assert known.names_of(First) == ["same", "modnet-one:same"]
    assert known.full_name(First) == "modnet-one:same"
    known.add([Second], TWO)
    assert known.names_of(First) == ["modnet-one:same"]
    with pytest.raises(PluginError, match="2 plug-ins provide the activation 'same'"):
        known.find("activation", "same")


def test_a_class_that_is_not_registered_has_its_kind_and_no_name() -> None:
    known = Registry()
    assert (known.provider_of(Own), known.full_name(Own), known.names_of(Own)) == (None, "same", [])
    with pytest.raises(UnknownKindError):
        known.find("activation", "same")


def test_a_copy_is_independent() -> None:
    known = Registry()
    known.add([First], ONE)
    copy = known.copy()
    copy.add([Second], TWO)
    copy.add_conflict("modnet-one", "why")
    assert copy.find("activation", "modnet-one:same").component is First
    assert known.find("activation", "same").component is First
    assert (known.providers, copy.providers) == ([ONE], [ONE, TWO])
    assert (known.conflicts("modnet-one"), copy.conflicts("modnet-one")) == ([], ["why"])


@pytest.mark.usefixtures("restored")
def test_the_registry_is_made_once_when_it_is_first_asked_for_also_by_many_threads() -> None:
    made, together = [], threading.Barrier(8)

    def make() -> Registry:
        made.append(Registry())
        return made[-1]

    def ask() -> Registry:
        together.wait()
        return registry.active()

    registry.set_source(make)
    assert made == []
    with ThreadPoolExecutor(8) as threads:
        answers = [answer.result() for answer in [threads.submit(ask) for _ in range(8)]]
    assert len(made) == 1
    assert all(answer is made[0] for answer in answers)
    registry.reset()
    assert registry.active() is made[1]


@pytest.mark.usefixtures("restored")
def test_a_registry_is_used_until_the_end_of_the_block_also_after_an_error() -> None:
    before, own = registry.active(), Registry()
    with registry.using(own):
        assert registry.active() is own
    assert registry.active() is before
    with pytest.raises(ZeroDivisionError), registry.using(own):
        1 / 0  # noqa: B018 -- raises
    assert registry.active() is before
