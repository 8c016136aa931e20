"""The pictures of what a run reached: learning curves, confusion matrix or fit, and the worst mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modnet.analysis.plots.confusion_matrix import confusion_picture
from modnet.analysis.plots.figure import Picture, drawn
from modnet.analysis.plots.learning_curves import curves_picture
from modnet.analysis.plots.prediction_error import fit_picture
from modnet.analysis.plots.worst_samples import mistakes_picture
from modnet.analysis.results.results import Results
from modnet.core.errors import ConfigError

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
