from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# The repository's suite runs whether or not its plug-ins are installed; what is installed goes first.
if importlib.util.find_spec("modnet_sklearn") is None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
sys.path.append(str(Path(__file__).parents[3] / "tests"))  # helpers of the repository's own tests
