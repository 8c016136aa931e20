"""A case: the part that is checked, the examples of it, and a registry in which it can be named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import PydanticUndefinedAnnotation, ValidationError
from pydantic_core import PydanticUndefined

from modnet.core import registry
from modnet.core.component import Component
from modnet.core.interfaces import FAMILIES
from modnet.core.messages import short_repr
from modnet.core.registry import Provider

__all__ = ["Case", "Example", "make_cases", "temporarily_registered", "title_of", "validate_class"]

Example: TypeAlias = "Component | Mapping[str, Any]"
"""A part, or its options as a configuration says them."""

SHAPES: tuple[tuple[int, ...], ...] = ((6,), (6, 5), (2, 6, 5), (6, 5, 2), (1, 8, 8), (8, 8, 1))
"""The shapes of samples that a layer is tried with, in this order, where its author names none."""


@dataclass(frozen=True)
class Case:
    """One example of a part, and what else a check may need.

    Attributes:
        cls: The class that is checked.
        part: The example.
        examples: All examples, for checks that are made once for all of them.
        input_shape: The shape of one sample that a layer takes, where the author names one.
    """

    cls: type[Component]
    part: Any
    examples: tuple[Any, ...]
    input_shape: tuple[int, ...] | None = None

    @property
    def family(self) -> type[Component]:
        """The base class of the part's family."""
        return FAMILIES[self.cls.family]

    @property
    def title(self) -> str:
        """The example as a message calls it: its class with the options that are not as by default."""
        fields = self.cls.model_fields
        own = {name: value for name, value in self.options().items() if value != fields[name].default}
        return f"{self.cls.__name__}({', '.join(f'{name}={short_repr(own[name])}' for name in own)})"

    def options(self) -> dict[str, Any]:
        """Return the kind and the options as they are, parts in slots included."""
        return {name: getattr(self.part, name) for name in self.cls.model_fields}

    def twin(self) -> Component:
        """Return a new part with the same options."""
        return self.cls.model_validate(self.options())

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one sample that this layer takes.

        Raises:
            ValueError: the layer takes none of the shapes that are tried.
        """
        for shape in SHAPES if self.input_shape is None else (self.input_shape,):
            try:
                self.part.output_shape(shape)
            except ValueError as error:
                reason = str(error)
            else:
                return shape
        raise ValueError(f"takes none of the tried shapes of a sample ({reason}): name one with input_shape=(...)")


def validate_class(cls: object) -> None:
    """Refuse what is no class of a part; names of its annotations are looked for where an author called the kit.

    Raises:
        TypeError: ``cls`` derives from no family, has no kind, or has an option of a type that is not there.
    """
    if not (isinstance(cls, type) and issubclass(cls, Component) and issubclass(cls, tuple(FAMILIES.values()))):
        raise TypeError(f"{cls!r} is no class of a part; allowed are subclasses of {', '.join(sorted(FAMILIES))}")
    try:
        cls.model_rebuild(_parent_namespace_depth=4)
    except PydanticUndefinedAnnotation as error:
        raise TypeError(f"{cls.__name__} has an option whose type '{error.name}' is not there at run time") from None
    if cls.model_fields["kind"].default is PydanticUndefined:
        raise TypeError(f'{cls.__name__} sets no kind; write: kind: Literal["its-kind"] = "its-kind"')


def title_of(cls: type[Component]) -> str:
    """Return ``family:kind``."""
    return f"{cls.family}:{cls.kind_name()}"


@contextmanager
def temporarily_registered(*classes: type[Component]) -> Iterator[None]:
    """Let ``classes`` be named by their kinds while this lasts, whether or not a plug-in gives them.

    The process's registry is put back afterwards.
    """
    before = registry.active()
    unknown = [cls for cls in classes if before.provider_of(cls) is None]
    if not unknown:
        yield
        return
    wider = before.copy()
    wider.add(unknown, Provider("conformance-kit", "0"))
    with registry.using(wider):
        yield


def make_cases(
    cls: type[Component], examples: Sequence[Example] | None, input_shape: tuple[int, ...] | None
) -> tuple[Case, ...]:
    """Return a case for each example.

    Raises:
        TypeError: an example is no instance of ``cls``.
        ValueError: there is no example, or the class refuses one.
    """
    if isinstance(examples, Mapping | str) or not isinstance(examples, Sequence | None):
        raise TypeError(f"examples: {examples!r} is no list of parts or of tables with options")
    if not examples:
        required = [name for name in cls.option_names() if cls.model_fields[name].is_required()]
        if required:
            raise ValueError(
                f"{title_of(cls)} has options without a default ({', '.join(required)}): give examples, "
                f"as in examples=[{{{required[0]!r}: ...}}]"
            )
        examples = [{}]
    parts = tuple(_part(cls, number, example) for number, example in enumerate(examples))
    return tuple(Case(cls, part, parts, input_shape) for part in parts)


def _part(cls: type[Component], number: int, example: Example) -> Component:
    if isinstance(example, cls):
        return example
    if not isinstance(example, Mapping):
        raise TypeError(f"examples[{number}]: {example!r} is neither a {cls.__name__} nor a table with its options")
    try:
        return cls.model_validate({"kind": cls.kind_name(), **example})
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(map(str, detail["loc"]))
        raise ValueError(f"examples[{number}] of {title_of(cls)}: {place}: {detail['msg']}") from None
