"""Entry point of `busicli` and of `python -m busicli`."""

from busicli.cli.app import main

if __name__ == "__main__":
    main()
