"""One sample's way through feedforward and backpropagation, with all numbers."""
