"""What people see of a frontend that is told to end while they wait."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE

import httpx2
from tests.web.conftest import Page

PROGRAM = """
import sys
from info_assistant.serving import Ending, Place, listen, serve
from info_assistant.web.app import create_frontend

app = create_frontend(sys.argv[1])
with listen(Place("127.0.0.1", 0, "test", "PORT")) as listener:
    print(listener.getsockname()[1], flush=True)
    serve(app, listener, Ending(0, 1.5), app.state.traffic.drain)
"""


async def test_a_page_that_cannot_be_finished_says_so() -> None:
    """Who waits for an answer when the time is up gets a page with words, and the process ends."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", PROGRAM, f"http://127.0.0.1:{silent.getsockname()[1]}"),
            stdout=PIPE,
        )
        try:
            assert process.stdout is not None
            url = f"http://127.0.0.1:{int(await process.stdout.readline())}"
            async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
                async with asyncio.TaskGroup() as group:
                    asking = group.create_task(client.post("/", data={"question": "How?"}))
                    # The question is on its way to the backend.
                    loop = asyncio.get_running_loop()
                    backend, _ = await asyncio.wait_for(loop.sock_accept(silent), 20)
                    process.send_signal(signal.SIGTERM)
                backend.close()
                response = asking.result()
            assert response.status_code == 503
            assert Page(response).one("h1").text() == "The service is being restarted"
            assert await asyncio.wait_for(process.wait(), 60) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
