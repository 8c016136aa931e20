"""The built-in datasets: the samples in files, or included in modnet."""
