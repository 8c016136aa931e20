"""The configuration's key ``prefer``: which plug-in a kind means where two give it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from modnet.core import registry
from modnet.core.interfaces import FAMILIES
from modnet.core.registry import canonical, did_you_mean

__all__ = ["Preferences", "preferences_in"]

_DISTRIBUTION = "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"


def _check_name(name: str) -> str:
    family, _, kind = name.partition(":")
    if family not in FAMILIES or not kind:
        hint = did_you_mean(family, FAMILIES) or f"; families: {', '.join(sorted(FAMILIES))}"
        raise _wrong(f"{registry.describe(name)} should be a family and a kind, such as 'activation:swish'{hint}")
    if registry.active().is_builtin(family, kind):
        raise _wrong(f"the {family} '{kind}' is built in and keeps its name; a plug-in's is 'DISTRIBUTION:{kind}'")
    return name


def _wrong(problem: str) -> PydanticCustomError:
    return PydanticCustomError("preference", "{problem}", {"problem": problem})


def _describe_names(schema: dict[str, Any]) -> None:
    built_in = sorted(f"{p.component.family}:{p.component.kind_name()}" for p in registry.active() if p.owner.builtin)
    schema.pop("patternProperties", None)
    schema["propertyNames"] = {"pattern": f"^({'|'.join(FAMILIES)}):.", "not": {"enum": built_in}}
    schema["additionalProperties"] = {"type": "string", "pattern": _DISTRIBUTION}


_Name = Annotated[str, AfterValidator(_check_name)]
_Distribution = Annotated[str, Field(pattern=_DISTRIBUTION), AfterValidator(canonical)]
Preferences: TypeAlias = Annotated[
    dict[_Name, _Distribution],
    Field(
        description='which distribution a kind means where two plug-ins give it: `{ "activation:swish" = "modnet-b" }`',
        json_schema_extra=_describe_names,
    ),
]


@contextmanager
def preferences_in(table: Any) -> Iterator[None]:
    """Let the preferences in a configuration's table decide while the rest of it is read."""
    said = table.get("prefer") if isinstance(table, Mapping) else None
    pairs = said.items() if isinstance(said, Mapping) else ()
    with registry.preferring({str(name): value for name, value in pairs if isinstance(value, str)}):
        yield
