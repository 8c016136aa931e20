"""Files: model files, checkpoints and run folders. A file is written whole or not at all."""
