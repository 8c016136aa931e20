"""The schema and the validator accept the same generated configurations, valid and invalid ones."""

from __future__ import annotations

import math
import random
import types
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt, MinLen
from jsonschema import Draft202012Validator
from pydantic import AliasChoices, Field

from modnet import Activation, Callback, ConfigError, Layer, Slot, default_part, load_config
from modnet.components.activations import Identity
from modnet.components.layers import Dense
from modnet.config.json_schema import schema_of
from modnet.config.run_config import NetworkConfig, RunConfig
from modnet.core import registry
from modnet.core.component import Component, Model
from modnet.core.registry import Provider

COUNT = 600
JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 10**30, 0.5, -0.5, 1e-300, math.inf, -math.inf, math.nan),
    *("", "x", "auto", "sigmoid", "dense", "dense:", ":sigmoid", "modnet-framework:sigmoid", "Sigmoid", "swish"),
    *([], ["x"], [3], [[3]], {}, {"units": 3}, {"x": 1}),
    *({"kind": "sigmoid"}, {"kind": 3}, {"kind": None}, {"kind": "none-such"}, {"kind": "swish"}),
)


class Nested(Identity):
    """An activation within an activation."""

    kind: Literal["nested"] = "nested"
    inner: Annotated[Activation, Slot()] = default_part("tanh", "what is within")
    other: Annotated[Activation, Slot()] | None = Field(default=None, description="what is perhaps within")


class Sigmoid(Identity):
    """Has the kind of a built-in."""

    kind: Literal["sigmoid"] = "sigmoid"
    steep: float = Field(gt=0, allow_inf_nan=True, description="required, and may be infinite")


class Swish(Identity):
    """One of two with this kind."""

    kind: Literal["swish"] = "swish"
    beta: float = Field(default=1.0, gt=0, validation_alias=AliasChoices("beta", "b"), description="has an alias")


class Rival(Swish):
    """The other of two with this kind."""

    gamma: int = Field(default=1, ge=-2, le=2, alias="g", description="only here")


class Bundle(Layer):
    """Has options of many types."""

    kind: Literal["bundle"] = "bundle"
    size: int = Field(gt=1, lt=9, description="required")
    shape: list[int] = Field(default=[1], min_length=1, description="a list")
    mode: Literal["one", "two", 3] = Field(default="one", description="a choice")
    note: str | None = Field(default=None, min_length=2, description="may be missing")
    activations: tuple[Annotated[Activation, Slot()], ...] = Field(default=(), strict=False, description="several")

    def forward(self, x: Any, ctx: Any) -> Any:
        del ctx
        return x

    def backward(self, delta: Any, ctx: Any) -> Any:
        del ctx
        return delta, {}


class Silent(Callback):
    def listener(self) -> object:
        return object()


class Odd(Silent):
    """Has an option of any type."""

    kind: Literal["odd"] = "odd"
    odd: Any = Field(default=3, description="anything")


class Unwritable(Silent):
    """Has an option whose type has no JSON Schema."""

    kind: Literal["unwritable"] = "unwritable"
    call: Callable[[], None] | None = Field(default=None, description="cannot be written in TOML")
    patience: int = Field(default=1, ge=0, description="can be written in TOML")


class WithoutDefault(Silent):
    """Has a slot whose default kind is not installed."""

    kind: Literal["without-default"] = "without-default"
    inner: Annotated[Activation, Slot()] = default_part("not-installed", "what is within")


@pytest.fixture(autouse=True)
def plugins() -> Iterator[None]:
    """Components of two plug-ins beside the built-in ones; some have the same kind."""
    extended = registry.active().copy()
    extended.add([Nested, Swish, Bundle, Odd], Provider("modnet-one", "1"))
    extended.add([Sigmoid, Rival], Provider("modnet-two", "2"))
    with registry.using(extended):
        yield


def kind_in(item: Any) -> str:
    return str(item.get("kind") if isinstance(item, dict) else item).rpartition(":")[2]


class ConfigGenerator:
    """Generates configurations in which each value is invalid with the probability ``wrong``."""

    def __init__(self, seed: int, wrong: float) -> None:
        self.rng = random.Random(seed)  # noqa: S311 -- reproducible, not secret
        self.wrong = wrong

    def table(self, model: type[Model], keep: float = 0.3) -> dict[str, Any]:
        aliases = {name: alias for alias, name in model.option_aliases().items()}
        table = {}
        for name, field in model.model_fields.items():
            if name == "kind" or (not field.is_required() and self.rng.random() > keep):
                continue
            if field.is_required() and self.rng.random() < self.wrong:
                continue
            key = aliases[name] if name in aliases and self.rng.random() < 0.5 else name
            table[key] = self.value(field.annotation, field.metadata, isinstance(field.default, str))
            if name in aliases and self.rng.random() < self.wrong:
                table[aliases[name]] = table[name] = table[key]
        if self.rng.random() < self.wrong / 2:
            table[self.rng.choice(["bach_size", "kinds", "eta", ""])] = 1
        return table

    def value(self, annotation: Any, metadata: list[Any], has_default: bool = False) -> Any:
        if self.rng.random() < self.wrong:
            return self.rng.choice(JUNK)
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self.value(arguments[0], list(arguments[1:]))
        if any(isinstance(mark, Slot) for mark in metadata):
            return self.component(annotation, has_default)
        if origin in (Union, types.UnionType):
            return self.value(self.rng.choice(arguments), metadata)
        if origin is Literal:
            return self.rng.choice(arguments)
        if origin in (tuple, list):
            least = next((mark.min_length for mark in metadata if isinstance(mark, MinLen)), 0)
            items = [self.value(arguments[0], []) for _ in range(self.rng.randint(least, 3))]
            # That a callback is not repeated is no rule of a JSON Schema.
            return (
                list({kind_in(item): item for item in items}.values()) if Callback in get_args(arguments[0]) else items
            )
        if isinstance(annotation, type) and issubclass(annotation, Model):
            return self.table(annotation, 0.7)
        simple = {bool: [True, False], str: ["some", "words"], type(None): [None], Any: [1, "x", [None]]}
        return self.rng.choice(simple[annotation]) if annotation in simple else self.number(annotation, metadata)

    def number(self, annotation: Any, metadata: list[Any]) -> Any:
        """Return a number within its bounds, often on a bound, and sometimes just outside."""
        low, high = -3.0, 50.0
        for mark in metadata:
            low = getattr(mark, "ge", getattr(mark, "gt", low)) if isinstance(mark, Ge | Gt) else low
            high = getattr(mark, "le", getattr(mark, "lt", high)) if isinstance(mark, Le | Lt) else high
        if annotation is int:
            return self.rng.choice([math.ceil(low) + 1, math.floor(high) - 1, self.rng.randint(int(low), int(high))])
        inside = [low + (high - low) * 0.25, self.rng.uniform(low, high)]
        return self.rng.choice([*inside, low, high, int(low) + 1] if self.rng.random() < 0.2 else inside)

    def component(self, family: type[Component], has_default: bool) -> Any:
        classes = [entry.component for entry in registry.active() if issubclass(entry.component, family)]
        component = self.rng.choice(classes)
        if family is Layer and self.rng.random() < 0.4:
            return self.rng.choice([1, 5, 30])
        names = registry.active().names_of(component)
        name = self.rng.choice(names[-1:] if self.rng.random() < 0.1 else names[:1])
        required = any(field.is_required() for field in component.model_fields.values())
        if self.rng.random() < 0.3 and (not required or self.rng.random() < self.wrong):
            return name
        table = self.table(component)
        if has_default and self.rng.random() < 0.2:
            return table
        return table if self.rng.random() < self.wrong / 2 else {"kind": name, **table}


def is_valid(table: dict[str, Any]) -> bool:
    try:
        load_config(table)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("part", range(3))
def test_they_agree_on_generated_configurations(part: int) -> None:
    validator = Draft202012Validator(schema_of(RunConfig))
    good = 0
    for seed in range(part * COUNT // 3, (part + 1) * COUNT // 3):
        table = ConfigGenerator(seed, wrong=(0.0, 0.03, 0.1)[seed % 3]).table(RunConfig, 0.6)
        expected = is_valid(table)
        errors = [error.message for error in validator.iter_errors(table)]
        assert (not errors) == expected, (seed, table, errors)
        good += expected
    assert COUNT // 12 < good < COUNT // 3 - COUNT // 12, "there are many valid ones and many invalid ones"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, True),
        ({"network": {"layers": [30, 10]}}, True),
        ({"network": {"layers": [0]}}, False),
        ({"network": {"layers": [True]}}, False),
        ({"network": {"layers": []}}, False),
        ({"network": {"layers": ["dense"]}}, False),
        ({"network": {"layers": ["dropout", 10]}}, True),
        ({"network": {"layers": [{"units": 3}]}}, False),
        ({"network": {"layers": 30}}, False),
        ({"network": None}, False),
        ({"metrics": "auto"}, True),
        ({"metrics": "accuracy"}, False),
        ({"metrics": ["auto"]}, False),
        ({"optimizer": {"batch_size": 3}}, True),
        ({"optimizer": {"kind": "batch", "batch_size": 3}}, False),
        ({"optimizer": {"eta": 3.0}}, True),
        ({"optimizer": {"eta": 3.0, "learning_rate": 3.0}}, False),
        ({"optimizer": {"learning_rate": math.inf}}, False),
        ({"optimizer": {"learning_rate": math.nan}}, False),
        ({"optimizer": {"rule": {"beta1": 0.5}}}, False),
        ({"optimizer": {"rule": {"kind": "adam", "beta1": 0.5}}}, True),
        ({"optimizer": "modnet-framework:batch"}, True),
        ({"data": {"kind": "csv", "path": "x.csv"}}, False),
        ({"data": {"kind": "csv", "path": "", "target": "y"}}, False),
        ({"seed": True}, False),
        ({"seed": "0"}, False),
        ({"callbacks": ["progress", {"kind": "early-stopping", "patience": 3}]}, True),
        ({"callbacks": {"kind": "progress"}}, False),
        ({"callbacks": ["without-default"]}, False),
    ],
)
def test_they_agree_on_special_cases(table: dict[str, Any], expected: bool) -> None:
    assert is_valid(table) == expected
    assert Draft202012Validator(schema_of(RunConfig)).is_valid(table) == expected


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("swish", False),
        ({"kind": "swish", "gamma": 1}, False),
        ("modnet-two:swish", True),
        ({"kind": "modnet-two:swish", "gamma": 1}, True),
        ({"kind": "modnet-two:swish", "g": 1}, True),
        ({"kind": "modnet-two:swish", "gamma": 1, "g": 1}, False),
        ({"kind": "modnet-two:swish", "b": 2.0}, True),
        ({"kind": "modnet-two:swish", "b": 2.0, "beta": 2.0}, False),
        ({"kind": "modnet-one:swish", "gamma": 1}, False),
        ("modnet-two:sigmoid", False),
        ({"kind": "modnet-two:sigmoid", "steep": math.inf}, True),
        ({"kind": "sigmoid", "steep": 1.0}, False),
        ({"kind": "nested", "inner": {"kind": "nested", "inner": {"kind": "leaky-relu", "slope": 0.5}}}, True),
        ({"kind": "nested", "inner": {"kind": "nested", "inner": {"kind": "leaky-relu", "slop": 0.5}}}, False),
        ({"kind": "nested", "inner": {}}, True),
    ],
)
def test_they_agree_on_components_of_plugins(activation: Any, expected: bool) -> None:
    table = {"network": {"layers": [{"kind": "dense", "units": 3, "activation": activation}]}}
    assert is_valid(table) == expected
    assert Draft202012Validator(schema_of(RunConfig)).is_valid(table) == expected


def test_what_the_schema_cannot_express() -> None:
    """The list in `modnet.config.json_schema`, so that it stays true."""
    validator = Draft202012Validator(schema_of(RunConfig))
    assert validator.is_valid({"epochs": 3.0})
    assert not is_valid({"epochs": 3.0})
    other_spelling = {"optimizer": "Modnet_Framework:batch"}
    assert not validator.is_valid(other_spelling)
    assert is_valid(other_spelling)


def test_the_schema_is_valid_and_describes_everything() -> None:
    schema = schema_of(RunConfig)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert all(option.get("description") for option in schema["properties"].values())
    tables = {table.get("title"): table for table in schema["$defs"].values()}
    for component in [entry.component for entry in registry.active()]:
        table = tables[f"{component.family} {component.kind_name()}"]
        if component.kind_name() not in ("swish", "sigmoid"):  # of which there are two
            names, aliases = set(component.option_names()), set(component.option_aliases())
            assert set(table["properties"]) == {"kind"} | names | aliases
            assert all(table["properties"][name].get("description") for name in names)
        assert table["description"]
    assert schema["properties"]["metrics"]["default"] == "auto"
    assert not [node for node in walk(schema) if "$ref" in node and len(node) > 1]


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(inner)


def test_an_option_without_a_schema_hides_no_other() -> None:
    registry.active().add([Unwritable], Provider("modnet-one", "1"))
    validator = Draft202012Validator(schema_of(RunConfig))
    for patience, expected in ((3, True), (-3, False)):
        table = {"callbacks": [{"kind": "unwritable", "patience": patience}]}
        assert is_valid(table) == validator.is_valid(table) == expected


def test_a_default_kind_that_is_not_installed_hides_nothing() -> None:
    registry.active().add([WithoutDefault], Provider("modnet-one", "1"))
    validator = Draft202012Validator(schema_of(RunConfig))
    for inner, expected in (("tanh", True), ("tan", False), ({}, False)):
        table = {"callbacks": [{"kind": "without-default", "inner": inner}]}
        assert is_valid(table) == validator.is_valid(table) == expected


def test_a_model_within_the_configuration_has_a_schema_too() -> None:
    assert schema_of(NetworkConfig)["properties"]["layers"]["minItems"] == 1
    assert Draft202012Validator(schema_of(Dense)).is_valid({"units": 3, "activation": "tanh"})
    assert not Draft202012Validator(schema_of(Dense)).is_valid({"units": 0})
