"""A plug-in that cannot be imported: what it needs is not there."""

import no_such_module

__all__ = ["no_such_module"]
