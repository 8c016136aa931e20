"""A case: one example of the component that is checked, and what else a check needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from pydantic import PydanticUndefinedAnnotation, ValidationError

from modnet.core import registry
from modnet.core.component import Component
from modnet.core.interfaces import FAMILIES
from modnet.core.messages import short_repr
from modnet.core.plugins.validation import missing_methods
from modnet.core.registry import Provider
from modnet.testing.report import FailedError

__all__ = [
    "TOLERANCE",
    "Case",
    "Example",
    "full_name",
    "make_cases",
    "refusal",
    "temporarily_registered",
    "validate_class",
]

Example: TypeAlias = "Component | Mapping[str, Any]"  # a component, or a table of its options

# The shapes of one sample that are tried with a layer, in this order, if its author names none.
SHAPES: tuple[tuple[int, ...], ...] = ((6,), (6, 5), (2, 6, 5), (6, 5, 2), (1, 8, 8), (8, 8, 1))

TOLERANCE = 1e-10
"""How far an engine's θ may be from the NumPy engine's after 50 updates in float64, relative to its largest number."""


@dataclass(frozen=True)
class Case:
    """One example of a component, and what else a check needs.

    Attributes:
        cls: The class that is checked.
        component: The example.
        examples: All examples, for checks that run once for all of them.
        input_shape: The shape of one sample that a layer takes, if its author names one.
        tolerance: How far an engine's θ may be from that of the NumPy engine.
    """

    cls: type[Component]
    component: Any
    examples: tuple[Any, ...]
    input_shape: tuple[int, ...] | None = None
    tolerance: float = TOLERANCE

    @property
    def title(self) -> str:
        """The example as messages show it: the class with the options that differ from their defaults."""
        fields = self.cls.model_fields
        options = {name: value for name, value in self.options().items() if value != fields[name].default}
        return f"{self.cls.__name__}({', '.join(f'{name}={short_repr(options[name])}' for name in options)})"

    def options(self) -> dict[str, Any]:
        """Return the kind and the options, components in slots included."""
        return {name: getattr(self.component, name) for name in self.cls.model_fields}

    def copy(self) -> Case:
        """Return the case of a new component with the same options."""
        return replace(self, component=self.cls.model_validate(self.options()))

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one sample that this layer takes."""
        for shape in SHAPES if self.input_shape is None else (self.input_shape,):
            reason = refusal(self.component.output_shape, shape)
            if reason is None:
                return shape
        raise ValueError(f"takes none of the shapes of a sample that were tried ({reason}): pass input_shape=(...)")


def refusal(method: Callable[[Any], Any], argument: Any) -> str | None:
    """Return why a method such as ``check`` refuses its argument with a ValueError, or None if it accepts it."""
    try:
        method(argument)
    except ValueError as error:
        return str(error)
    except Exception as error:  # a component may raise anything; only a ValueError is right
        call, name = f"{method.__name__}({argument})", type(error).__name__
        raise FailedError(f"{call} should raise ValueError, got {name}: {error}") from None
    return None


def validate_class(cls: object) -> None:
    """Raise a TypeError unless this is the class of a component; names in it are looked up where the kit was called."""
    if not (isinstance(cls, type) and issubclass(cls, Component) and issubclass(cls, tuple(FAMILIES.values()))):
        raise TypeError(f"{cls!r} is not a component class; allowed: subclasses of {', '.join(sorted(FAMILIES))}")
    try:
        cls.model_rebuild(_parent_namespace_depth=5)
    except PydanticUndefinedAnnotation as error:
        raise TypeError(f"{cls.__name__} has an option whose type '{error.name}' is not defined at run time") from None
    if cls.model_fields["kind"].is_required():
        raise TypeError(f'{cls.__name__} sets no kind; write: kind: Literal["its-kind"] = "its-kind"')
    if missing := missing_methods(cls):
        raise TypeError(missing)


def full_name(cls: type[Component]) -> str:
    """Return ``family:kind``."""
    return f"{cls.family}:{cls.kind_name()}"


@contextmanager
def temporarily_registered(*classes: type[Component]) -> Iterator[None]:
    """Make the kinds of ``classes`` known, whether or not a plug-in provides them, and restore the registry."""
    active = registry.active()
    unknown = [cls for cls in classes if active.provider_of(cls) is None]
    if unknown:
        active = active.copy()
        active.add(unknown, Provider("conformance-kit", "0"))
    with registry.using(active):
        yield


def make_cases(
    cls: type[Component],
    examples: Sequence[Example] | None,
    input_shape: tuple[int, ...] | None = None,
    tolerance: float = TOLERANCE,
) -> tuple[Case, ...]:
    """Return a case for each example, or for the component with its defaults if there is none."""
    required = [name for name in cls.option_names() if cls.model_fields[name].is_required()]
    if required and not examples:
        hint = f"pass examples, as in examples=[{{{required[0]!r}: ...}}]"
        raise ValueError(f"{full_name(cls)} has options without a default ({', '.join(required)}): {hint}")
    components = []
    for index, example in enumerate(examples or [{}]):
        try:
            components.append(cls.model_validate(dict(example) if isinstance(example, Mapping) else example))
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            path = ".".join(map(str, detail["loc"])) or "the example"
            raise ValueError(f"examples[{index}] of {full_name(cls)}: {path}: {detail['msg']}") from None
    return tuple(Case(cls, component, tuple(components), input_shape, tolerance) for component in components)
