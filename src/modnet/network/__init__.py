"""The network: its parameters θ as one vector, prediction, evaluation, and the table of its shapes."""
