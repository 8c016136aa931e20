"""What a run reached: its predictions, confusion matrix and learning curves, as numbers and sentences."""
