"""The checks that need a fresh interpreter: what importing a part does, and whether it can be pickled."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from functools import cache
from typing import Any

from modnet.testing.case import Case
from modnet.testing.report import FailedError, NoteError, SkippedError

__all__ = ["HEAVY", "light_import", "picklable"]

HEAVY = (
    "IPython", "PIL", "cupy", "cv2", "jax", "matplotlib", "numba", "pandas", "plotly", "polars", "pyarrow", "rich",
    "scipy", "seaborn", "sklearn", "sympy", "tensorflow", "torch", "transformers",
)  # fmt: skip
"""What a part's module may import only inside the function that needs it."""

SECONDS = 120
_MARK = "\0conformance "
_IMPORT = """
import importlib, json, sys
module, heavy = sys.argv[1], sys.argv[2].split()
before = set(sys.modules)
try:
    importlib.import_module(module)
    error = None
except ModuleNotFoundError as missing:
    error = missing.name
found = [name for name in heavy if name in sys.modules and name not in before]
print("\\0conformance " + json.dumps({"missing": error, "heavy": found}), flush=True)
"""
_PICKLE = """
import base64, json, pickle, sys
results = []
for text in sys.stdin.read().split():
    try:
        part = pickle.loads(base64.b64decode(text))
        results.append({"again": base64.b64encode(pickle.dumps(part)).decode()})
    except ModuleNotFoundError as error:
        results.append({"missing": error.name})
    except Exception as error:  # whatever the module does when it is imported
        results.append({"error": type(error).__name__ + ": " + str(error)})
print("\\0conformance " + json.dumps(results), flush=True)
"""


def light_import(case: Case) -> None:
    """Check that in a fresh interpreter, importing its module is silent and brings in none of the heavy packages."""
    module = case.cls.__module__
    if module == "__main__":
        raise SkippedError("the part is in __main__, which cannot be imported")
    found, printed = _imported(module)
    missing = found.get("missing")
    if missing is not None and (module == missing or module.startswith(f"{missing}.")):
        raise SkippedError(f"{module} cannot be imported on its own")
    if missing is not None:
        raise FailedError(f"importing {module} failed: no module named {missing!r}")
    if found.get("heavy"):
        raise FailedError(
            f"importing {module} brings in {', '.join(found['heavy'])}; import it inside the function that needs it"
        )
    if printed:
        raise FailedError(f"importing {module} should be silent, got: {printed}")


def picklable(case: Case) -> None:
    """Check that pickled and read in a fresh interpreter, it is the same; a note where its class is only local."""
    if not _is_importable(case.cls):
        for part in case.examples:
            _pickled(part, part.__getstate__())
        raise NoteError(f"{case.cls.__qualname__} is no module's own class: only its options were pickled")
    texts = []
    for part in case.examples:
        data = _pickled(part, part)
        _same(part, data, "in this process")
        texts.append(base64.b64encode(data).decode())
    results, printed = _run(_PICKLE, [], "\n".join(texts))
    if results is None:
        raise FailedError(f"a fresh interpreter could not read it: {printed}")
    for part, result in zip(case.examples, results, strict=True):
        if "missing" in result:
            raise NoteError(
                f"was pickled in this process only: a fresh interpreter has no module {result['missing']!r}"
            )
        if "error" in result:
            raise FailedError(f"{part!r} could not be read in a fresh interpreter: {result['error']}")
        _same(part, base64.b64decode(result["again"]), "in a fresh interpreter")


def _pickled(part: Any, value: Any) -> bytes:
    try:
        return pickle.dumps(value)
    except Exception as error:  # pickle raises whatever it meets
        raise FailedError(f"{part!r} cannot be pickled: {type(error).__name__}: {error}") from None


def _same(part: Any, data: bytes, where: str) -> None:
    again = pickle.loads(data)  # noqa: S301 -- what was pickled just now
    if type(again) is not type(part) or again != part:
        raise FailedError(f"pickled and read {where}, {part!r} became {again!r}")


def _is_importable(cls: type) -> bool:
    found: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls and cls.__module__ != "__main__"


@cache
def _imported(module: str) -> tuple[dict[str, Any], str]:
    found, printed = _run(_IMPORT, [module, " ".join(HEAVY)], "")
    if found is None:
        raise FailedError(f"importing {module} in a fresh interpreter failed: {printed}")
    return found, printed


def _run(code: str, arguments: list[str], text: str) -> tuple[Any, str]:
    """Return what a fresh interpreter found, or None, and the end of what it printed beside it."""
    paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100 -- '' is the current folder
    try:
        done = subprocess.run(  # noqa: S603 -- this interpreter, our own code
            [sys.executable, "-c", code, *arguments],
            input=text,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"no end after {SECONDS} seconds"
    before, mark, after = done.stdout.partition(_MARK)
    printed = " ".join((before + done.stderr).split())[-200:]
    return (json.loads(after.partition("\n")[0]) if mark else None), printed
