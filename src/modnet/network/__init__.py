"""The network: its parameters θ as one vector, prediction, and evaluation by metrics."""
