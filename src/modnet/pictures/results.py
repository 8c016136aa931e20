"""The pictures of what a run reached: learning curves, confusion matrix or fit, and the worst mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modnet.errors import ConfigError
from modnet.insight.results import Results
from modnet.pictures.confusion import confusion_picture
from modnet.pictures.curves import curves_picture
from modnet.pictures.fit import fit_picture
from modnet.pictures.mistakes import mistakes_picture
from modnet.pictures.picture import Picture, drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["picture", "pictures_of"]


def picture(results: Results) -> Figure:
    """Return a figure with all pictures of these results below each other.

    Raises:
        ConfigError: matplotlib is not installed, or there is nothing to draw.
    """
    pictures = pictures_of(results)
    if not pictures:
        raise ConfigError(f"{results.run}: there is nothing to draw: no epoch, and no mistake")
    return drawn(pictures)


def pictures_of(results: Results) -> list[Picture]:
    """Return the pictures that there are of these results, in the order in which they are read."""
    made = (each(results) for each in (curves_picture, confusion_picture, fit_picture, mistakes_picture))
    return [picture for picture in made if picture is not None]
