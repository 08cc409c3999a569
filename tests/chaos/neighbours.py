"""Installations beside the simulated ones that are watched too: trusted or not, and at names that lead astray."""

import socketserver
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.chaos.certificates import Authority, Certificate
from tests.loopback import Loopback, reply

FLIPPING = "ci.observatory.test"
UNKNOWN = "ci.observatory.invalid"

_SECTION = """
[[providers]]
kind = "github"
name = "{name}"
base_url = "{url}"
token_env = "PATH"
watch = ["acme/web"]
{more}
"""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Their `[[providers]]` sections, by the neighbour's name the servers that hear what it was asked, and where the
    names that only the drill knows lead at first."""

    sections: str = ""
    servers: Mapping[str, Loopback] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def heard(self, name: str) -> int:
        """How many requests a neighbour got; each brought a credential."""
        return len(self.servers[name].heard)


def untrusted(ending: ExitStack) -> Neighbours:
    """Four whose encryption is not to be believed, and one like them that is."""
    folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="drill-")))
    authority = Authority(folder)
    believed = f'ca_file = "{authority.file}"'
    shown = {
        "self-signed": (authority.stranger(), ""),
        "expired": (authority.vouch("expired", until=-timedelta(hours=1)), believed),
        "wrong-host": (authority.vouch("wrong-host", "ci.elsewhere.test"), believed),
        "trusted": (authority.vouch("trusted"), believed),
    }
    servers = {name: ending.enter_context(_server(certificate)) for name, (certificate, _) in shown.items()}
    sections = [
        _SECTION.format(name=name, url=f"https://localhost:{servers[name].port}", more=more)
        for name, (_, more) in shown.items()
    ]
    sections.append(_SECTION.format(name="cut", url=f"https://localhost:{_cutter(ending)}", more=""))
    return Neighbours(sections="".join(sections), servers=servers)


def misled(ending: ExitStack) -> Neighbours:
    """One at a name that nobody knows, and one whose name leads to it only at first."""
    server = ending.enter_context(_server())
    flipping = _SECTION.format(name="flipping", url=f"http://{FLIPPING}:{server.port}", more="")
    unknown = _SECTION.format(name="unknown", url=f"http://{UNKNOWN}", more="")
    return Neighbours(sections=flipping + unknown, servers={"flipping": server}, names={FLIPPING: "127.0.0.1"})


def _server(certificate: Certificate | None = None) -> Loopback:
    nothing_to_tell = reply({"total_count": 0, "workflow_runs": []})
    key_pair = None if certificate is None else (certificate.file, certificate.key_file)
    return Loopback(lambda _: nothing_to_tell, key_pair)


def _cutter(ending: ExitStack) -> int:
    """The port of a server that cuts every handshake."""
    cutter = ending.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _CutsHandshake))
    threading.Thread(target=cutter.serve_forever, args=(0.05,), daemon=True).start()
    ending.callback(cutter.shutdown)
    return int(cutter.server_address[1])


class _CutsHandshake(socketserver.BaseRequestHandler):
    """Takes a few bytes of the greeting and closes: what is unread makes it a reset."""

    def handle(self) -> None:
        self.request.recv(8)
