"""Lists of parts, tuples and tables by name as options of a stranger's part, from TOML and back."""

from __future__ import annotations

import json
import tomllib
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import Field

from modnet import Activation, ConfigError, Slot
from modnet.components.activations import Identity
from modnet.config.json_schema import schema_of
from modnet.config.load import load_config
from modnet.config.overrides import apply_override
from modnet.config.run_config import RunConfig, iter_components
from modnet.testing import common_checks
from modnet.testing.case import make_cases, temporarily_registered


class Mixture(Identity):
    """Several activations, in a list and by name."""

    kind: Literal["mixture"] = "mixture"  # type: ignore[assignment] # a kind of its own
    parts: tuple[Annotated[Activation, Slot()], ...] = Field(
        default=("tanh", "relu"), validate_default=True, description="the activations"
    )
    named: dict[str, Annotated[Activation, Slot()]] = Field(default={}, description="more, by name")
    bounds: tuple[float, float] = Field(default=(0.0, 1.0), description="between which")
    powers: tuple[int, ...] | None = Field(default=None, description="to which powers")
    ranges: dict[str, tuple[float, float]] = Field(default={}, description="by name")


OPTIONS: dict[str, Any] = {
    "parts": ["relu", {"kind": "leaky-relu", "slope": 0.3}],
    "named": {"first": {"kind": "leaky-relu", "slope": 0.5}, "second": "tanh"},
    "bounds": [0.5, 2.5],
    "powers": [1, 2],
    "ranges": {"z": [-1.0, 1.0]},
}


@pytest.fixture(autouse=True)
def registered():
    with temporarily_registered(Mixture):
        yield


def config_of(**options: Any) -> RunConfig:
    activation = {"kind": "mixture", **options}
    return load_config({"network": {"layers": [{"kind": "dense", "units": 3, "activation": activation}]}})


def test_they_are_read_and_written():
    config = config_of(**OPTIONS)
    mixture = config.network.layers[0].activation
    assert [part.kind for part in mixture.parts] == ["relu", "leaky-relu"]
    assert (mixture.bounds, mixture.powers, mixture.ranges) == ((0.5, 2.5), (1, 2), {"z": (-1.0, 1.0)})
    assert {name: part.kind for name, part in mixture.named.items()} == {"first": "leaky-relu", "second": "tanh"}
    assert load_config(tomllib.loads(config.to_toml())) == config
    assert load_config(json.loads(json.dumps(config.to_config()))) == config
    assert config_of(**mixture.to_config()) == config


def test_the_parts_within_are_found_with_their_paths():
    """So that a file names the plug-ins that provide them."""
    paths = [path.removeprefix("network.layers.0.activation.") for path, _ in iter_components(config_of(**OPTIONS))]
    assert {"parts.0", "parts.1", "named.first", "named.second"} <= set(paths)


def test_they_are_compared_and_hashed():
    one, other = (config_of(**OPTIONS).network.layers[0].activation for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other, config_of().network.layers[0].activation}) == 2


def test_the_kit_accepts_them():
    for case in make_cases(Mixture, [{}, OPTIONS], None):
        for check in (common_checks.dump_and_load, common_checks.frozen, common_checks.unknown_options_refused):
            check(case)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parts": ["relu", "rel"]}, "parts.1: unknown activation 'rel'; did you mean 'relu'?"),
        ({"parts": "relu"}, "parts: 'relu' should be a list"),
        ({"parts": [{"kind": "leaky-relu", "slope": 3.0}]}, "parts.0.slope: 3.0 should be less than 1"),
        ({"named": {"x": "rel"}}, "named.x: unknown activation 'rel'; did you mean 'relu'?"),
        ({"named": ["relu"]}, "named: ['relu'] should be a table"),
        ({"named": {"x": {"kind": "leaky-relu", "slop": 1}}}, "named.x.slop: unknown option; did you mean 'slope'?"),
        ({"bounds": [1.0]}, "bounds.1: is required"),
        ({"bounds": [1.0, 2.0, 3.0]}, "bounds: should have 2 or fewer entries, got 3"),
        ({"bounds": ["a", 2.0]}, "bounds.0: 'a' should be a valid number"),
        ({"powers": [1, 2.5]}, "powers.1: 2.5 should be a valid integer"),
        ({"ranges": {"z": 3.0}}, "ranges.z: 3.0 should be a list"),
    ],
)
def test_an_error_names_the_key(options, message):
    with pytest.raises(ConfigError) as caught:
        config_of(**options)
    assert str(caught.value).startswith(f"network.layers.0.activation.{message}")


@pytest.mark.parametrize("options", [{}, OPTIONS, {"parts": ["rel"]}, {"bounds": [1.0]}, {"named": {"x": 3}}])
def test_the_schema_agrees(options):
    schema = Draft202012Validator(schema_of(RunConfig))
    try:
        config_of(**options)
        accepted = True
    except ConfigError:
        accepted = False
    activation = {"kind": "mixture", **options}
    table = {"network": {"layers": [{"kind": "dense", "units": 3, "activation": activation}]}}
    assert schema.is_valid(table) is accepted


@pytest.mark.parametrize(
    "layers", [[[30, {"kind": "dropout"}], 10], [{"kind": "parallel", "branches": [[3, 2], 4, []]}, [[10]]], [["x"]]]
)
def test_the_schema_takes_lists_of_layers(layers):
    table = {"network": {"layers": layers}}
    try:
        load_config(table)
        accepted = True
    except ConfigError:
        accepted = False
    assert Draft202012Validator(schema_of(RunConfig)).is_valid(table) is accepted


def test_overrides_reach_into_lists_of_layers():
    table = {"network": {"layers": [[30, {"kind": "dropout"}], {"kind": "parallel", "branches": [[3, 2], 4]}, 10]}}
    for override in (
        "network.layers.0.1.rate=0.2",
        "network.layers.0.0.activation=relu",
        "network.layers.1.branches.0.1.units=7",
        "network.layers.1.branches.1.kind=dropout",
    ):
        table = apply_override(table, override)
    layers = load_config(table).network.layers
    assert layers[0].layers[1].rate == 0.2
    assert layers[0].layers[0].initializer.kind == "he-normal"
    assert layers[1].branches[0].layers[1].units == 7
    assert layers[1].branches[1].kind == "dropout"


@pytest.mark.parametrize("depth", [1000, 10_000])
def test_layers_that_lie_too_deep_are_refused_in_one_line(depth, tmp_path):
    layer: Any = 3
    for _ in range(depth):
        layer = [layer]
    with pytest.raises(ConfigError, match=r"^its components lie within each other too deeply$"):
        load_config({"network": {"layers": [layer, 10]}})
    path = tmp_path / "deep.toml"
    path.write_text(f"[network]\nlayers = [{'[' * depth}3{']' * depth}, 10]\n")
    with pytest.raises(ConfigError, match=r"deep\.toml: ") as caught:
        load_config(path)
    assert "\n" not in str(caught.value)
