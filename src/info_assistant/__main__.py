"""Runs the command line as `python -m info_assistant`."""

from info_assistant.cli.main import main

if __name__ == "__main__":
    main()
