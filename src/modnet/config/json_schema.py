"""The JSON Schema (draft 2020-12) of a model; every installed component appears where its family is accepted.

It accepts what the validator accepts, except for what JSON Schema cannot express: rules that span several options or
are checked by a component's own code, other spellings of a distribution's name than the canonical one, options of
types that TOML lacks, and that ``3.0`` is not an integer (in JSON, 3.0 and 3 are one number).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from modnet.core import registry
from modnet.core.component import Component, Model
from modnet.core.errors import PluginError

__all__ = ["schema_of"]

_PROBES: tuple[tuple[str, Any], ...] = (("integer", 7), ("number", 7.5), ("array", [7]))
"""Plain values that a family may give a meaning to, beside text."""


def schema_of(model: type[Model]) -> dict[str, Any]:
    """Return the JSON Schema of a configuration model or component, with every installed component in its slots."""
    schema = model.model_json_schema(by_alias=False, schema_generator=_SchemaGenerator)
    return {"$schema": _SchemaGenerator.schema_dialect, **schema}


class _SchemaGenerator(GenerateJsonSchema):
    """Generates the schema of a `modnet.core.component.Model`; a slot becomes the choice of its family's components."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 -- as in the base class

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False: a title that only repeats the key does not help."""
        del schema
        return False

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        """Allow everything where the type of an option has no schema, so that one plug-in does not hide the others."""
        del schema, error_info
        return {}

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        """Return a number that is finite; TOML has words for others."""
        number = super().float_schema(schema)
        if schema.get("allow_inf_nan"):
            return number
        nan = {"exclusiveMinimum": 0, "exclusiveMaximum": 0}  # no number is both, and NaN fails neither comparison
        return {"minimum": -sys.float_info.max, "maximum": sys.float_info.max, **number, "not": nan}

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        """Return the choice of components, for the validator of a slot."""
        base = getattr(schema["function"]["function"], "__self__", None)
        if isinstance(base, type) and issubclass(base, Component):
            return self._slot(base)
        return super().function_plain_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the table of a model's options, with their aliases and the names of its kind."""
        table, model = super().model_schema(schema), schema["cls"]
        if not issubclass(model, Model):
            return table
        properties, aliases = table.get("properties", {}), model.option_aliases()
        for name, (base, kind) in model.default_components().items():
            properties[name] = self._slot_with_default(properties[name], base, kind)
        for name, option in properties.items():
            if "$ref" in option:  # older readers, as in some editors, ignore the keys beside a $ref
                properties[name] = {"allOf": [{"$ref": option.pop("$ref")}], **option}
        if aliases:
            properties |= {alias: properties[name] for alias, name in aliases.items()}
            table["not"] = {"anyOf": [{"required": [alias, name]} for alias, name in aliases.items()]}
        if issubclass(model, Component):
            names = registry.active().names_of(model)
            properties["kind"] = {"enum": names, "description": f"which {model.family} this is"}
            table["title"] = f"{model.family} {model.kind_name()}"
        return table

    def _slot(self, base: type[Component]) -> JsonSchemaValue:
        """Return a reference to the choice of components of one family: a kind, another shorthand, or a table."""
        identity: Any = f"{base.__module__}.{base.__qualname__}:slot"  # the type is a str under another name
        key, reference = self.get_cache_defs_ref_schema(identity)
        if key not in self.definitions:
            self.definitions[key] = {}  # a component may have a slot of its own family
            known = registry.active()
            components = [entry.component for entry in known if issubclass(entry.component, base)]
            optional = [item for item in components if not any(o.is_required() for o in item.model_fields.values())]
            names = sorted((name for item in optional for name in known.names_of(item)), key=lambda n: (":" in n, n))
            self.definitions[key] = {
                "title": base.family,
                "description": f"a component of the family {base.family}: its kind, or a table with kind and options",
                "required": ["kind"],
                "anyOf": [{"enum": names}, *self._shorthands(base), *map(self._table, components)],
            }
        return reference

    def _slot_with_default(self, slot: JsonSchemaValue, base: type[Component], kind: str) -> JsonSchemaValue:
        """Return a slot in which a table without a kind has the options of the default component."""
        try:
            table = self._table(registry.active().find(base.family, kind).component)
        except (registry.UnknownKindError, PluginError):
            return slot
        annotations = {name: slot.pop(name) for name in ("default", "description") if name in slot}
        return annotations | {"anyOf": [slot, table]}

    def _table(self, component: type[Component]) -> JsonSchemaValue:
        component.model_rebuild()
        return self.generate_inner(component.__pydantic_core_schema__)

    def _shorthands(self, base: type[Component]) -> list[JsonSchemaValue]:
        """Return the schemas of plain values that are not text, if the family gives them a meaning."""
        schemas = []
        for type_name, probe in _PROBES:
            table = base.shorthand(probe)
            if isinstance(table, Mapping):
                component = registry.active().find(base.family, table["kind"]).component
                options = self.resolve_ref_schema(self._table(component))["properties"]
                schemas += [{**options[name], "type": type_name} for name, value in table.items() if value == probe]
        return schemas
