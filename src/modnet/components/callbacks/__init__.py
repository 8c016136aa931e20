"""The built-in callbacks. A callback is a component with options; it makes a new listener for every training."""
