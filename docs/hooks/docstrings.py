"""Complete what griffe reads from the source for the generated reference (an extension of griffe).

- An option has no docstring in the code: its description becomes one.
- A method that a component has to implement gets the label ``required``.
- A doctest becomes a code block.
- Attributes that share a description, ``dtype, size: …``, stay together, with their types; griffe would take the second
  for a type.
- A public name in a docstring, such as `modnet.Layer`, becomes a link. A name that the reference does not have is then
  a warning, which fails the build.
"""

from __future__ import annotations

import re
from pydoc import locate
from typing import Any

from griffe import Attribute, Docstring, Extension, Function, Object
from pydantic import BaseModel

_NAME = re.compile(r"(?<![`\[])`(modnet(?:\.\w+)+)`(?!`)")
_NAMES = re.compile(r"^ +\w+(?:, \w+)+(?=: )", re.MULTILINE)
_DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class CompleteDocstrings(Extension):
    def on_attribute_instance(self, *, attr: Attribute, **_: Any) -> None:
        model = locate(attr.parent.path) if attr.parent is not None and attr.parent.is_class else None
        if attr.docstring is None and isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(attr.name)
            if field is not None and field.description:
                first, rest = field.description[0], field.description[1:]  # a Greek letter stays as it is
                attr.docstring = Docstring(f"{first.upper() if first.isascii() else first}{rest}.", parent=attr)

    def on_function_instance(self, *, func: Function, **_: Any) -> None:
        if "abstractmethod" in func.labels:
            func.labels.remove("abstractmethod")
            func.labels.add("required")

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            text = _DOCTEST.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
            text = _NAMES.sub(lambda found: _with_types(obj, found[0]), text)
            obj.docstring.value = _NAME.sub(r"[`\1`][\1]", text)


def _with_types(obj: Object, names: str) -> str:
    members = [obj.members.get(name) for name in names.strip().split(", ")]
    types = dict.fromkeys(str(member.annotation) for member in members if getattr(member, "annotation", None))
    joined = names.replace(", ", ",\N{NO-BREAK SPACE}")
    return f"{joined} ({' and '.join(types)})" if types else joined
