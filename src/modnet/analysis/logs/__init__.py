"""Trainings written to logs such as those of TensorBoard or MLflow: what is written, and when."""
