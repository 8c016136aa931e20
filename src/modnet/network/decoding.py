"""From the outputs of a network to classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["predict_codes"]


def predict_codes(outputs: NDArray[Any]) -> NDArray[np.intp]:
    """Return the class that outputs, (samples, units), predict, as an index: the largest, or the second from ½ on."""
    return (outputs[:, 0] >= 0.5).astype(np.intp) if outputs.shape[1] == 1 else np.argmax(outputs, axis=1)
