"""Which names we answer to and which sites' pages may act here: against DNS rebinding and cross-site requests."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from shared.config.settings import ServerSettings

_OUR_OWN = frozenset({"localhost", "127.0.0.1", "::1"})


def is_host_allowed(server: ServerSettings, host: str) -> bool:
    """Whether a `Host` header names us.

    An address (not a name) is accepted where we listen on all addresses: no DNS record leads a browser to it under
    another name, which is what the check is about.
    """
    name = host_name(host)
    if name is None:
        return False
    known = {server.host, urlsplit(server.base_url).hostname, *server.allowed_hosts}
    if name in _OUR_OWN or name in {host_name(value) for value in known if value}:
        return True
    return _is_wildcard(server.host) and _is_address(name)


def is_origin_allowed(server: ServerSettings, origin: str, host: str, scheme: str) -> bool:
    """Whether a page of this origin may change something here or open a socket: ours, or a configured one."""
    allowed = {_origin(value) for value in (server.base_url, *server.allowed_origins)}
    return origin.lower() in allowed | {f"{scheme}://{host}".lower()}


def is_published(server: ServerSettings) -> bool:
    """Whether others than this machine's users can reach us: bound elsewhere, behind a proxy, or by another name."""
    public_name = urlsplit(server.base_url).hostname or ""
    is_named_elsewhere = public_name not in _OUR_OWN and not _is_loopback(public_name)
    return not server.is_loopback or server.trusted_proxies > 0 or is_named_elsewhere


def host_name(host: str) -> str | None:
    """The name in `name`, `name:port`, `[address]:port`; None when there is none to be read."""
    text = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
    try:
        parts = urlsplit(f"//{text}")
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return None
    is_plain = not (parts.path or parts.query or parts.fragment or parts.username)
    return parts.hostname if is_plain and port_is_fine else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _is_wildcard(host: str) -> bool:
    return _is_address(host) and ip_address(host.strip("[]")).is_unspecified


def _is_loopback(name: str) -> bool:
    return _is_address(name) and ip_address(name).is_loopback


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
