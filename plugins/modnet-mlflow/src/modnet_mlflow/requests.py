"""How MLflow's client is called: quietly, and without long waits for a server that is down."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quick_and_quiet"]

_SETTINGS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""MLflow's own are 7 retries, for some minutes, and 120 seconds. Those of the user's environment hold, if there are
any."""
_LOUD = "mlflow", "alembic", "urllib3"


@contextmanager
def quick_and_quiet() -> Iterator[None]:
    """Have MLflow give up soon what it cannot do, and say nothing: the error is told once."""
    importlib.import_module("mlflow")  # which sets levels
    given = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    levels = {name: logging.getLogger(name).level for name in _LOUD}
    os.environ.update(given)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # those of its libraries about each other
            yield
    finally:
        for name in given:
            os.environ.pop(name, None)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
