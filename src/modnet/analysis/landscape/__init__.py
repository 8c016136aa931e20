"""The cost over a plane through parameter space, and the optimizers' trajectories on it."""
