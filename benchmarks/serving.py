"""A real API process on loopback for as long as it is measured, and one of the same kind that says one thing."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson
import psutil

_START = "import sys; from api import server; from shared.config.settings import load; sys.exit(server.run(load(None)))"
_CONSTANT = (sys.executable, "-m", "benchmarks.constant")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and its process."""

    host: str
    port: int
    process: psutil.Process

    def memory(self) -> int:
        """Bytes of the process and its workers, shared pages counted in parts."""
        return sum(int(one.memory_full_info().pss) for one in (self.process, *self.process.children(recursive=True)))


@contextmanager
def serving(url: str) -> Iterator[Address]:
    """The API on a free port with the database at `url`, ended as a process manager would."""
    with _listening([sys.executable, "-c", _START], {"DATABASE_URL": url}) as address:
        yield address


@contextmanager
def constant(body: bytes) -> Iterator[Address]:
    """The same server, gunicorn with gevent and Flask, whose every answer is this body, whatever is asked."""
    with _listening(
        list(_CONSTANT), {"CONSTANT_BODY": body.decode(), "DATABASE_URL": "postgresql://nobody@/none"}
    ) as address:
        yield address


@contextmanager
def _listening(command: list[str], environment: dict[str, str]) -> Iterator[Address]:
    settings = {"OBSERVATORY_SERVER__PORT": "0", "OBSERVATORY_LOGGING__FORMAT": "json"}
    process = subprocess.Popen(command, env=os.environ | settings | environment, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        found = next(filter(None, map(_address, process.stderr)), None)
        if found is None:
            raise RuntimeError("the server did not start")
        yield Address(*found, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _address(line: bytes) -> tuple[str, int] | None:
    said = orjson.loads(line)
    if said["event"] != "listening":
        return None
    parts = urlsplit(said["url"])
    return str(parts.hostname), int(parts.port or 0)


def connects(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
