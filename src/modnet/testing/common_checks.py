"""The checks of every component, whatever its family: its kind, its options, its docstring, its text form."""

from __future__ import annotations

import inspect
import json
import re
import tomllib

import tomli_w
from pydantic import ValidationError

from modnet.core.interfaces import FAMILIES
from modnet.core.registry import KIND
from modnet.testing.case import Case
from modnet.testing.report import FailedError, require

WORDS = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")  # the form of an option's name and of a metric's label
UNKNOWN = "no_such_option"


def kind_format(case: Case) -> None:
    """Check that the kind is lower-case words joined by hyphens, and the class accepts no other kind."""
    kind = case.cls.kind_name()
    require(KIND.fullmatch(kind), f"the kind {kind!r} should be lower-case words joined by hyphens")
    try:
        case.cls.model_validate({**case.options(), "kind": f"{kind}-of-another-component"})
    except ValidationError:
        return
    raise FailedError(f"the class accepts any kind; write: kind: Literal[{kind!r}] = {kind!r}")


def documented(case: Case) -> None:
    """Check that the class has a docstring of its own."""
    name, docstring = case.cls.__name__, vars(case.cls).get("__doc__") or ""
    inherited = [vars(base).get("__doc__") for base in case.cls.__mro__[1:]]
    require(docstring.strip(), f"{name} has no docstring; its first line should be the formula")
    require(docstring not in inherited, f"{name} has the docstring of its base class: {inspect.cleandoc(docstring)!r}")


def options_described(case: Case) -> None:
    """Check that every option has a description, and a name of lower-case words joined by underscores."""
    for name in case.cls.option_names():
        description = case.cls.model_fields[name].description or ""
        require(WORDS.fullmatch(name), f"the option {name!r} should be lower-case words joined by underscores")
        require(description.strip(), f"the option '{name}' has no description; add one: Field(..., description=...)")


def unknown_options_refused(case: Case) -> None:
    """Check that an unknown option is an error that names it."""
    try:
        component = case.cls.model_validate({**case.options(), UNKNOWN: 1})
    except ValidationError as error:
        details = error.errors(include_url=False)
        named = any(UNKNOWN in detail["loc"] for detail in details)
        require(named, f"{UNKNOWN} = 1 should be refused by its name, got: {details[0]['msg']}")
    else:
        raise FailedError(f"{UNKNOWN} = 1 should be refused, got {component!r}")


def dump_and_load(case: Case) -> None:
    """Check that an equal component is loaded from its configuration, written as TOML and as JSON."""
    config = case.component.to_config()
    try:
        toml = tomllib.loads(tomli_w.dumps({"component": config}))["component"]
    except (TypeError, ValueError) as error:
        raise FailedError(f"{config!r} cannot be written as TOML: {error}") from None
    for form, value in (("plain", config), ("TOML", toml), ("JSON", json.loads(json.dumps(config)))):
        try:
            loaded = FAMILIES[case.cls.family].resolve(value)
        except ValueError as error:
            reason = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else error
            raise FailedError(f"its {form} form {value!r} should be accepted, got: {reason}") from None
        equal = type(loaded) is case.cls and loaded == case.component
        require(equal, f"its {form} form {value!r} should give {case.component!r}, got {loaded!r}")


def frozen(case: Case) -> None:
    """Check that the component is immutable and hashable, and equals one with the same options."""
    component, copy = case.component, case.copy().component
    for name in ("kind", *case.cls.option_names(), "new_attribute"):
        try:
            setattr(component, name, getattr(component, name, 1))
        except (ValueError, AttributeError, TypeError):
            continue
        raise FailedError(f"'{name}' could be set; keep frozen=True, and store nothing on the component")
    try:
        equal = component == copy and hash(component) == hash(copy)
    except TypeError as error:
        raise FailedError(f"has no hash: {error}; use tuples instead of lists in options") from None
    require(equal, f"should equal a component with the same options, and have its hash: {component!r}, {copy!r}")
