"""Component, the base of every component, and Slot, a configuration field that takes one component by name."""

from __future__ import annotations

from collections.abc import Set
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from modnet.core import registry
from modnet.core.errors import PluginError
from modnet.core.messages import did_you_mean, printable, short_repr

__all__ = ["Auto", "Component", "Model", "Slot", "default_part", "usual_part"]


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
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let a list stand for a tuple, which TOML and JSON do not have."""
        schema: CoreSchema = _with_lists_for_tuples(handler(source))
        return schema

    def __hash__(self) -> int:
        """Return a hash of the options, tables of them included."""
        return hash((type(self), *(_hashable(value) for value in self.__dict__.values())))

    @classmethod
    def option_names(cls) -> list[str]:
        """Return the names of the options, as a configuration writes them."""
        return [name for name in cls.model_fields if name != "kind"]

    @classmethod
    def option_aliases(cls) -> dict[str, str]:
        """Return alias → name, of the options that have other names too."""
        aliases: dict[str, str] = {}
        for name, field in cls.model_fields.items():
            alias = field.validation_alias
            choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
            aliases |= {choice: name for choice in choices if isinstance(choice, str) and choice != name}
        return aliases

    @classmethod
    def default_components(cls) -> dict[str, tuple[type[Component], str]]:
        """Return family and kind of the default component, by name of the option that takes one and has a default."""
        return {
            name: (field.annotation, field.default)
            for name, field in cls.model_fields.items()
            if isinstance(field.default, str)
            and any(isinstance(mark, Slot) for mark in field.metadata)
            and isinstance(field.annotation, type)
        }

    @model_validator(mode="before")
    @classmethod
    def _only_known_options(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known, aliases, defaults = _options_of(cls)
        errors = {key: cls._unknown_option(str(key)) for key in data if key not in known}
        errors |= {
            alias: _error("twice", f"means the same as {name}: give one of them")
            for alias, name in aliases.items()
            if alias in data and name in data
        }
        if errors:
            details = [InitErrorDetails(type=error, loc=(str(key),), input=data[key]) for key, error in errors.items()]
            raise ValidationError.from_exception_data(cls.__name__, details)
        return {
            key: {"kind": defaults[key][1], **value} if key in defaults and isinstance(value, dict) else value
            for key, value in data.items()
        }

    @classmethod
    def _unknown_option(cls, key: str) -> PydanticCustomError:
        allowed = cls.option_names()
        listed = f"allowed: {', '.join(allowed)}" if allowed else "there are no options here"
        hint = did_you_mean(key, allowed)
        return _error("unknown_option", f"unknown option{hint} ({listed})", listed=listed, options=allowed)


@cache
def _options_of(cls: type[Model]) -> tuple[Set[str], dict[str, str], dict[str, tuple[type[Component], str]]]:
    """Return names and aliases of the options, the aliases alone, and the default components."""
    aliases = cls.option_aliases()
    return {*cls.model_fields, *aliases}, aliases, cls.default_components()


class Component(Model):
    """One component of a network or of its training: frozen, validated, stateless, and named by its ``kind``.

    A component is a class that derives from the base class of its family and sets ``kind``; its options are ordinary
    pydantic fields, each with a description.

    Attributes:
        also_known_as: What other libraries call it. These names are not accepted; an error message answers them with
            the kind.
    """

    family: ClassVar[str]
    also_known_as: ClassVar[tuple[str, ...]] = ()
    kind: str

    @classmethod
    def kind_name(cls) -> str:
        """Return the kind of this class within its family."""
        return str(cls.model_fields["kind"].default)

    @classmethod
    def shorthand(cls, value: Any) -> dict[str, Any] | None:
        """Return the table that a plain value stands for in a field of this family, or None where it means nothing.

        A string is a kind with its defaults; a family may give other values a meaning (an integer is a dense layer).
        """
        return {"kind": value} if isinstance(value, str) else None

    @classmethod
    def resolve(cls, value: Any) -> Self:
        """Return the component of this family that ``value`` means: a component, a shorthand, or a table with ``kind``.

        Raises:
            ValidationError: the value names no known component, or has options that the component refuses.
        """
        if isinstance(value, cls):
            return value
        components = registry.active()  # not in the try block below: its PluginError is about no key
        table = value if isinstance(value, dict) else cls.shorthand(value)
        if table is None or not isinstance(table.get("kind"), str):
            allowed = f"a kind ({', '.join(components.kinds(cls.family))}) or a table with one"
            raise _error("no_kind", f"{short_repr(value)} is not a valid {cls.family}; allowed: {allowed}")
        try:
            component = components.find(cls.family, table["kind"]).component
        except (registry.UnknownKindError, PluginError) as error:
            name = printable(table["kind"])  # pydantic takes no text that is not UTF-8
            raise _error("unknown_kind", printable(str(error)), family=cls.family, name=name) from None
        if not issubclass(component, cls):
            raise _error("wrong_family", f"'{table['kind']}' is not a valid {cls.family} here")
        validated: Self = component.model_validate({**table, "kind": component.kind_name()})
        return validated

    def to_config(self) -> str | dict[str, Any]:
        """Return what a configuration file says of this component: its name, or a table where it has options.

        The name is ``distribution:kind`` for a plug-in's component, so that it means the same whatever is installed
        later; a built-in goes by its kind.
        """
        table = {name: value for name, value in self.model_dump().items() if value is not None}
        table["kind"] = registry.active().full_name(type(self))
        return table["kind"] if len(table) == 1 else table


def usual_part(option: str, attribute: str, fallback: str, description: str) -> Any:
    """Return a field whose default is the component that the class of another ``option``'s component names.

    ``usual_part("activation", "usual_initializer", "zeros", "…")`` takes the kind in ``usual_initializer`` of the
    activation, which must be declared before it, and ``zeros`` where the activation is not valid: its error is enough.
    """
    return Field(
        default_factory=lambda options: getattr(options[option], attribute) if option in options else fallback,
        validate_default=True,
        description=description,
    )


def _with_lists_for_tuples(schema: Any) -> Any:
    if isinstance(schema, dict):
        inner = {key: _with_lists_for_tuples(value) for key, value in schema.items()}
        return {**inner, "strict": False} if schema.get("type") == "tuple" else inner
    return [_with_lists_for_tuples(item) for item in schema] if type(schema) is list else schema


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, tuple) else value


def _error(code: str, problem: str, **more: Any) -> PydanticCustomError:
    # The text goes in as a value: a message template would choke on braces in a user's own words.
    return PydanticCustomError(code, "{problem}", {"problem": problem, **more})


class Slot:
    """Marks a field that takes one component of a family: ``activation: Annotated[Activation, Slot()]``.

    The component is looked up by its kind when a value is validated, so a plug-in that is installed later needs no new
    models; its options are checked by its own class, under their own key path, and are kept when dumped.
    """

    def __get_pydantic_core_schema__(self, source: type[Component], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate through the family's registry and dump whole."""
        return core_schema.no_info_plain_validator_function(
            source.resolve,
            serialization=core_schema.plain_serializer_function_ser_schema(Component.to_config),
        )


class Auto:
    """Marks a field whose None is written ``"auto"``: ``threads: Annotated[int | None, Auto("an integer from 1")]``."""

    def __init__(self, otherwise: str) -> None:
        self._otherwise = otherwise

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read ``"auto"`` as None, and write None as ``"auto"``."""
        return core_schema.no_info_before_validator_function(
            self._read, handler(source), serialization=core_schema.wrap_serializer_function_ser_schema(self._write)
        )

    def _read(self, value: Any) -> Any:
        if isinstance(value, str) and value != "auto":
            raise ValueError(f'{short_repr(value)} should be {self._otherwise} or "auto"')
        return None if isinstance(value, str) else value

    @staticmethod
    def _write(value: Any, serialize: SerializerFunctionWrapHandler) -> Any:
        return "auto" if value is None else serialize(value)

    @staticmethod
    def schema(schema: dict[str, Any]) -> None:
        """Add ``"auto"``, the default, to a field's JSON Schema."""
        schema |= {"anyOf": [*schema["anyOf"], {"const": "auto"}], "default": "auto"}


def default_part(kind: str, description: str) -> Any:
    """Return a field whose default is the component of this ``kind``, looked up when it is first needed."""
    return Field(default=kind, validate_default=True, description=description)
