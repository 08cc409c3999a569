"""What names resolve to in a drill's processes, changeable at any moment, and every address they then connect to.

It is what glibc does with /etc/hosts, but for one process and with nobody's rights: its resolver reads a file of the
drill first. Nothing of the product is touched, and what it connects to is noted by the interpreter itself.
"""

import socket
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Names:
    """A folder with two files: `hosts`, as /etc/hosts, and `notes`, a line for every look-up there and connection."""

    folder: Path

    def lead(self, told: Mapping[str, str]) -> None:
        """From now on these names have these addresses, and no other name is answered for."""
        fresh = self.folder / "hosts.fresh"
        fresh.write_text("".join(f"{address} {name}\n" for name, address in told.items()))
        fresh.replace(self.folder / "hosts")  # whoever reads it meanwhile reads the whole of one of them

    def looked_up(self, address: str) -> int:
        """How often an address was given for a name."""
        return self._noted()["found", address]

    def connected(self, address: str) -> int:
        """How often somebody tried to connect to an address."""
        return self._noted()["connect", address]

    def address_of(self, name: object) -> str | None:
        """What the drill says, if it says anything."""
        lines = (line.split() for line in (self.folder / "hosts").read_text().splitlines())
        return next((address for address, told in lines if told == name), None)

    def note(self, what: str, address: str) -> None:
        """Add a line; many processes do."""
        with (self.folder / "notes").open("a") as notes:
            notes.write(f"{what} {address}\n")

    def _noted(self) -> Counter[tuple[str, str]]:
        notes = self.folder / "notes"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return Counter((what, address) for what, _, address in (line.partition(" ") for line in lines))


def put_in(names: Names) -> None:
    """Have this process resolve so, and note where it connects to."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        address = names.address_of(host)
        if address is not None:
            names.note("found", address)
        return resolve(address or host, port, *rest, **more)

    socket.getaddrinfo = getaddrinfo

    def hear(event: str, given: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(given[1], tuple):
            names.note("connect", str(given[1][0]))

    sys.addaudithook(hear)
