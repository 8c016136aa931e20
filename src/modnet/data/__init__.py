"""Datasets and readers, and how samples and labels become what a network takes."""
