"""What the commands share: options, the source that they work on, and output."""
