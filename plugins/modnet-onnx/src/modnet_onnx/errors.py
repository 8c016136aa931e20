"""The error of an export, which names the part that cannot be traced."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from modnet import ModnetError
from modnet.core import registry
from modnet.core.component import Component
from modnet.core.messages import error_text

__all__ = ["ExportError", "part_name", "tracing"]

_FAMILIES = ("layer", "activation", "cost", "transform")
_UFUNC = "__array_ufunc__"


class ExportError(ModnetError):
    """A network cannot be exported, or the model does not compute what the network does."""


@contextmanager
def tracing(place: str) -> Iterator[None]:
    """Turn any error of the parts that are traced in the block into one line, which names the part.

    Args:
        place: What the line begins with: "layer 2".

    Raises:
        ExportError: a part cannot be traced.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # ndonnx warns where a float64 would be computed in float32
            yield
    except ExportError:
        raise
    except Exception as error:  # whatever a part does with an array that it did not expect
        reason = error_text(error)
        if _UFUNC in reason:
            reason = "it calls a function of NumPy; modnet.namespace(x) has those that belong to an array"
        name = type(error).__name__
        known = isinstance(error, TypeError) and reason.startswith("it ")
        part = _innermost(error.__traceback__)
        raise ExportError(
            f"{place}{f': {part}' if part else ''} cannot be exported: {reason if known else f'{name}: {reason}'}"
        ) from error


def part_name(part: Component) -> str:
    """Return what errors call a component: "the activation 'modnet-activations:mish'"."""
    return f"the {part.family} '{registry.active().full_name(type(part))}'"


def _innermost(traceback: TracebackType | None) -> str:
    """Return the family and kind of the component whose method was called last before an error."""
    found = ""
    while traceback is not None:
        frame = traceback.tb_frame
        owner = frame.f_locals.get(frame.f_code.co_varnames[0]) if frame.f_code.co_argcount else None
        if isinstance(owner, Component) and owner.family in _FAMILIES:
            found = part_name(owner)
        traceback = traceback.tb_next
    return found
