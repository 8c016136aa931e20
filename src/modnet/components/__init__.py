"""The parts of a network and of its training: the families, and the built-in parts, one file a family."""
