"""Faults that any family may have: names, options, text form."""

# ruff: noqa: ARG002 -- faulty components ignore their arguments

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, PrivateAttr, model_validator
from testing.faulty.record import found_by

from modnet import Activation
from modnet.components.activations import Identity, Tanh


@found_by("kind-format", "lower-case words")
class BadKind(Tanh):
    """tanh z under a name of the wrong form."""

    kind: Literal["Bad_Kind"] = "Bad_Kind"


@found_by("kind-format", "accepts any kind")
class OpenKind(Activation):
    """z, under any kind."""

    kind: str = "open-kind"

    def __call__(self, z):
        return z

    def backward(self, upstream, z, a):
        return upstream


@found_by("documented", "no docstring")
class Undocumented(Tanh):
    kind: Literal["undocumented"] = "undocumented"


@found_by("documented", "has the docstring of its base class")
class CopiedDocstring(Identity):
    __doc__ = Identity.__doc__
    kind: Literal["copied-docstring"] = "copied-docstring"


@found_by("options-described", "'Steepness' should be lower-case words")
class CapitalOption(Identity):
    """z, with an option whose name begins with a capital."""

    kind: Literal["capital-option"] = "capital-option"
    Steepness: float = Field(default=1.0, description="a slope")


@found_by("options-described", "'steepness' has no description")
class Undescribed(Identity):
    """z, with an option that has no description."""

    kind: Literal["undescribed"] = "undescribed"
    steepness: float = 1.0


@found_by("unknown-options-refused", "should be refused")
class TakesAnything(Identity):
    """z, with any options."""

    model_config = ConfigDict(extra="ignore")
    kind: Literal["takes-anything"] = "takes-anything"

    @model_validator(mode="before")
    @classmethod
    def _only_known_options(cls, data: Any) -> Any:
        return data


@found_by("dump-and-load", "cannot be written as TOML")
class SetOption(Identity):
    """z, with an option that TOML has no form for."""

    kind: Literal["set-option"] = "set-option"
    points: frozenset[float] = Field(default=frozenset({1.0, 2.0}), description="a set")


@found_by("frozen", "no hash")
class ListOption(Identity):
    """z, with an option that can be changed in place."""

    kind: Literal["list-option"] = "list-option"
    points: list[float] = Field(default=[1.0], description="a list")


@found_by("frozen", "could be set")
class Thawed(Identity):
    """z, of a component that can be changed."""

    model_config = ConfigDict(frozen=False)
    kind: Literal["thawed"] = "thawed"
    slope: float = Field(default=1.0, description="an option that can be set")


@found_by("picklable", "cannot be pickled")
class Unpicklable(Identity):
    """z, with a function that cannot be pickled."""

    kind: Literal["unpicklable"] = "unpicklable"
    _function: Any = PrivateAttr(default_factory=lambda: lambda z: z)


class OnlyHere(Identity):
    """z, of a component that only its own process can unpickle."""

    kind: Literal["only-here"] = "only-here"

    def __setstate__(self, state):
        if not IN_THIS_PROCESS:
            raise RuntimeError("not in this process")
        super().__setstate__(state)


IN_THIS_PROCESS: list[bool] = []
"""Not empty in the process of the test that needs it."""
