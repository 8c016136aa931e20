"""The JSON Schema (draft 2020-12) of a model, in which every installed part appears where its family is asked for.

It says what the validator says, with these exceptions, none of which JSON Schema can express: a part's rules that span
several options or that its own code checks, whether a preference decides between two plug-ins, other spellings of a
distribution's name than the canonical one, options of types that TOML lacks, and that ``3.0`` is no integer (in JSON,
3.0 and 3 are one number).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from pydantic import PydanticUserError, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from modnet import registry
from modnet.errors import PluginError

__all__ = ["PartsSchema"]

_PROBES: tuple[tuple[str, Any], ...] = (("integer", 7), ("number", 7.5))


class PartsSchema(GenerateJsonSchema):
    """Generates the schema of a `modnet.components.base.Model`; a slot becomes the choice of its family's parts."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 -- as in the base class

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        """Return the whole, with the draft that it is written in."""
        whole: JsonSchemaValue = _portable(super().generate(schema, mode))
        return {"$schema": self.schema_dialect, **whole}

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False: a title that only repeats the key helps nobody."""
        del schema
        return False

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        """Allow everything where an option's type has no schema: one plug-in's odd type must not hide the rest."""
        del schema, error_info
        return {}

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        """Return a number that is finite; TOML has words for others."""
        number = super().float_schema(schema)
        return number if schema.get("allow_inf_nan") else {**number, "allOf": [self._finite()]}

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        """Return the choice of parts, for the validator that a slot has."""
        family = getattr(schema["function"]["function"], "__self__", None)
        if isinstance(family, type) and hasattr(family, "shorthand"):
            return self._slot(family)
        return super().function_plain_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return a model's options: other names too, the names of its kind, and defaults that need no kind."""
        table, model = super().model_schema(schema), schema["cls"]
        properties = table.get("properties", {})
        for name, part in getattr(model, "default_parts", dict)().items():
            properties[name] = self._with_default_part(properties[name], *part)
        excluded = []
        for alias, name in getattr(model, "other_names", dict)().items():
            if alias != name:
                properties[alias] = properties[name]
                excluded.append({"not": {"required": [alias, name]}})
        if excluded:
            table["allOf"] = excluded
        if "kind" in properties and hasattr(model, "named_kind"):
            properties["kind"] = {"enum": _names(model), "description": f"which {model.family} this is"}
            table["title"] = f"{model.family} {model.named_kind()}"
        return table

    def _define(self, name: str) -> tuple[str, JsonSchemaValue]:
        """Return the key of a definition, and what refers to it."""
        key, reference = self.get_cache_defs_ref_schema(name)  # type: ignore[arg-type] # a str under another name
        return key, reference

    def _finite(self) -> JsonSchemaValue:
        key, reference = self._define("finite")
        largest = sys.float_info.max
        self.definitions[key] = {  # type: ignore[index] # a str under another name
            "description": "a finite number; inf and nan are refused",
            "minimum": -largest,
            "maximum": largest,
            "not": {"exclusiveMinimum": 0, "exclusiveMaximum": 0},  # no number is both, and nothing excludes nan
        }
        return reference

    def _slot(self, family: Any) -> JsonSchemaValue:
        key, reference = self._define(f"{family.__module__}.{family.__qualname__}:slot")
        if key in self.definitions:
            return reference
        self.definitions[key] = {}  # type: ignore[index] # a part may have a slot of its own family
        parts = sorted(
            (part.component for part in registry.active() if issubclass(part.component, family)),
            key=lambda part: (not registry.active().is_builtin(part.family, part.named_kind()), part.named_kind()),
        )
        names = [name for part in parts if _stands_alone(part) for name in _names(part)]
        choices: list[JsonSchemaValue] = [{"enum": sorted(set(names), key=lambda name: (":" in name, name))}]
        choices += self._shorthands(family)
        choices += [{"allOf": [self._part(part)], "required": ["kind"]} for part in parts]
        self.definitions[key] = {  # type: ignore[index] # a str under another name
            "title": family.family,
            "description": f"a part of the family {family.family}: its kind, or a table with its kind and options",
            "anyOf": choices,
        }
        return reference

    def _part(self, part: Any) -> JsonSchemaValue:
        part.model_rebuild()
        return self.generate_inner(part.__pydantic_core_schema__)

    def _shorthands(self, family: Any) -> list[JsonSchemaValue]:
        """Return what a plain value that is no text must be, where the family gives it a meaning."""
        found = []
        for type_name, probe in _PROBES:
            table = family.shorthand(probe)
            if not isinstance(table, Mapping):
                continue
            part = registry.active().find(family.family, table["kind"]).component
            options = self.resolve_ref_schema(self._part(part))["properties"]
            found += [{"type": type_name, **options[name]} for name, value in table.items() if value == probe]
        return found

    def _with_default_part(self, slot: JsonSchemaValue, family: Any, kind: str) -> JsonSchemaValue:
        try:
            part = registry.active().find(family.family, kind).component
        except (registry.UnknownKindError, PluginError):
            return slot
        kept: JsonSchemaValue = {key: slot[key] for key in ("description", "default") if key in slot}
        bare = {key: value for key, value in slot.items() if key not in kept}
        return {"anyOf": [bare, self._part(part)], **kept}


def _names(part: Any) -> list[str]:
    """Return the names that a configuration may give to this part; for its plain kind, a preference may decide."""
    kind, names = part.named_kind(), registry.active().names_of(part)
    plain = [] if registry.active().is_builtin(part.family, kind) else [kind]
    return list(dict.fromkeys([*plain, *names]))


def _stands_alone(part: Any) -> bool:
    """Return whether the part needs no options, so that its kind says everything."""
    try:
        part.model_validate({"kind": part.named_kind()})
    except (ValidationError, PydanticUserError, PluginError):
        return False
    return True


def _portable(node: Any) -> Any:
    """Return the schema without keys beside a ``$ref``, which older readers, as some editors have, overlook."""
    if isinstance(node, list):
        return [_portable(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _portable(value) for key, value in node.items()}
    if "$ref" in node and len(node) > 1 and isinstance(node["$ref"], str):
        node["allOf"] = [{"$ref": node.pop("$ref")}, *node.get("allOf", [])]
    return node
