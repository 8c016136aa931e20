"""Plug-ins: the hooks, the entry points that are installed, and the checks of what they return."""
