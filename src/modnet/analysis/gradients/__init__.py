"""How gradients pass through a network: vanishing gradients, what causes them, and what would help."""
