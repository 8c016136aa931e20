"""The configuration of a run: read, overridden, filled with defaults and written; and its JSON Schema."""
