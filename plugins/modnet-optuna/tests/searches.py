"""A search that takes a moment."""

CONFIG = {"epochs": 2, "network": {"layers": [8, 10]}, "data": {"kind": "digits", "validation_share": 0.25}}
"""A network that is trained in some hundredths of a second."""
RATE = {"optimizer.learning_rate": "log:0.1..10"}
