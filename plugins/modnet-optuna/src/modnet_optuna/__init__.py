"""modnet-optuna: search for a configuration with Optuna, in many processes that share a storage.

The public names stand in ``__init__.pyi``; each is imported when it is first used.

So `modnet tune --help` need not import Optuna.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
