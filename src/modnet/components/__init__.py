"""The built-in components, one file for each family."""
