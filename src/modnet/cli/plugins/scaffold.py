"""A new plug-in, written whole: a distribution with one part that installs and passes its own tests as it stands."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

from modnet.builtin import modnet_components
from modnet.cli.plugins.starters import STARTERS, Starter
from modnet.core.errors import ConfigError
from modnet.core.plugins.validation import KIND
from modnet.core.registry import canonical

__all__ = ["write_plugin"]

_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)
_TAKEN = {"Literal", "Field", "Annotated", "Listener"}

_PYPROJECT = """[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
description = "The {family} {kind} for modnet."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["modnet-framework>={modnet}"]

[project.optional-dependencies]
test = ["pytest>=8.2"]

# The name on the left is nobody else's: it is the distribution's own. The value is the module with the hook.
[project.entry-points.modnet]
{name} = "{module}"

[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]

[tool.pytest.ini_options]
filterwarnings = ["error"]
"""

_MODULE = '''"""The {family} {kind} for modnet."""

{imports}
__all__ = ["{cls}", "modnet_components"]


{body}

@modnet.hookimpl
def modnet_components():
    """Return the parts that this plug-in gives."""
    return [{cls}]
'''

_TEST = '''"""The part, checked by modnet's conformance kit, and found by its name."""

import modnet
from modnet.testing import parametrize_checks

from {module} import {cls}


@parametrize_checks({cls})
def test_it_conforms(check):
    check()


def test_modnet_finds_it():
    assert isinstance(modnet.{base}.resolve("{name}:{kind}"), {cls})
'''

_README = """# {name}

The {family} `{kind}` for modnet.

## Install

```console
pip install .
```

## Use

```toml
{use}
```

`modnet plugins show {family} {kind}` says what it does, and which options it has.

## Check

```console
pip install '.[test]'
python -m pytest
modnet plugins check {name}
```
"""


def write_plugin(name: str, family: str, kind: str | None = None, folder: Path | None = None) -> list[Path]:
    """Write a new distribution into the folder ``name``, and return its files.

    Args:
        name: The distribution's name.
        family: The family of its part.
        kind: The part's kind; None takes it from the name, without a ``modnet-`` at its front.
        folder: Where the new folder is made; None is the current folder.

    Raises:
        ConfigError: a name will not do, or there is such a folder already.
    """
    if not _NAME.fullmatch(name):
        allowed = "letters, digits and . - _ between them"
        raise ConfigError(f"NAME: {name!r} is no name of a distribution; allowed are {allowed}")
    name = canonical(name)
    module = name.replace("-", "_")
    if not module.isidentifier() or keyword.iskeyword(module):
        raise ConfigError(
            f"NAME: '{name}' makes the module '{module}', which Python cannot import; try 'modnet-{name}'"
        )
    if module in sys.stdlib_module_names or module in ("modnet", "modnet_framework"):
        raise ConfigError(f"NAME: '{name}' makes the module '{module}', which there is already; try 'modnet-{name}'")
    kind = name.removeprefix("modnet-") if kind is None else kind
    if not KIND.fullmatch(kind):
        raise ConfigError(f"--kind: {kind!r} is no kind; allowed are lower-case words joined by hyphens")
    if any((part.family, part.kind_name()) == (family, kind) for part in modnet_components()):
        raise ConfigError(f"--kind: the {family} '{kind}' is built in, and nobody takes its name")
    target = (folder or Path()) / name
    if target.exists() or target.is_symlink():
        raise ConfigError(f"{target}: there is something already; a new plug-in needs a folder of its own")
    return _write(target, _files(name, module, family, kind))


def _files(name: str, module: str, family: str, kind: str) -> dict[str, str]:
    from modnet import __version__

    starter: Starter = STARTERS[family]
    cls = "".join(word.capitalize() for word in kind.split("-"))
    cls = f"{cls}{starter.base}" if keyword.iskeyword(cls) or cls in _TAKEN else cls
    words = {
        "name": name,
        "module": module,
        "family": family,
        "kind": kind,
        "cls": cls,
        "base": starter.base,
        "modnet": ".".join(__version__.split(".")[:2]),
        "imports": starter.imports,
        "body": _named(starter.body, cls, kind),
        "use": _named(starter.use, cls, kind),
    }
    return {
        "pyproject.toml": _PYPROJECT.format(**words),
        "README.md": _README.format(**words),
        f"src/{module}/__init__.py": _MODULE.format(**words),
        f"tests/test_{module}.py": _TEST.format(**words),
    }


def _named(text: str, cls: str, kind: str) -> str:
    return text.replace("CLASS", cls).replace("KIND", kind)


def _write(target: Path, files: dict[str, str]) -> list[Path]:
    written = []
    try:
        target.mkdir(parents=True)
        for name, text in files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written: {error.strerror}") from None
    return written
