"""Engines: what computes gradients and makes updates."""
