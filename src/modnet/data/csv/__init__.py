"""CSV files: tables to train with, and rows to predict for."""
