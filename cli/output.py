"""What the parts of the stack say, line by line, and waiting for it."""

import contextlib
import os
import selectors
import socket
import sys
from collections.abc import Callable

_LONGEST_LINE = 65_536
_COLOURS = (36, 35, 33, 32, 34)

Say = Callable[[str, str], None]
"""(who, one line)"""

OURSELVES = "up"
"""The speaker whose words are the stack's own, said to the person who started it."""


class Printer:
    """Prints the parts' lines with their names before them, our own (`OURSELVES`) and lines of JSON as they are.

    A reader that went away (`observatory up | head`) or a full disk never ends the stack.
    """

    def __init__(self, *, width: int, is_coloured: bool) -> None:
        self._width = width
        self._is_coloured = is_coloured
        self._speakers: dict[str, int] = {}

    def __call__(self, speaker: str, line: str) -> None:
        name = f"{speaker:<{self._width}} |"
        if self._is_coloured:
            colour = self._speakers.setdefault(speaker, _COLOURS[len(self._speakers) % len(_COLOURS)])
            name = f"\x1b[{colour}m{name}\x1b[0m"
        text = line if speaker == OURSELVES or line.startswith("{") else f"{name} {line}"
        try:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter fails at its end
        except OSError:
            return  # a full disk, a closed terminal: the next line may find a better world


class Ears:
    """Waits for words of any part, or for a signal, in one `select`."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._selector = selectors.DefaultSelector()
        self._speakers: dict[int, str] = {}
        self._rest: dict[int, bytes] = {}
        self._woken, self.wake = socket.socketpair()
        for end in (self._woken, self.wake):
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)

    def open(self, speaker: str, descriptor: int) -> None:
        """Listens to a non-blocking descriptor from here on."""
        self._speakers[descriptor], self._rest[descriptor] = speaker, b""
        self._selector.register(descriptor, selectors.EVENT_READ)

    def listen(self, seconds: float) -> None:
        """Waits at most so long for anything, and passes it on."""
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._woken:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
            else:
                self._pass_on(key.fd)

    def shut(self, descriptor: int) -> None:
        """Passes the last words on and listens no more, even if a grandchild holds the other end open."""
        while descriptor in self._rest and self._pass_on(descriptor):
            pass
        self._forget(descriptor)

    def close(self) -> None:
        """Listens to nothing any more."""
        self._selector.close()
        self._woken.close()
        self.wake.close()

    def _pass_on(self, descriptor: int) -> bool:
        """Says the complete lines that have come; False when there is no more now, or never."""
        try:
            chunk = os.read(descriptor, _LONGEST_LINE)
        except BlockingIOError:
            return False
        *lines, rest = (self._rest[descriptor] + chunk).split(b"\n")
        if (rest and not chunk) or len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        self._rest[descriptor] = rest
        for line in lines:
            self._say(self._speakers[descriptor], line.decode(errors="replace"))
        if not chunk:
            self._forget(descriptor)
        return bool(chunk)

    def _forget(self, descriptor: int) -> None:
        if self._rest.pop(descriptor, None) is not None:
            self._selector.unregister(descriptor)
            del self._speakers[descriptor]
