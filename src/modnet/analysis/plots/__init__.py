"""Plots of what `modnet.analysis` computes. They need matplotlib (the extra ``plot``); the numbers do not."""
