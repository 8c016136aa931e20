"""A first configuration for a table: what its columns hold, the choices that follow from it, and why."""
