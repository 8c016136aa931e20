"""Files: model files and run folders. What is written appears whole or not at all."""
