"""The outputs of rows that are not trained with, computed where the training is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from modnet.core.interfaces.engine import Rows, length_of, pieces_of
from modnet.data.row_source import ArrayOrSource
from modnet.engines.compiled.programs import Programs
from modnet.engines.compiled.samples import filled_up
from modnet.engines.compiled.state import DeviceState
from modnet.network.network import Vector

__all__ = ["outputs_of"]


def outputs_of(x: ArrayOrSource, programs: Programs, state: DeviceState, most: int) -> Iterator[Vector]:
    """Yield the outputs of rows, piece by piece; while one is read, the next is computed.

    Args:
        x: The rows.
        programs: What computes.
        state: θ, and the layers' states.
        most: How many rows a piece has at most.
    """
    size = min(len(x), most)

    def begin(rows: Rows) -> Any:
        with programs.settings():
            own = np.asarray(x[programs.share.rows(rows, size)])
            data = programs.put_rows({"x": filled_up(own, programs.share.size(size))})
            return programs.call("outputs", (len(data["x"]),), state.carry, state.frozen, data)

    def read(outputs: Any, rows: Rows) -> Vector:
        with programs.settings():
            return np.asarray(outputs)[: length_of(rows)]

    with programs.settings():
        state.take_over()
    begun: list[tuple[Any, Rows]] = []
    for rows in pieces_of(slice(0, len(x)), most):
        begun.append((begin(rows), rows))
        if len(begun) > 1:
            yield read(*begun.pop(0))
    for outputs, rows in begun:
        yield read(outputs, rows)
