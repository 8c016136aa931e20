"""modnet: a feedforward neural network in which every part has a name and every name can be swapped.

The public names stand in ``__init__.pyi``; each is imported when it is first used, so that ``import modnet`` is quick.
"""

import lazy_loader

from modnet.core import presentation, registry

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def _discover() -> registry.Registry:
    from modnet.core.plugins.discovery import discover  # plug-ins are looked for when a part is first named, not before

    return discover()


def _find_views() -> presentation.Views:
    from modnet.analysis.report import run_views  # which draws, and so stands above what trains

    return run_views


registry.set_source(_discover)
presentation.set_source(_find_views)
