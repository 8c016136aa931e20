"""The checks of every part, whatever its family: its name, its options, its description, its text form."""

from __future__ import annotations

import inspect
import json
import re
import tomllib

import tomli_w
from pydantic import ValidationError

from modnet.testing.case import Case
from modnet.testing.report import FailedError

__all__ = ["documented", "dump_and_load", "frozen", "kind_form", "options_described", "unknown_options_refused"]

KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
OPTION = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
UNKNOWN = "no_such_option"


def kind_form(case: Case) -> None:
    """Check that the kind is lower-case words joined by hyphens, and the class takes no other."""
    kind = case.cls.kind_name()
    if not KIND.fullmatch(kind):
        raise FailedError(f"the kind {kind!r} should be lower-case words joined by hyphens")
    try:
        case.cls.model_validate({**case.options(), "kind": f"{kind}-of-another-part"})
    except ValidationError:
        return
    raise FailedError(f"the class takes any kind; write: kind: Literal[{kind!r}] = {kind!r}")


def unknown_options_refused(case: Case) -> None:
    """Check that an option that the part does not have is an error that names it."""
    try:
        part = case.cls.model_validate({**case.options(), UNKNOWN: 1})
    except ValidationError as error:
        if not any(UNKNOWN in detail["loc"] for detail in error.errors(include_url=False)):
            raise FailedError(f"{UNKNOWN} = 1 should be refused by its name, got {error.errors()[0]['msg']}") from None
    else:
        raise FailedError(f"{UNKNOWN} = 1 should be refused, got {part!r}")


def options_described(case: Case) -> None:
    """Check that every option has a description, and a name of lower-case words joined by underscores."""
    for name in case.cls.option_names():
        if not OPTION.fullmatch(name):
            raise FailedError(f"the option {name!r} should be named in lower-case words joined by underscores")
        if not (case.cls.model_fields[name].description or "").strip():
            raise FailedError(f"the option '{name}' has no description; give it one: Field(..., description=...)")


def documented(case: Case) -> None:
    """Check that the class has a docstring of its own."""
    text = vars(case.cls).get("__doc__") or ""
    first = inspect.cleandoc(text).partition("\n")[0].strip()
    if not first:
        raise FailedError(f"{case.cls.__name__} has no docstring; its first line should be the formula")
    if any(text == vars(base).get("__doc__") for base in case.cls.__mro__[1:]):
        raise FailedError(f"{case.cls.__name__} has the docstring of its base class: {first!r}")


def dump_and_load(case: Case) -> None:
    """Check that written as a configuration says it, in TOML and in JSON, and read by its kind, it is the same."""
    plain = case.part.to_config()
    try:
        toml = tomllib.loads(tomli_w.dumps({"part": plain}))["part"]
    except (TypeError, ValueError) as error:
        raise FailedError(f"{plain!r} cannot be written as TOML: {error}") from None
    for form, value in (("plain", plain), ("TOML", toml), ("JSON", json.loads(json.dumps(plain)))):
        try:
            again = case.family.resolve(value)
        except (ValidationError, ValueError) as error:
            reason = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else error
            raise FailedError(f"its {form} form {value!r} should be taken again, got: {reason}") from None
        if type(again) is not case.cls or again != case.part:
            raise FailedError(f"its {form} form {value!r} should give {case.part!r}, got {again!r}")


def frozen(case: Case) -> None:
    """Check that it cannot be changed, has a hash, and equals a part with the same options."""
    part = case.part
    for name in ("kind", *case.cls.option_names(), "something_new"):
        value = getattr(part, name, 1)
        try:
            setattr(part, name, value)
        except (ValidationError, ValueError, AttributeError, TypeError):
            continue
        raise FailedError(f"'{name}' could be set; keep frozen=True, and nothing on the part")
    twin = case.twin()
    try:
        same = part == twin and hash(part) == hash(twin)
    except TypeError as error:
        raise FailedError(f"has no hash: {error}; use tuples instead of lists in options") from None
    if not same:
        raise FailedError(f"a part with the same options should be equal, with an equal hash: {part!r} and {twin!r}")
