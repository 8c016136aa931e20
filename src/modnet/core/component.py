"""Component, the base of every part, and Slot, a configuration field that takes one part by name."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from modnet.core import registry
from modnet.core.errors import PluginError

__all__ = ["Component", "Model", "Slot", "default_part"]


class Model(BaseModel):
    """A frozen, validated set of named options; an unknown option is an error that suggests the known one."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    @classmethod
    def option_names(cls) -> list[str]:
        """Return the names of the options, as a configuration writes them."""
        return [name for name in cls.model_fields if name != "kind"]

    @classmethod
    def default_parts(cls) -> dict[str, tuple[type[Component], str]]:
        """Return family and kind of the default part, by name of the option that takes a part and has a default."""
        return {
            name: (field.annotation, field.default)
            for name, field in cls.model_fields.items()
            if isinstance(field.default, str)
            and any(isinstance(mark, Slot) for mark in field.metadata)
            and isinstance(field.annotation, type)
        }

    @classmethod
    def other_names(cls) -> dict[str, str]:
        """Return other name → name, of the options that have more than one."""
        fields = cls.model_fields.items()
        choices = {
            name: field.validation_alias for name, field in fields if isinstance(field.validation_alias, AliasChoices)
        }
        return {str(alias): name for name, names in choices.items() for alias in names.choices}

    @model_validator(mode="before")
    @classmethod
    def _only_known_options(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        aliases = cls.other_names()
        known = {*cls.model_fields, *aliases}
        data = {key: cls._with_default_kind(key, value) for key, value in data.items()}
        errors = [
            InitErrorDetails(
                type=_wrong("unknown_option", cls._unknown_option(str(key))), loc=(str(key),), input=data[key]
            )
            for key in data
            if key not in known
        ]
        errors += [
            InitErrorDetails(
                type=_wrong("twice", f"means the same as {name}: give one of them"), loc=(alias,), input=data[alias]
            )
            for alias, name in aliases.items()
            if alias in data and name in data and alias != name
        ]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return data

    @classmethod
    def _with_default_kind(cls, key: str, value: Any) -> Any:
        """Give a table without a kind, in a slot that has a default, the default kind."""
        if not isinstance(value, dict) or "kind" in value or key not in cls.default_parts():
            return value
        return {"kind": cls.default_parts()[key][1], **value}

    @classmethod
    def _unknown_option(cls, key: str) -> str:
        allowed = cls.option_names()
        listed = f"allowed: {', '.join(allowed)}" if allowed else "there are no options here"
        hint = registry.did_you_mean(key, allowed)
        return f"unknown option{hint} ({listed})"


class Component(Model):
    """One part of a network or of its training: frozen, validated, stateless, and named by its ``kind``.

    A part is a class that derives from the base class of its family and sets ``kind``; its options are ordinary
    pydantic fields, each with a description.
    """

    family: ClassVar[str]
    kind: str

    @classmethod
    def kind_name(cls) -> str:
        """Return the kind that this class goes by within its family."""
        return str(cls.model_fields["kind"].default)

    @classmethod
    def shorthand(cls, value: Any) -> dict[str, Any] | None:
        """Return the table that a plain value stands for in a field of this family, or None where it means nothing.

        A string is a kind with its defaults; a family may give other values a meaning (an integer is a dense layer).
        """
        return {"kind": value} if isinstance(value, str) else None

    @classmethod
    def resolve(cls, value: Any) -> Self:
        """Return the part of this family that ``value`` means: a part, a shorthand, or a table with its ``kind``.

        Raises:
            ValidationError: the value names no part that is known, or options that the part refuses.
        """
        if isinstance(value, cls):
            return value
        table = value if isinstance(value, dict) else cls.shorthand(value)
        if table is None or not isinstance(table.get("kind"), str):
            allowed = f"a kind ({', '.join(registry.active().kinds(cls.family))}) or a table with one"
            raise _wrong("no_kind", f"{registry.describe(value)} names no {cls.family}; allowed: {allowed}")
        known = registry.active()  # outside of what follows: a plug-in's own failure is no mistake at this key
        try:
            component = known.find(cls.family, table["kind"]).component
        except (registry.UnknownKindError, PluginError) as error:
            raise _wrong("unknown_kind", str(error)) from None
        if not issubclass(component, cls):
            raise _wrong("wrong_family", f"'{table['kind']}' is no {cls.family}")
        validated: Self = component.model_validate({**table, "kind": component.kind_name()})
        return validated

    def to_config(self) -> str | dict[str, Any]:
        """Return what a configuration file says of this part: its kind, or a table where it has options."""
        table = self.model_dump(exclude_none=True)
        table["kind"] = registry.active().full_name(type(self))
        return table["kind"] if len(table) == 1 else table


def _wrong(code: str, problem: str) -> PydanticCustomError:
    # The text goes in as a value: a message template would choke on braces in a user's own words.
    return PydanticCustomError(code, "{problem}", {"problem": problem})


class Slot:
    """Marks a field that takes one part of a family: ``activation: Annotated[Activation, Slot()]``.

    The part is looked for by its kind when a value is validated, so a plug-in that is installed later needs no new
    models; its own options are checked by its own class, under their own key path, and are kept when dumped.
    """

    def __get_pydantic_core_schema__(self, source: type[Component], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate through the family's registry and dump whole."""
        return core_schema.no_info_plain_validator_function(
            source.resolve,
            serialization=core_schema.plain_serializer_function_ser_schema(Component.to_config),
        )


def default_part(kind: str, description: str) -> Any:
    """Return a field whose default is the part of this ``kind``, looked for when it is first needed."""
    return Field(default=kind, validate_default=True, description=description)
