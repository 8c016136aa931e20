"""Training: the Trainer, the loop over epochs, checkpoints and resume, callbacks, and the result."""
