"""What is installed: every plug-in with its status, and every option of a part in words and as data."""

from __future__ import annotations

import inspect
import types
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo

from modnet.config.json_schema import schema_of
from modnet.core.component import Component, Slot
from modnet.core.registry import Provider, Registry

__all__ = ["Option", "Plugin", "formula_of", "options_of", "plugins_in"]

Status: TypeAlias = Literal["ok", "failed", "disabled", "conflict"]


@dataclass(frozen=True)
class Plugin:
    """One installed distribution with an entry point in the group ``modnet``.

    Attributes:
        name: The distribution, in canonical form.
        version: Its version.
        status: ``failed`` where any of it was set aside, ``disabled``, ``conflict`` where another one or modnet
            itself claims the same, ``ok`` otherwise.
        components: What it gives, as ``family:kind``.
        reason: Why the status is not ``ok``, or nothing.
    """

    name: str
    version: str
    status: Status
    components: list[str]
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes by name."""
        return asdict(self)


@dataclass(frozen=True)
class Option:
    """One option of a part.

    Attributes:
        name: Its key.
        type: What it takes, in words.
        bounds: What is allowed of that, in signs; empty where everything is.
        default: Its default as a configuration says it, or None where there is no fixed one.
        required: Whether it has to be given.
        description: What it means.
    """

    name: str
    type: str
    bounds: str
    default: Any
    required: bool
    description: str

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes by name."""
        return asdict(self)


def plugins_in(registry: Registry) -> list[Plugin]:
    """Return every installed plug-in, by name."""
    owners: dict[str, Provider] = {owner.distribution: owner for owner in registry.providers if not owner.builtin}
    for absence in registry.unavailable:
        owners.setdefault(absence.provider.distribution, absence.provider)
    return [_plugin(registry, owners[name]) for name in sorted(owners)]


def _plugin(registry: Registry, owner: Provider) -> Plugin:
    own = [part.component for part in registry if part.provider == owner]
    absences = [absence for absence in registry.unavailable if absence.provider.distribution == owner.distribution]
    failed = [absence.reason for absence in absences if not absence.disabled]
    disabled = [f"disabled by {absence.reason}" for absence in absences if absence.disabled]
    conflicts = [*registry.conflicts(owner.distribution), *_conflicts(registry, own, owner)]
    status: Status = "failed" if failed else "disabled" if disabled else "conflict" if conflicts else "ok"
    reasons = "; ".join(dict.fromkeys([*failed, *disabled, *conflicts]))
    names = sorted(f"{part.family}:{part.kind_name()}" for part in own)
    return Plugin(owner.distribution, owner.version, status, names, reasons)


def _conflicts(registry: Registry, own: list[type[Component]], owner: Provider) -> list[str]:
    reasons = []
    for part in own:
        family, kind = part.family, part.kind_name()
        same = [one.provider for one in registry if (one.component.family, one.component.kind_name()) == (family, kind)]
        others = ", ".join(str(other) for other in same if other != owner and not other.builtin)
        if registry.is_builtin(family, kind):
            reasons.append(f"the {family} '{kind}' is built in: '{owner.distribution}:{kind}' names this one")
        elif others:
            reasons.append(f"the {family} '{kind}' is also given by {others}")
    return reasons


def formula_of(part: type[Component]) -> str:
    """Return the docstring of a part: its formula, what it is, and its source."""
    return inspect.cleandoc(part.__doc__ or "")


def options_of(part: type[Component]) -> list[Option]:
    """Return the options of a part, in the order in which a configuration shows them."""
    properties = schema_of(part).get("properties", {})
    if not properties:  # a part with a slot of its own family is one among the definitions
        definitions = schema_of(part)["$defs"]
        title = f"{part.family} {part.kind_name()}"
        properties = next(table["properties"] for table in definitions.values() if table.get("title") == title)
    return [_option(name, part.model_fields[name], properties.get(name, {})) for name in part.option_names()]


def _option(name: str, field: FieldInfo, schema: dict[str, Any]) -> Option:
    others = [] if isinstance(field.validation_alias, str | None) else [str(one) for one in _aliases(field)]
    more = "".join(f" (also `{other}`)" for other in others if other != name)
    return Option(
        name,
        _type(field.annotation, field.metadata) + more,
        _bounds(field.metadata),
        schema.get("default"),
        field.is_required(),
        field.description or "",
    )


def _aliases(field: FieldInfo) -> list[Any]:
    return list(getattr(field.validation_alias, "choices", ()))


def _type(annotation: Any, metadata: list[Any]) -> str:
    """Return in words what a field takes."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if any(isinstance(mark, Slot) for mark in metadata):
        article = "an" if annotation.family[0] in "aeio" else "a"
        return f"{article} {annotation.family}"
    if hasattr(annotation, "__metadata__"):
        return _type(arguments[0], list(annotation.__metadata__))
    if origin in (Union, types.UnionType):
        return " or ".join(_type(inner, []) for inner in arguments if inner is not type(None))
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in arguments)
    if origin in (tuple, list):
        inner = " and ".join(dict.fromkeys(_type(one, []) for one in arguments if one is not Ellipsis))
        return f"a list of {inner or 'anything'}"
    words = {int: "integer", float: "number", bool: "true or false", str: "text"}
    return str(words.get(annotation) or getattr(annotation, "__name__", annotation))


def _bounds(metadata: list[Any]) -> str:
    signs: list[str] = []
    for mark in metadata:
        match mark:
            case Gt(gt=bound):
                signs.append(f"> {bound}")
            case Ge(ge=bound):
                signs.append(f"≥ {bound}")
            case Lt(lt=bound):
                signs.append(f"< {bound}")
            case Le(le=bound):
                signs.append(f"≤ {bound}")
            case MinLen(min_length=least):
                signs.append(f"at least {least} long")
            case MaxLen(max_length=most):
                signs.append(f"at most {most} long")
    return ", ".join(signs)
