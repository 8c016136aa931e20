"""A sample as Markdown: those of its inputs that are not 0, and its image in characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from modnet.analysis.summary import lowered
from modnet.data.table import cell_text
from modnet.network.network import Vector

__all__ = ["sample_markdown"]

_LISTED = 24
"""The most inputs that are listed."""
_WIDEST = 40
"""The most rows and columns of an image that is shown."""
_SHADES = "·░▒▓█"


def sample_markdown(x: Vector, listed: bool, image: Sequence[int] | None) -> Iterator[str]:
    """Yield blocks of Markdown: the inputs that are not 0, if they are to be listed, and the image, if it is one.

    Args:
        x: The sample.
        listed: Whether to list its inputs.
        image: The rows and columns, perhaps with colours, if it is an image.
    """
    if listed:
        values, places = x.ravel(), np.flatnonzero(x)
        pairs = [f"x{lowered(place + 1)} = {cell_text(values[place])}" for place in places.tolist()]
        if len(pairs) > _LISTED:
            pairs[_LISTED - 2 : -1] = ["…"]
        yield f"{len(places):,} of the {values.size:,} inputs are not 0{': ' if pairs else '.'}{', '.join(pairs)}"
    if image is not None and max(image[:2]) <= _WIDEST:
        pixels = x.reshape(*image[:2], -1).mean(axis=2)
        shades = (pixels - pixels.min()) / (np.ptp(pixels) or 1.0) * (len(_SHADES) - 1)
        rows = ("".join(2 * _SHADES[shade] for shade in row) for row in shades.round().astype(int).tolist())
        yield "The sample as an image, in shades from its least number to its largest:"
        yield "\n".join(["```text", *rows, "```"])
