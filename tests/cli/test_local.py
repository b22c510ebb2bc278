"""What `up` claims and checks on this machine before it starts anything."""

import re
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from info_assistant.cli.local import Address, claimed, local_key, require_free
from info_assistant.errors import Conflict, Misconfigured


def test_a_data_folder_serves_one_stack_at_a_time(data_dir: Path) -> None:
    """The second claim is refused with the process that holds the first, and DATA_DIR as a way."""
    with claimed(data_dir):
        second = claimed(data_dir)
        with pytest.raises(Conflict, match=r"process \d+.*DATA_DIR"):
            second.__enter__()
    with claimed(data_dir):
        assert (data_dir / "up.lock").read_text().isdigit()


def test_a_claim_ends_with_its_process_however_that_ends(data_dir: Path) -> None:
    """After `kill -9` of the holder the folder is free at once."""
    program = "import os, pathlib, sys\nfrom info_assistant.cli.local import claimed\n"
    program += "with claimed(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", program, str(data_dir)], check=False)
    assert done.returncode == -9
    with claimed(data_dir):
        assert (data_dir / "up.lock").exists()


def test_a_folder_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    """A data folder below a file is an error about DATA_DIR, not a traceback."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(Misconfigured, match="Set DATA_DIR"),
        claimed(tmp_path / "file" / "data"),
    ):
        pass


def test_the_key_is_made_once_and_for_its_owner_only(data_dir: Path) -> None:
    """The local key is long, stays the same and nobody else can read it."""
    path = data_dir / "key"
    key = local_key(path)
    assert re.fullmatch(r"[\w-]{40,}", key)
    assert local_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in data_dir.iterdir()] == ["key"]


async def test_a_taken_port_names_the_setting_that_moves_it() -> None:
    """The error names the port and the variable."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        address = Address("backend", "127.0.0.1", port, "BACKEND_PORT")
        with pytest.raises(Conflict, match=rf"Port {port} .*set BACKEND_PORT"):
            await require_free(address)


async def test_a_free_port_is_accepted(free_port: Callable[[], int]) -> None:
    """A port on which nobody listens is no obstacle, and stays free."""
    port = free_port()
    await require_free(Address("backend", "127.0.0.1", port, "BACKEND_PORT"))
    with socket.create_server(("127.0.0.1", port)) as server:
        assert server.getsockname()[1] == port


async def test_an_address_of_another_machine_is_refused() -> None:
    """Listening where this machine is not is an error about the setting."""
    address = Address("vector store", "192.0.2.1", 6333, "QDRANT_URL")
    with pytest.raises(Misconfigured, match="QDRANT_URL"):
        await require_free(address)
