"""``modnet plugins new``: a distribution with one component, or one command, of the files in ``templates/``."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from modnet import __version__
from modnet.builtin import modnet_components
from modnet.cli.common.builtin_commands import COMMANDS
from modnet.cli.common.plugin_commands import COMMAND
from modnet.core.errors import ConfigError
from modnet.core.interfaces import FAMILIES
from modnet.core.registry import KIND, canonical
from modnet.storage.atomic import write_errors

__all__ = ["write_plugin"]

_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)
_TAKEN = {"Literal", "Field", "Annotated", "Listener"}
"""Names that the templates use for something else."""


def write_plugin(name: str, family: str, kind: str | None = None) -> list[Path]:
    """Write a new distribution into the folder ``name``, and return its files.

    Args:
        name: The distribution's name.
        family: The family of its component, or ``command``.
        kind: The component's kind, or the command's name; None takes it from the name, without a leading ``modnet-``.

    Raises:
        ConfigError: a name is not allowed, or the folder exists.
    """
    name, module = _names(name)
    kind = name.removeprefix("modnet-") if kind is None else kind
    if not KIND.fullmatch(kind):
        raise ConfigError(f"--kind: {kind!r} is not a kind; allowed: lower-case words joined by hyphens")
    built_in = {(part.family, part.kind_name()) for part in modnet_components()}
    if (family, kind) in built_in | {(COMMAND, name) for name in COMMANDS}:
        raise ConfigError(f"--kind: the {family} '{kind}' is built in; allowed: another kind")
    target = Path(name)
    if target.exists() or target.is_symlink():
        raise ConfigError(f"{target}: exists already; a new plug-in needs a new folder")
    contents = _contents(name, module, family, kind)
    with write_errors(str(target)):
        for path, text in contents.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text, encoding="utf-8")
    return [target / path for path in contents]


def _names(name: str) -> tuple[str, str]:
    """Return the canonical name of a distribution and of its module.

    Raises:
        ConfigError: one of them is not allowed.
    """
    if not _NAME.fullmatch(name):
        allowed = "letters, digits and . - _ between them"
        raise ConfigError(f"NAME: {name!r} is not a distribution's name; allowed: {allowed}")
    name = canonical(name)
    module = name.replace("-", "_")
    reason = None
    if not module.isidentifier() or keyword.iskeyword(module):
        reason = "which Python cannot import"
    elif module in ("modnet", "modnet_framework", "test", "tests") or module in sys.stdlib_module_names:
        reason = "which exists already"
    elif _is_installed(name, module):
        reason = "which is installed already"
    if reason is not None:
        raise ConfigError(f"NAME: '{name}' needs the module '{module}', {reason}; try 'modnet-{name}'")
    return name, module


def _is_installed(name: str, module: str) -> bool:
    """Return whether a distribution has this name, or a module that the new one would hide."""
    if module in map(str.lower, packages_distributions()):
        return True
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):  # what cannot be looked at is there
        return True
    if spec is not None and spec.origin is not None:  # a mere folder is a namespace without an origin
        return True
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _contents(name: str, module: str, family: str, kind: str) -> dict[str, str]:
    """Return the text of every file of the distribution, by its path."""
    cls = "".join(word.capitalize() for word in kind.split("-"))
    if family in FAMILIES and (keyword.iskeyword(cls) or cls in _TAKEN):
        cls += FAMILIES[family].__name__
    words = {"NAME": name, "MODULE": module, "FAMILY": family, "KIND": kind, "CLASS": cls}
    words["modnet-framework"] = f"modnet-framework>={'.'.join(__version__.split('.')[:2])}"
    of_command = family == COMMAND
    if not of_command:
        words["CONFIG"] = _fill(f"{family}.toml", words).rstrip()
    templates = {
        "pyproject.toml": "command.pyproject.toml" if of_command else "pyproject.toml",
        "README.md": "command.README.md" if of_command else "README.md",
        f"src/{module}/__init__.py": f"{family}.py",
        f"tests/test_{module}.py": "test_command.py" if of_command else "test_component.py",
    }
    return {path: _fill(template, words) for path, template in templates.items()}


def _fill(template: str, words: dict[str, str]) -> str:
    """Return a template's text with its placeholders replaced."""
    text = (files("modnet.cli.plugins") / "templates" / template).read_text(encoding="utf-8")
    return re.sub(rf"\b({'|'.join(words)})\b", lambda match: words[match[1]], text)
