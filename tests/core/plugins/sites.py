"""Folders of distributions as pip leaves them behind, and the sources of valid and broken plug-ins."""

from __future__ import annotations

from itertools import count
from pathlib import Path

COMPONENT = """
from typing import Literal
import modnet

class Part(modnet.Activation):
    kind: Literal["{kind}"] = "{kind}"

    def __call__(self, z):
        return z

    def backward(self, upstream, z, a):
        return upstream
"""


def hook(body: str, name: str = "modnet_components", arguments: str = "") -> str:
    return f"import modnet\n@modnet.hookimpl\ndef {name}({arguments}):\n    {body}\n"


GOOD = COMPONENT + hook("return [Part]")


def activation(kind: str) -> dict[str, object]:
    """Return a configuration that asks for this activation."""
    return {"network": {"layers": [{"kind": "dense", "units": 3, "activation": kind}, 10]}}


class Site:
    """A folder of distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def install(
        self, distribution: str, source: str = "", version: str = "1.2", entry_points: str = "{module}", more: str = ""
    ) -> str:
        """Install a distribution with one module.

        ``entry_points`` is ``VALUE`` or ``NAME = VALUE`` lines, or begins with a group's name in brackets; ``more``
        is more lines of the metadata.
        """
        module = self.write_module(source)
        lines = entry_points.format(module=module)
        lines = lines if "=" in lines else f"{distribution} = {lines}"
        information = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        information.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{more}"
        (information / "METADATA").write_text(metadata, encoding="utf-8")
        (information / "entry_points.txt").write_text(
            f"{'' if lines[0] == '[' else '[modnet]'}\n{lines}\n", encoding="utf-8"
        )
        return module

    def write_module(self, source: str) -> str:
        """Write a module into the folder, and return its name, which no other module has."""
        module = f"modnet_test_plugin_{next(_numbers)}"
        self.modules.append(module)
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        return module


_numbers = count()
