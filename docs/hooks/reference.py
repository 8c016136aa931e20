"""Generate the reference of the configuration, the components and the commands when the site is built.

A page contains ``<!-- reference: NAME -->`` on a line of its own; NAME is one of ``run``, ``network``,
``overview``, ``parts``, ``commands`` and ``trace``.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from mkdocs.exceptions import PluginError

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))  # the tree that this site belongs to

import click
from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo

import modnet
from modnet.builtin import modnet_components
from modnet.cli.common.builtin_commands import COMMANDS
from modnet.config.run_config import NetworkConfig, RunConfig
from modnet.core.component import Auto, Component, Model
from modnet.core.interfaces import FAMILIES, Optimizer, UpdateRule

_MARK = re.compile(r"^<!-- reference: (\w+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    def fill(mark: re.Match[str]) -> str:
        if mark[1] not in _SECTIONS:
            known = ", ".join(_SECTIONS)
            raise PluginError(f"{page.file.src_uri}: no reference is called {mark[1]!r}; there are {known}")
        return _SECTIONS[mark[1]]()

    return _MARK.sub(fill, markdown)


def run_keys() -> str:
    return _options(RunConfig)


def network_keys() -> str:
    return _options(NetworkConfig)


def overview() -> str:
    """Return a table of the built-in components of every family."""
    rows = []
    for family in FAMILIES:
        kinds = (f"[`{part.kind_name()}`](#{_anchor(family, part)})" for part in _parts(family))
        rows.append((f"[{family}](#{_anchor(family)})", ", ".join(kinds)))
    return _table(("family", "kinds"), rows)


def parts() -> str:
    """Return a section for every family, with its built-in components: formula, source and options."""
    return "\n\n".join(text for family in FAMILIES for text in _family(family))


def commands() -> str:
    """Return, for every command, its usage, what it does, and its options."""
    sections = []
    for name in COMMANDS:
        command: click.Command = importlib.import_module(f"modnet.cli.{name.replace('-', '_')}").command
        inner = command.commands if isinstance(command, click.Group) else {}
        sections += [_command(f"{name} {word}", sub) for word, sub in inner.items()] or [_command(name, command)]
    return "\n\n".join(sections)


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"modnet {name}")
    usage = " ".join(["modnet", name, *command.collect_usage_pieces(context)])
    options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    rows = [(f"`{_cell(option)}`", _cell(_escaped(meaning))) for option, meaning in records]
    text = _escaped(inspect.cleandoc(command.help or ""))
    return f"### modnet {name}\n\n`{usage}`\n\n{text}\n\n{_table(('option', 'meaning'), rows)}"


def trace() -> str:
    """Return the trace of the sample that the page on backpropagation works out by hand."""
    net = modnet.NeuralNetwork([2, 2, 1])
    net.weights = [[[0.5, -0.5], [1.0, 0.25]], [[1.0, -1.0]]]
    net.biases = [[0.0, -0.5], [0.25]]
    return modnet.trace_markdown(modnet.trace(net.network, [1.0, 0.5], [1.0]), "The trace", heading="##")


_SECTIONS: dict[str, Callable[[], str]] = {
    "run": run_keys,
    "network": network_keys,
    "overview": overview,
    "parts": parts,
    "commands": commands,
    "trace": trace,
}


def _parts(family: str) -> list[type[Component]]:
    return [part for part in modnet_components() if part.family == family]


def _family(family: str) -> Iterator[str]:
    base = FAMILIES[family]
    yield f"## {_anchor(family).replace('-', ' ').capitalize()} {{ #{_anchor(family)} }}"
    yield _sentences(base)
    shared = [name for name in base.option_names() if name in base.__annotations__ and _same_default(base, name)]
    if shared:
        yield f"Every {family} has these options:"
        yield _options(base, shared)
    for part in _parts(family):
        yield f"### {part.kind_name()} {{ #{_anchor(family, part)} }}"
        yield _sentences(part)
        if issubclass(part, UpdateRule):
            rate = "that of `rule`" if isinstance(part.usual_rate, property) else part.usual_rate
            yield f"Usual learning rate: {rate}."
        own = [name for name in part.option_names() if name not in shared]
        if own:
            yield _options(part, own)
        elif not issubclass(part, Optimizer) and not shared:
            yield "No options."


def _same_default(base: type[Component], name: str) -> bool:
    """Return whether all parts have an option's default from the base class of their family."""
    default = base.model_fields[name].default
    return all(part.model_fields[name].default == default for part in _parts(base.family))


def _anchor(family: str, part: type[Component] | None = None) -> str:
    return f"{family}-{part.kind_name()}" if part else f"{family}s"


def _options(model: type[Model], names: list[str] | None = None) -> str:
    fields = {name: model.model_fields[name] for name in names or model.option_names()}
    rows = [
        (f"`{name}`", _type(field.annotation, field.metadata), _default(model, name), _cell(field.description))
        for name, field in fields.items()
        if field.description
    ]
    missing = [name for name, field in fields.items() if not field.description]
    if missing:
        raise PluginError(f"{model.__name__}: these options have no description: {', '.join(missing)}")
    return _table(("option", "value", "default", "meaning"), rows)


def _type(annotation: Any, metadata: list[Any] | None = None) -> str:
    """Return a description of the values of a field."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], list(arguments[1:]))
    if any(isinstance(mark, Auto) for mark in metadata or []):
        return f'{_type(annotation, [mark for mark in metadata if not isinstance(mark, Auto)])} or `"auto"`'
    if origin in (Union, types.UnionType):
        return " or ".join(_type(a, metadata) for a in arguments if a is not type(None))
    if origin is Literal:
        return ", ".join(f'`"{value}"`' for value in arguments)
    if origin is tuple:
        inner = arguments[0]
        if get_origin(inner) is tuple:  # pairs of a name and a value
            return f"a table of {_several(get_args(inner)[1])}"
        least = "".join(f", at least {mark.min_length}" for mark in metadata or [] if isinstance(mark, MinLen))
        return f"a list of {_several(inner)}{least}"
    if origin is dict:
        return f"a table of {_several(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Component):
        article = "an" if annotation.family[0] in "aeio" else "a"
        return f"{article} [{annotation.family}](parts.md#{_anchor(annotation.family)})"
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return "a table"
    words = {int: "integer", float: "number", bool: "`true` or `false`", str: "text"}
    return f"{words[annotation]}{_bounds(metadata or [])}"


def _several(annotation: Any) -> str:
    """Return a description of the values in a list or a table."""
    part = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if get_origin(part) in (Union, types.UnionType):
        return " or ".join(map(_several, get_args(part)))
    if issubclass(part, Component):
        return f"[{_anchor(part.family)}](parts.md#{_anchor(part.family)})"
    return _type(annotation).replace("integer", "integers").replace("number", "numbers")


def _bounds(metadata: list[Any]) -> str:
    signs: dict[type, Callable[[Any], str]] = {
        Gt: lambda mark: f"> {mark.gt:g}",
        Ge: lambda mark: f"≥ {mark.ge:g}",
        Lt: lambda mark: f"< {mark.lt:g}",
        Le: lambda mark: f"≤ {mark.le:g}",
    }
    marks = [inner for mark in metadata for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    bounds = [signs[type(mark)](mark) for mark in marks if type(mark) in signs]
    return f" {', '.join(bounds)}" if bounds else ""


def _default(model: type[Model], name: str) -> str:
    field = model.model_fields[name]
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        kind = field.annotation
        table = isinstance(kind, type) and issubclass(kind, Model) and not issubclass(kind, Component)
        return "its defaults" if table else "see the meaning"
    if any(isinstance(mark, Auto) for mark in field.metadata):
        return _plain("auto")
    if field.default is None and model is RunConfig:  # None may be written as a word
        return _plain(RunConfig().to_config().get(name))
    return _plain(field.default)


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, tuple):
        return "`[" + ", ".join(_plain(item).strip("`") for item in value) + "]`"
    return f"`{value}`"


def _sentences(documented: Any) -> str:
    """Return a docstring as Markdown; characters of formulas that have a meaning in Markdown are escaped."""
    return "\n".join(_escaped(line) for line in (inspect.getdoc(documented) or "").splitlines())


def _escaped(line: str) -> str:
    pieces = re.split(r"(`+[^`]+`+)", line)
    pieces[::2] = [re.sub(r"([*_|\[\]])", r"\\\1", piece).replace("<", "&lt;") for piece in pieces[::2]]
    return "".join(pieces)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
