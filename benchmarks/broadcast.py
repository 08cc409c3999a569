"""A bare asyncio broadcast, the measure for the stream: `python -m benchmarks.broadcast`.

Answers the handshake and greets, like `/ws`; every line on stdin (base64) is a frame it writes to all. It has no
database, no filter, no place in a log and no bound.
"""

import asyncio
import base64
import hashlib
import sys

GREETING = b"\x81\x02{}"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
HEADER = b"sec-websocket-key:"


class Everyone(asyncio.Protocol):
    """One connection; `transports` holds all of them."""

    transports: set[asyncio.Transport] = set()  # noqa: RUF012 (shared on purpose)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember it."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the handshake, which comes in one piece; pass over the rest."""
        if not data.startswith(b"GET"):
            return
        key = next(line[len(HEADER) :].strip() for line in data.split(b"\r\n") if line.lower().startswith(HEADER))
        token = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + token + b"\r\n\r\n" + GREETING
        )
        self.transports.add(self.transport)

    def connection_lost(self, _: Exception | None) -> None:
        """Forget it."""
        self.transports.discard(self.transport)


def _broadcast() -> None:
    line = sys.stdin.readline()
    if not line:
        asyncio.get_running_loop().stop()
        return
    frame = base64.b64decode(line)
    for transport in Everyone.transports:
        transport.write(frame)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Everyone, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop.add_reader(sys.stdin, _broadcast)


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_serve())
    loop.run_forever()
