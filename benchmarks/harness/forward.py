"""Passes connections from one port to another on the same machine.

`local-qdrant` serves its own machine only, and in a container that is the container. This stands
beside it and lets others in, so that trials with several containers have a Qdrant; it answers only
who asks for this machine by name, which is put in. Usage: forward.py FROM TO
"""

import asyncio
import sys
from contextlib import suppress

ASKED_FOR, OURS = b"ost: qdrant:6333", b"ost: localhost"


async def main(outer: int, inner: int) -> None:
    """Forward until stopped."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", inner)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, back), copy(there, writer))

    server = await asyncio.start_server(meet, "0.0.0.0", outer)
    async with server:
        await server.serve_forever()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on all that comes, then end the other side."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data.replace(ASKED_FOR, OURS))
            await writer.drain()
    with suppress(OSError):
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
