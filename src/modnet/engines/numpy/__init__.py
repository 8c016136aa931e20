"""The built-in engine: NumPy in this process, with worker threads for large batches."""
