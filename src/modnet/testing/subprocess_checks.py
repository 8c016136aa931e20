"""The checks that need a fresh interpreter: what importing a component does, and whether it can be pickled."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from functools import cache
from typing import Any

from modnet.testing.case import Case
from modnet.testing.report import FailedError, NoteError, SkippedError, require

# What the module of a component may import only inside the function that needs it.
HEAVY = (
    "IPython", "PIL", "cupy", "cv2", "jax", "matplotlib", "numba", "pandas", "plotly", "polars", "pyarrow", "rich",
    "scipy", "seaborn", "sklearn", "sympy", "tensorflow", "torch", "transformers",
)  # fmt: skip
MARK = "\0conformance "
_IMPORT = f"""
import importlib, sys
before, module = set(sys.modules), sys.stdin.read()
importlib.import_module(module)
print({MARK!r} + " ".join(set(sys.modules) - before), flush=True)
"""
_PICKLE = f"""
import pickle, sys
copy = pickle.loads(bytes.fromhex(sys.stdin.read()))
print({MARK!r} + pickle.dumps(copy).hex(), flush=True)
"""


def light_import(case: Case) -> None:
    """Check that importing its module in a fresh interpreter prints nothing and imports no heavy package."""
    module = case.cls.__module__
    if module == "__main__":
        raise SkippedError("the component is in __main__, which cannot be imported")
    imported, printed = _run(_IMPORT, module)
    if imported is None:
        missing = _missing_module(printed)
        if missing and f"{module}.".startswith(f"{missing}."):
            raise SkippedError(f"{module} cannot be imported on its own")
        raise FailedError(f"importing {module} in a fresh interpreter failed: {printed}")
    heavy = ", ".join(name for name in HEAVY if name in imported.split())
    require(not heavy, f"importing {module} imports {heavy}; import it inside the function that needs it")
    require(not printed, f"importing {module} should print nothing, got: {printed}")


def picklable(case: Case) -> None:
    """Check that an unpickled component is equal, also in a fresh interpreter; a note if its class is local."""
    if not _is_importable(case.cls):
        _pickle(case, [component.__getstate__() for component in case.examples])
        raise NoteError(f"{case.cls.__qualname__} is not defined at the top of a module: only its options were pickled")
    data = _pickle(case, case.examples)
    _require_equal(case, data, "in this process")
    copy, printed = _run(_PICKLE, data.hex())
    if copy is not None:
        _require_equal(case, bytes.fromhex(copy), "in a fresh interpreter")
    elif missing := _missing_module(printed):
        raise NoteError(f"was only unpickled in this process: a fresh interpreter has no module '{missing}'")
    else:
        raise FailedError(f"{case.cls.__name__} cannot be unpickled in a fresh interpreter: {printed}")


def _pickle(case: Case, value: Any) -> bytes:
    try:
        return pickle.dumps(value)
    except Exception as error:  # whatever pickle raises
        raise FailedError(f"{case.cls.__name__} cannot be pickled: {type(error).__name__}: {error}") from None


def _require_equal(case: Case, data: bytes, where: str) -> None:
    for component, copy in zip(case.examples, pickle.loads(data), strict=True):  # noqa: S301 -- pickled just now
        same = type(copy) is type(component) and copy == component
        require(same, f"unpickled {where}, {component!r} became {copy!r}")


def _is_importable(cls: type) -> bool:
    value: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        value = getattr(value, name, None)
    return value is cls and cls.__module__ != "__main__"


def _missing_module(printed: str) -> str | None:
    error = re.match(r"ModuleNotFoundError: No module named '([^']+)'", printed)
    return error[1] if error else None


@cache
def _run(code: str, text: str) -> tuple[str | None, str]:
    """Return what a fresh interpreter prints after the mark, and what else; or None and the error if it fails."""
    paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100 -- '' is the current folder
    try:
        done = subprocess.run(  # noqa: S603 -- this interpreter, our own code
            [sys.executable, "-c", code],
            input=text,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, "no result after 120 seconds"
    before, mark, result = done.stdout.partition(MARK)
    if not mark:
        return None, (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return result.partition("\n")[0], " ".join((before + done.stderr).split())[-200:]
