"""The built-in callbacks. A callback is a part with options; its listener is made anew for every training."""
