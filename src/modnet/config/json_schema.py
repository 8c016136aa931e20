"""The JSON Schema (draft 2020-12) of a model, in which every installed part appears where its family is asked for.

It says what the validator says, with these exceptions, none of which JSON Schema can express: a part's rules that span
several options or that its own code checks, other spellings of a distribution's name than the canonical one, options of types that TOML lacks, and that ``3.0`` is no integer (in JSON,
3.0 and 3 are one number).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from pydantic import PydanticUserError, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from modnet.core import registry
from modnet.core.component import Model
from modnet.core.errors import PluginError

__all__ = ["schema_of"]

_PROBES: tuple[tuple[str, Any], ...] = (("integer", 7), ("number", 7.5))


def schema_of(model: type[Model]) -> dict[str, Any]:
    """Return the JSON Schema of a configuration model or component, with every installed component in its slots."""
    return model.model_json_schema(schema_generator=ComponentSchema)


class ComponentSchema(GenerateJsonSchema):
    """Generates the schema of a `modnet.core.component.Model`; a slot becomes the choice of its family's parts."""

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
        if schema.get("allow_inf_nan"):
            return number
        if "minimum" not in number and "exclusiveMinimum" not in number:
            number["minimum"] = -sys.float_info.max
        if "maximum" not in number and "exclusiveMaximum" not in number:
            number["maximum"] = sys.float_info.max
        number["not"] = {"exclusiveMinimum": 0, "exclusiveMaximum": 0}  # no number is both, and nothing excludes nan
        return number

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
        twice = []
        for alias, name in getattr(model, "other_names", dict)().items():
            if alias != name:
                properties[alias] = properties[name]
                twice.append({"required": [alias, name]})
        if twice:
            table["not"] = {"anyOf": twice}
        if "kind" in properties and hasattr(model, "kind_name"):
            properties["kind"] = {"enum": _names(model), "description": f"which {model.family} this is"}
            table["title"] = f"{model.family} {model.kind_name()}"
        return table

    def _slot(self, family: Any) -> JsonSchemaValue:
        name: Any = f"{family.__module__}.{family.__qualname__}:slot"  # a str under another name
        key, reference = self.get_cache_defs_ref_schema(name)
        if key in self.definitions:
            return reference
        self.definitions[key] = {}  # a part may have a slot of its own family
        parts = sorted(
            (part.component for part in registry.active() if issubclass(part.component, family)),
            key=lambda part: (not registry.active().is_builtin(part.family, part.kind_name()), part.kind_name()),
        )
        names = {name for part in parts if _stands_alone(part) for name in _names(part)}
        words = {"type": "string", "enum": sorted(names, key=lambda name: (":" in name, name))}
        plain = [words, *self._shorthands(family)]
        rules = [{"if": {"type": choice["type"]}, "then": choice} for choice in plain]
        self.definitions[key] = {
            "title": family.family,
            "description": f"a part of the family {family.family}: its kind, or a table with its kind and options",
            "type": [*(choice["type"] for choice in plain), "object"],
            "allOf": [*rules, *self._tables(parts)],
            # What is wrong is said by the rules, each at its place; editors take what they offer from here.
            "anyOf": [*plain, *map(self._part, parts), {}],
        }
        return reference

    def _tables(self, parts: list[Any]) -> list[JsonSchemaValue]:
        """Return the rules for a table: its kind is known, and its options are those of its kind."""
        by_name: dict[str, list[Any]] = {}
        for part in parts:
            for name in _names(part):
                by_name.setdefault(name, []).append(part)
        kind = {"required": ["kind"], "properties": {"kind": {"enum": list(by_name)}}}
        rules: list[JsonSchemaValue] = [{"if": {"type": "object"}, "then": kind}]
        groups: list[tuple[list[Any], list[str]]] = []
        for name, givers in by_name.items():
            same = next((names for parts, names in groups if parts == givers), None)
            if same is None:
                groups.append((givers, [name]))
            else:
                same.append(name)
        for givers, names in groups:
            named_table = {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": names}}}
            choices = [self._part(part) for part in givers]
            rules.append({"if": named_table, "then": choices[0] if len(choices) == 1 else {"anyOf": choices}})
        return rules

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
            found += [{**options[name], "type": type_name} for name, value in table.items() if value == probe]
        return found

    def _with_default_part(self, slot: JsonSchemaValue, family: Any, kind: str) -> JsonSchemaValue:
        """Return a slot in which a table without a kind has the options of the default part."""
        try:
            part = self._part(registry.active().find(family.family, kind).component)
        except (registry.UnknownKindError, PluginError):
            return slot
        kept: JsonSchemaValue = {key: slot[key] for key in ("description", "default") if key in slot}
        bare = {key: value for key, value in slot.items() if key not in kept}
        nameless = {"type": "object", "not": {"required": ["kind"]}}
        return {"if": nameless, "then": part, "else": bare, "anyOf": [bare, part, {}], **kept}


def _names(part: Any) -> list[str]:
    """Return the names that a configuration may use for this component."""
    return registry.active().names_of(part)


def _stands_alone(part: Any) -> bool:
    """Return whether the part needs no options, so that its kind says everything."""
    try:
        part.model_validate({"kind": part.kind_name()})
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
    if isinstance(node.get("$ref"), str) and len(node) > 1:
        node["allOf"] = [{"$ref": node.pop("$ref")}]
    return node
