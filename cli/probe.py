"""One short HTTP GET to our own API, without a client library: the supervisor is to stay small."""

import socket


def get(host: str, port: int, path: str, *, seconds: float = 1.0) -> tuple[int, bytes]:
    """Status and body; status 0 when nobody answers (yet) in time."""
    request = f"GET {path} HTTP/1.0\r\nHost: {_in_url(host)}:{port}\r\nUser-Agent: observatory-up\r\n\r\n"
    answer = b""
    try:
        with socket.create_connection((host, port), timeout=seconds) as connection:
            connection.sendall(request.encode())
            while chunk := connection.recv(65_536):
                answer += chunk
    except OSError:
        return 0, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return (int(words[1]), body) if len(words) > 1 and words[1].isdigit() else (0, b"")


def url_of(host: str, port: int, scheme: str = "http") -> str:
    """The address under which this machine reaches what listens on `host`."""
    return f"{scheme}://{_in_url(reachable(host))}:{port}"


def reachable(host: str) -> str:
    """Listening on every address is not an address to ask."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 (compared, not bound)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
