"""A TCP relay on loopback in front of a Postgres: what passes may be slowed, swallowed, cut, or lose its answer."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from sqlalchemy import make_url

COMMIT = b"COMMIT\x00"
"""How psycopg ends a transaction on the wire, whichever message carries it."""

_NOTIFICATION = b"A"
_T = TypeVar("_T")


@dataclass
class Manner:
    """How the relay treats what passes; set from any thread, in force at once, also for connections that exist.

    `lost_commits` says how many more commits reach the server while their replies do not reach the client.
    """

    latency_seconds: float = 0.0
    is_black_hole: bool = False
    is_closed: bool = False
    drops_notifications: bool = False
    lost_commits: int = 0


@dataclass(eq=False)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_mute: bool = False
    is_listening: bool = False

    def cut(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()


@dataclass
class Proxy:
    """Relays to the Postgres at `upstream` (a URL; a socket's folder or a host and port) until it is closed."""

    upstream: str
    manner: Manner = field(default_factory=Manner)
    lost_replies: int = 0

    def __enter__(self) -> Self:
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._await(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.manner.is_black_hole = False
        self._await(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The same database through the relay."""
        url = make_url(self.upstream).set(host="127.0.0.1", port=self.port).difference_update_query(["host"])
        return url.render_as_string(hide_password=False)

    def cut(self) -> None:
        """Reset every connection there is."""

        async def cut() -> None:
            for link in tuple(self._links):
                link.cut()

        self._await(cut())

    def _await(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _end(self) -> None:
        """Take no connection more, cut those there are, and let their tasks see that."""
        self._server.close()
        for link in tuple(self._links):
            link.cut()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=5)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.manner.is_closed:
            writer.transport.abort()
            return
        try:
            from_server, to_server = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, to_server)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._requests(link, reader))
                both.create_task(self._replies(link, from_server))
        except* OSError:
            pass  # one side went away, which is what a relay is for
        finally:
            self._links.discard(link)
            link.cut()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        url = make_url(self.upstream)
        folder = url.query.get("host")
        if isinstance(folder, str):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{url.port or 5432}")
        return await asyncio.open_connection(url.host, url.port or 5432)

    async def _requests(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65_536):
            await self._hold()
            link.is_listening |= b"LISTEN " in data
            if COMMIT in data and self.manner.lost_commits > 0:
                self.manner.lost_commits -= 1
                link.is_mute = True
            link.server.write(data)
            await link.server.drain()
        link.cut()

    async def _replies(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65_536):
            await self._hold()
            if link.is_mute:
                self.lost_replies += 1
                break
            if self.manner.drops_notifications and link.is_listening and data.startswith(_NOTIFICATION):
                continue
            link.client.write(data)
            await link.client.drain()
        link.cut()

    async def _hold(self) -> None:
        await asyncio.sleep(self.manner.latency_seconds)
        while self.manner.is_black_hole:  # noqa: ASYNC110 - it is another thread that ends it
            await asyncio.sleep(0.02)
