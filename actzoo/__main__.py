"""Run the command line with `python -m actzoo`."""

from actzoo.cli import main

if __name__ == "__main__":
    main()
