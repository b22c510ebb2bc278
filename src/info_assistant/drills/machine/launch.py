"""Becomes another program that ends with the process named first: `launch PARENT PROGRAM WORD…`."""

import os
import sys

from info_assistant.resilience.parentage import end_with_parent


def main() -> None:
    """Tie ourselves, then become the program."""
    end_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  Whoever starts us has chosen it.


if __name__ == "__main__":
    main()
