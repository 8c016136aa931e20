"""``modnet plugins``: list, show and check, in this process; the installed ones are in tests/plugins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import pytest
from cli.running import Modnet
from pydantic import Field

from modnet import Activation, Position, Schedule, namespace
from modnet.core import registry
from modnet.core.interfaces import FAMILIES
from modnet.core.registry import Provider, Registry, UnavailablePlugin


class Wrong(Activation):
    """σ(z) = 2z, with a derivative that is wrong."""

    kind: Literal["wrong"] = "wrong"

    def __call__(self, z: Any) -> Any:
        return 2.0 * z

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        del a
        return upstream * namespace(z).ones_like(z)


class Needy(Schedule):
    """1, whatever it is given."""

    kind: Literal["needy"] = "needy"
    given: int = Field(description="a number [in brackets]")

    def __call__(self, at: Position) -> float:
        del at
        return 1.0


class Served(Needy):
    """1, and it says what it is to be checked with."""

    kind: Literal["served"] = "served"  # type: ignore[assignment] # a kind of its own
    conformance: ClassVar[dict[str, Any]] = {"examples": [{"given": 3}]}


class Fair(Schedule):
    """1."""

    kind: Literal["fair"] = "fair"

    def __call__(self, at: Position) -> float:
        del at
        return 1.0


@pytest.fixture
def strangers() -> Iterator[Registry]:
    before = registry.active()
    wider = before.copy()
    wider.add([Wrong], Provider("modnet-wrong", "1"))
    wider.add([Needy, Fair], Provider("modnet-needy", "1"))
    wider.add([Served], Provider("modnet-served", "1"))
    wider.add([], Provider("modnet-empty", "1"))
    wider.unavailable.append(UnavailablePlugin(Provider("modnet-broken", "1"), "Error: [bold]why[/bold]"))
    registry._active = wider
    yield wider
    registry._active = before


def test_a_failed_check_is_status_1_and_named(modnet: Modnet, strangers: Registry) -> None:
    del strangers
    result = modnet("plugins", "check", "modnet-wrong")
    assert (result.code, result.err) == (1, "")
    assert result.out.startswith("activation:wrong: 1 failure (")
    checked = modnet("plugins", "check", "modnet-wrong", "--json")
    assert checked.code == 1
    report = json.loads(checked.out)
    assert report["ok"] is report["components"][0]["ok"] is False
    failed = [check for check in report["components"][0]["checks"] if check["status"] == "failed"]
    assert all(list(check) == ["name", "status", "message"] for check in failed)
    assert "derivative" in [check["name"] for check in failed]


def test_a_part_says_what_it_is_checked_with(modnet: Modnet, strangers: Registry) -> None:
    del strangers
    assert modnet("plugins", "check", "modnet-served").code == 0
    needy = modnet("plugins", "check", "modnet-needy")
    assert (needy.code, needy.err) == (1, "")
    head, failure, *others = needy.lines
    assert head == "schedule:needy: 1 failure (1 of 1 checks ran)"
    assert failure.startswith(
        "  failed    conformance: cannot be checked: schedule:needy has options without a default"
    )
    assert failure.endswith("(its class attribute 'conformance' holds arguments of check_component)")
    assert others[0].startswith("schedule:fair: conforms (")
    assert modnet("plugins", "check", "modnet-empty").out == "modnet-empty 1 provides nothing.\n"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("modnet-wrang", "no plug-in 'modnet-wrang' is installed; did you mean 'modnet-wrong'"),
        ("modnet-framework", "no plug-in 'modnet-framework' is installed"),
        ("modnet-broken", "modnet-broken 1 cannot be checked: Error: [bold]why[/bold]"),
    ],
)
def test_what_cannot_be_checked(modnet: Modnet, strangers: Registry, name: str, error: str) -> None:
    del strangers
    result = modnet("plugins", "check", name)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")


def test_the_table_shows_words_as_they_are(
    modnet: Modnet, strangers: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    del strangers
    monkeypatch.setenv("COLUMNS", "160")
    result = modnet("plugins", "list")
    assert result.code == 0
    assert "Error: [bold]why[/bold]" in result.out
    names = [one["name"] for one in json.loads(modnet("plugins", "list", "--json").out)]
    assert names == sorted(names)
    assert {"modnet-broken", "modnet-empty", "modnet-needy", "modnet-served", "modnet-wrong"} <= set(names)


def test_every_built_in_part_can_be_shown(modnet: Modnet) -> None:
    for one in registry.active():
        part = one.component
        name = part.kind_name() if one.provider.builtin else f"{one.provider.distribution}:{part.kind_name()}"
        shown = json.loads(modnet("plugins", "show", part.family, name, "--json").out)
        assert (shown["family"], shown["kind"]) == (part.family, part.kind_name())
        assert shown["distribution"] == one.provider.distribution
        assert shown["version"] == one.provider.version
        assert [option["name"] for option in shown["options"]] == part.option_names()
        assert all(option["description"] for option in shown["options"])
        text = modnet("plugins", "show", part.family, name).out
        assert text.startswith(f"{part.family} {part.kind_name()}, from {one.provider}\n\n{shown['formula']}\n")
        assert shown["formula"]
        assert all(f"\n{name}: " in text for name in part.option_names())


@pytest.mark.parametrize(
    ("family", "kind", "lines"),
    [
        ("activation", "sigmoid", ["No options."]),
        ("activation", "leaky-relu", ["slope: number ≥ 0, < 1, default 0.01", "    α, the slope for z ≤ 0"]),
        ("layer", "dense", ["units: integer > 0, required", 'activation: an activation, default "sigmoid"',
                            "bias: true or false, default true"]),
        ("optimizer", "batch", ["learning_rate: number (also `eta`) > 0", 'rule: a rule, default "plain"']),
        ("dataset", "csv", ["path: text at least 1 long, required", "validation_path: text at least 1 long",
                            "transforms: a list of a transform, default []", "target_transform: a transform"]),
        ("transform", "one-hot", ['columns: "number" or "text" or "all" or a list of text or integer, default "text"',
                                  'unknown: "error" or "ignore", default "error"']),
    ],
)  # fmt: skip
def test_options_with_their_bounds(modnet: Modnet, family: str, kind: str, lines: list[str]) -> None:
    shown = modnet("plugins", "show", family, kind).lines
    assert set(lines) <= set(shown)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("activation", "sigmod"), "modnet: unknown activation 'sigmod'; did you mean 'sigmoid'?"),
        (("activation", "nobody:sigmoid"), "modnet: unknown activation 'nobody:sigmoid'"),
        (("ReLU",), "'ReLU' is no family; did you mean 'activation relu'?"),
        (("activations", "sigmoid"), "'activations' is not one of 'activation', "),
    ],
)
def test_what_cannot_be_shown(modnet: Modnet, arguments: tuple[str, ...], error: str) -> None:
    result = modnet("plugins", "show", *arguments)
    assert (result.code, result.out) == (2, "")
    assert error in result.err


def test_every_family_is_offered(modnet: Modnet) -> None:
    offered = " ".join(modnet("plugins", "new", "--help").out.split())
    assert f"--family FAMILY {', '.join(sorted(FAMILIES))}, command. [required]" in offered
