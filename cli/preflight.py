"""What can be known to go wrong before anything runs, in words with the cure."""

import resource
import socket

import psycopg

from cli.probe import get, reachable
from shared.errors import CannotStart

_ANOTHER_PORT = "Stop that process, or choose another port: server.port in the configuration, or PORT=8081."
OLDEST_SERVER = 150_000
_FEWEST_FILES = 256
OWN_FILES = 512
"""Descriptors a process needs besides its sockets: connections, logs, libraries."""


def raise_file_limit(sockets: int) -> str | None:
    """Raises the limit of open files as far as needed and allowed; a sentence when it stays too low for `sockets`.

    Raises `CannotStart` when it is too low to work at all.
    """
    wanted = sockets + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = _raise_to(wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), soft, hard)
    cure = "raise it (ulimit -n, LimitNOFILE= in a systemd unit) or lower server.max_sockets"
    if soft != resource.RLIM_INFINITY and soft < _FEWEST_FILES:
        raise CannotStart(
            f"This process may open only {soft} files, and needs at least {_FEWEST_FILES}", f"To go on, {cure}."
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        return f"may open {soft} files; server.max_sockets = {sockets} needs {wanted}: {cure}"
    return None


def _raise_to(target: int, soft: int, hard: int) -> int:
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    except (OSError, ValueError):  # macOS refuses more than the kernel's own bound
        return soft
    return target


def check_port(host: str, port: int, *, cure: str = _ANOTHER_PORT) -> None:
    """Raises `CannotStart` when nothing can listen there, saying who does; `cure` is for a port that is taken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotStart(
            f"{host} is no address of this machine ({error.strerror})", "Set server.host, such as 127.0.0.1."
        ) from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except PermissionError as error:
            raise CannotStart(
                f"Port {port} is reserved for privileged processes", "Set server.port to one from 1024 up."
            ) from error
        except OSError as error:
            if is_ours(host, port):
                raise CannotStart(
                    f"Port {port} on {host} is taken{by_whom(port)}: Build Observatory already runs there",
                    f"`observatory status` shows what it does. {cure}",
                ) from error
            holder = _holder(port)
            words = f"process {holder} listens there" if holder else error.strerror
            raise CannotStart(f"Port {port} on {host} cannot be used: {words}", cure) from error


def free_port(host: str, wanted: int = 0) -> int:
    """The wanted port if it is free, else one the kernel chooses."""
    try:
        check_port(host, wanted)
    except CannotStart:
        wanted = 0
    if wanted:
        return wanted
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])


def check_database(url: str, *, oldest: int = OLDEST_SERVER) -> None:
    """Raises `CannotStart` when the user's own database cannot be reached or is too old."""
    try:
        with psycopg.connect(_for_libpq(url), connect_timeout=5, autocommit=True) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        words = " ".join(str(error).split())
        raise CannotStart(
            f"The database of DATABASE_URL cannot be reached: {words}",
            "Check the address, that the server runs, and its pg_hba.conf; without DATABASE_URL a private one is used.",
        ) from error
    if version < oldest:
        raise CannotStart(
            f"The database of DATABASE_URL is PostgreSQL {version // 10_000}, which is too old",
            f"Use PostgreSQL {oldest // 10_000} or newer; without DATABASE_URL a private one is used.",
        )


def _for_libpq(url: str) -> str:
    return "postgresql://" + url.split("://", 1)[1] if "://" in url else url


def is_ours(host: str, port: int) -> bool:
    """Whether an API of Build Observatory answers there."""
    status, body = get(reachable(host), port, "/api/docs", seconds=3.0)  # which no server of ours wants a key for
    return status == 200 and b"Build Observatory" in body


def by_whom(port: int) -> str:
    """` by process 7 (python)`, as far as this account may see who listens on the port; else nothing."""
    holder = _holder(port)
    return f" by process {holder}" if holder else ""


def _holder(port: int) -> str | None:
    import psutil  # noqa: PLC0415  (only for the words of a failure)

    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
            return f"{connection.pid} ({psutil.Process(connection.pid).name()})"
    return None
