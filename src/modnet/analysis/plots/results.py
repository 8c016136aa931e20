"""The pictures of a run's results: learning curves, confusion matrix or prediction error, and the worst mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modnet.analysis.plots.confusion_matrix import confusion_picture
from modnet.analysis.plots.figure import Picture, render
from modnet.analysis.plots.learning_curves import curves_picture
from modnet.analysis.plots.prediction_error import prediction_error_picture
from modnet.analysis.plots.worst_samples import mistakes_picture
from modnet.analysis.results.results import Results
from modnet.core.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["result_pictures", "results_figure"]


def results_figure(results: Results) -> Figure:
    """Return a figure with all pictures of these results below each other.

    Raises:
        ConfigError: matplotlib is not installed, or there is nothing to draw.
    """
    pictures = result_pictures(results)
    if not pictures:
        raise ConfigError(f"{results.run.source}: there is nothing to draw: no epoch, and no mistake")
    return render(pictures)


def result_pictures(results: Results) -> list[Picture]:
    """Return the pictures that there are of these results, in the order in which they are read."""
    makers = (curves_picture, confusion_picture, prediction_error_picture, mistakes_picture)
    return [picture for make in makers if (picture := make(results)) is not None]
