"""Comparison of configurations: a grid of settings, trained for several seeds and folds, in several processes."""
