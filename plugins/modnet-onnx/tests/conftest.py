from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

# The repository's suite runs whether or not its plug-ins are installed; what is installed goes first.
for name in ("onnx", "activations"):
    if importlib.util.find_spec(f"modnet_{name}") is None:
        sys.path.insert(0, str(Path(__file__).parents[2] / f"modnet-{name}" / "src"))
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[3] / "tests"))  # helpers of the repository's own tests


@pytest.fixture
def with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command `modnet export` be there, whether or not this distribution is installed."""
    from modnet.cli.common import plugin_commands
    from modnet.core.plugins.installed import installed
    from modnet.core.registry import Provider

    point = EntryPoint("export", "modnet_onnx.command:command", "modnet.commands")
    others = [pair for pair in installed("modnet.commands") if pair[1].name != "export"]
    pairs = [*others, (Provider("modnet-onnx", "0"), point)]
    monkeypatch.setattr(plugin_commands, "installed", lambda *_: pairs)
