"""Parquet files: tables to train with, copied once to a file that is mapped into memory."""
