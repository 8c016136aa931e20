"""The plug-in seam: the hooks, the built-ins' own implementation of them, and the discovery of strangers'."""
