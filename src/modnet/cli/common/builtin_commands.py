"""The commands that are built in; they keep their names whatever is installed."""

from __future__ import annotations

__all__ = ["COMMANDS"]

COMMANDS = {
    "init": "Write a first configuration for a table.",
    "train": "Train a network.",
    "evaluate": "Evaluate a trained network.",
    "predict": "Predict for the rows of a file.",
    "plot": "Plot a run's learning curves, confusion matrix and worst mistakes.",
    "report": "Write an HTML report of a run.",
    "compare": "Compare configurations: optimizers, or all combinations of several settings.",
    "surface": "Plot optimizer trajectories on the cost surface.",
    "dampening": "Diagnose vanishing gradients and suggest a fix.",
    "explain": "Show a network's shapes, its diagram, and how δ is propagated back.",
    "trace": "Trace one sample through feedforward and backpropagation.",
    "verify-resume": "Check that a resumed run reproduces an uninterrupted one.",
    "config": "Check a configuration, fill in its defaults, or print its JSON Schema.",
    "plugins": "List, show, check or create plug-ins.",
    "completion": "Print the script that turns on completion in a shell.",
}
"""Name → a line for the list of commands."""
