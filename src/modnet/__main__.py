"""``python -m modnet`` is the command ``modnet``."""

from modnet.cli import main

if __name__ == "__main__":
    main()
