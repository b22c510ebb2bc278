"""Installs the built wheel into a fresh environment and tries `info-assistant up` from there.

Nothing of the checkout is used: another folder, another home, free ports.
"""

import os
import socket
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from scripts import trial

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Try the one wheel in dist/; return the exit code."""
    wheels = list((ROOT / "dist").glob("*.whl"))
    if len(wheels) != 1:
        print(f"dist/ holds {len(wheels)} wheels, not one: run `make wheel`.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        venv.create(home / "venv", with_pip=True)
        python = home / "venv" / "bin" / "python"
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, str(wheels[0])], check=True, cwd=home)
        inherited = os.environ  # noqa: TID251  A script, not the product.
        environment = {name: value for name, value in inherited.items() if name != "PYTHONPATH"}
        environment.update(_fresh_settings(home))
        command = [str(home / "venv" / "bin" / "info-assistant"), "up", "--verbose"]
        try:
            with trial.running(command, environment, cwd=home):
                trial.ask_everywhere(environment)
        except trial.TrialFailed as failure:
            print(f"The wheel failed its trial: {failure}", file=sys.stderr)
            return 1
        kept = home / ".local" / "share" / "info-assistant"
        if not kept.is_dir():
            print(f"An installed wheel should keep its data in {kept}.", file=sys.stderr)
            return 1
    print("The wheel passed its trial.")
    return 0


def _fresh_settings(home: Path) -> dict[str, str]:
    qdrant, backend, frontend = _free_ports(3)
    return {
        "HOME": str(home),
        "QDRANT_URL": f"http://127.0.0.1:{qdrant}",
        "BACKEND_PORT": str(backend),
        "FRONTEND_PORT": str(frontend),
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    sys.exit(main())
