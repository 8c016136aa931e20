from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# The repository's suite runs whether or not its plug-ins are installed; what is installed goes first.
for name in ("onnx", "activations"):
    if importlib.util.find_spec(f"modnet_{name}") is None:
        sys.path.insert(0, str(Path(__file__).parents[2] / f"modnet-{name}" / "src"))
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[3] / "tests"))  # helpers of the repository's own tests
