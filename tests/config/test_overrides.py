"""Overrides of single keys: which options are kept where a kind is changed, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pydantic import AliasChoices, Field

from modnet import ConfigError, load_config
from modnet.components.schedules import Constant
from modnet.config.overrides import apply_override, split_values
from modnet.core import registry


class Fading(Constant):
    """A schedule of a plug-in, whose options have aliases."""

    kind: Literal["fading"] = "fading"  # type: ignore[assignment] # a kind of its own
    every: int = Field(default=3, gt=0, validation_alias=AliasChoices("every", "n"), description="n, epochs")
    factor: float = Field(default=0.5, gt=0, alias="f", description="f, what is multiplied with")


@pytest.fixture(autouse=True)
def plugin() -> Iterator[None]:
    extended = registry.active().copy()
    extended.add([Fading], registry.Provider("modnet-fading", "1"))
    with registry.using(extended):
        yield


@pytest.mark.parametrize(
    ("schedule", "kind", "kept"),
    [
        ({"kind": "step", "every": 7}, "fading", {"every": 7}),
        ({"kind": "fading", "n": 7, "f": 0.25}, "fading", {"n": 7, "f": 0.25}),
        ({"kind": "fading", "n": 7, "f": 0.25}, "modnet-fading:fading", {"n": 7, "f": 0.25}),
        ({"kind": "fading", "n": 7, "f": 0.25}, "step", {}),
        ({"kind": "fading", "every": 7, "f": 0.25}, "step", {"every": 7}),
        ({"kind": "fading", "every": 7}, "constant", {}),
        ({"kind": "fading", "every": 7}, "no-such-kind", {"every": 7}),
        ("step", "fading", {}),
    ],
)
def test_options_that_the_new_kind_has_are_kept_aliases_included(
    schedule: Any, kind: str, kept: dict[str, Any]
) -> None:
    table = {"optimizer": {"kind": "batch", "schedule": schedule}}
    changed = apply_override(table, f"optimizer.schedule.kind={kind}")
    assert changed == {"optimizer": {"kind": "batch", "schedule": {"kind": kind, **kept}}}


def test_an_alias_of_a_plug_in_survives_a_change_of_the_kind() -> None:
    table = {"optimizer": {"schedule": {"kind": "step", "every": 2}}}
    settings = ["optimizer.schedule.n=7", "optimizer.schedule.kind=fading", "optimizer.schedule.f=0.25"]
    with pytest.raises(ConfigError, match=r"optimizer\.schedule\.n: means the same as every: give one of them"):
        load_config(table, settings)
    schedule = load_config({"optimizer": {"schedule": "step"}}, settings).optimizer.schedule
    assert schedule == Fading(every=7, factor=0.25)


@pytest.mark.parametrize(
    ("table", "override", "message"),
    [
        ({"optimizer": {"kind": 3}}, "optimizer.schedule.kind=step", "optimizer: {'kind': 3, 'schedule': {'kind': 'st"),
        ({"optimizer": {"kind": "bath"}}, "optimizer.schedule.kind=step", "optimizer: unknown optimizer 'bath'; did"),
        ({}, "optimizer.schedule.kind=3", "optimizer.schedule: {'kind': 3} is not a valid schedule; allowed: a kind"),
        ({}, "epochs", "--set epochs: should be KEY=VALUE, with a dotted key"),
        ({}, "optimizer..kind=batch", "--set optimizer..kind=batch: should be KEY=VALUE, with a dotted key"),
        ({}, "callbacks.0=average", "--set callbacks.0=average: 'callbacks' has no entries; set the list itself"),
        ({}, "network.layers.2=3", "--set network.layers.2=3: 'network.layers' has 2 entries; allowed: 0 to 1"),
        ({"seed": 3}, "seed.x=3", "--set seed.x=3: 'seed' is a value, not a table"),
        ({"seed": 3}, "seed.0=3", "--set seed.0=3: 'seed' is 3, not a list"),
    ],
)
def test_what_cannot_be_set_is_refused_in_one_line(table: dict[str, Any], override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(table, [override])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2", ["1", "2"]),
        (" 1 , 2 ", [" 1 ", " 2 "]),
        ("[1, 2],[3]", ["[1, 2]", "[3]"]),
        ('{kind="a,b", l=[1,2]},plain', ['{kind="a,b", l=[1,2]}', "plain"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ("'a,\"',c", ["'a,\"'", "c"]),
        (r'"a\",b",c', [r'"a\",b"', "c"]),
        (r'"a\\",b', [r'"a\\"', "b"]),
        (r"'a\',b", [r"'a\'", "b"]),
        ("it's,that's", ["it's", "that's"]),
        ('["a]",1],2', ['["a]",1]', "2"]),
        ("a]),b", ["a])", "b"]),
        ("", [""]),
        ("word", ["word"]),
    ],
)
def test_values_are_separated_by_commas_outside_of_quotes_and_brackets(text: str, values: list[str]) -> None:
    assert split_values(f"a.b={text}") == [f"a.b={value}" for value in values]


@pytest.mark.parametrize("text", ["1,", ",1", "1,,2", ",", "1, ,2"])
def test_a_comma_without_a_value(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--set a=.*: there is no value before or after a comma$"):
        split_values(f"a={text}")
