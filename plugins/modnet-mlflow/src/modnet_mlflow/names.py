"""Names and values as MLflow takes them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from modnet.analysis.logs.contents import Plain

__all__ = ["LONGEST_NAME", "LONGEST_TAG", "mlflow_name", "parameters"]

LONGEST_NAME = 250
LONGEST_VALUE = 500
"""Older servers take no longer values of parameters, newer ones 6,000 characters."""
LONGEST_TAG = 5000
"""The same of tags: newer servers take 8,000."""


def mlflow_name(name: str, *, is_taken: bool = False) -> str:
    """Return a name of letters, digits, spaces, and ``_ - .``; one that is too long or taken ends in a digest.

    >>> mlflow_name('data.columns."km/h"')
    'data.columns._km_h_'
    """
    allowed = re.sub(r"[^\w\-. ]", "_", name)
    allowed = "_" if not allowed.strip(". ") else allowed
    if len(allowed) <= LONGEST_NAME and not is_taken:
        return allowed
    return f"{allowed[: LONGEST_NAME - 9]}-{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"


def parameters(config: Mapping[str, Plain]) -> dict[str, str]:
    """Return a flat configuration as the parameters of a run; a value that is too long ends in an ellipsis."""
    found: dict[str, str] = {}
    for key, value in config.items():
        name = mlflow_name(key)
        name = mlflow_name(key, is_taken=True) if name in found else name
        text = value if isinstance(value, str) and value else json.dumps(value)
        found[name] = text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
    return found
