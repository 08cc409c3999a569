"""Apprise in processes of its own, each killed when its time is up.

Apprise's timeouts hold for one read each, some services make several requests and wait in between, and a thread that
hangs cannot be ended. A process can: killed at the deadline, it leaves nothing behind.
"""

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, LifoQueue
from select import select
from time import monotonic
from typing import IO

from alerts.receivers import apprise_worker


class Process:
    """One worker; `ask` it from one thread at a time."""

    def __init__(self) -> None:
        self._is_ready = self._is_killed = False
        self._heard = b""
        # -P: the worker's own folder is ours, and must not offer modules to apprise.
        command = [sys.executable, "-P", str(Path(apprise_worker.__file__))]
        self._process = subprocess.Popen(  # noqa: S603 (our own file, and nothing of anybody's among the arguments)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )

    def ask(self, told: Mapping[str, str], seconds: float) -> str | None:
        """The worker's word, "" where it ended without one, None where it took too long.

        The address goes by its input: nobody lists that, as arguments and environments are listed.
        """
        ends_at = monotonic() + seconds
        if not self._is_ready:
            # Told nothing yet, it may take its time to start: the next try finds it ready.
            if not (word := self._hear(ends_at)):
                return word
            self._is_ready = True
        if not self._say(json.dumps(dict(told))):
            return ""
        if (word := self._hear(ends_at)) is None:
            self._kill()
        return word

    @property
    def is_alive(self) -> bool:
        """Whether it may be asked again."""
        return not self._is_killed and self._process.poll() is None

    def end(self) -> None:
        """Whatever it is doing."""
        self._kill()
        with suppress(OSError), self._process:
            return  # closes the pipes and waits for it

    def _kill(self) -> None:
        self._is_killed = True
        self._process.kill()

    def _say(self, line: str) -> bool:
        try:
            self._pipe(self._process.stdin).write(f"{line}\n".encode())
        except OSError:
            return False
        return True

    def _hear(self, ends_at: float) -> str | None:
        """The next line, "" at the end of its output, None when the time is over before."""
        stdout = self._pipe(self._process.stdout)
        while b"\n" not in self._heard:
            left = ends_at - monotonic()
            if left <= 0 or not select([stdout], [], [], left)[0]:
                return None
            if not (chunk := stdout.read(4_096)):
                return ""
            self._heard += chunk
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def _pipe(self, pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise BrokenPipeError
        return pipe


_idle: LifoQueue[Process] = LifoQueue()
"""Workers between two messages. The last one used is the next one, so that those too many end of idleness."""


def ask(told: Mapping[str, str], seconds: float) -> str | None:
    """A worker's word for what became of a message: "" where it ended, None where it took longer than `seconds`."""
    process = _awake()
    try:
        return process.ask(told, seconds)
    finally:
        if process.is_alive:
            _idle.put(process)
        else:
            process.end()


def ask_once(told: Mapping[str, str], seconds: float) -> str | None:
    """The same by a worker that ends with its answer."""
    process = Process()
    try:
        return process.ask(told, seconds)
    finally:
        process.end()


def _awake() -> Process:
    while True:
        try:
            process = _idle.get_nowait()
        except Empty:
            return Process()
        if process.is_alive:
            return process
        process.end()


def _end_all() -> None:
    with suppress(Empty):
        while True:
            _idle.get_nowait().end()


def _forget() -> None:
    """A forked process must not talk over the pipes of its parent."""
    with suppress(Empty):
        while True:
            _idle.get_nowait()


atexit.register(_end_all)
os.register_at_fork(after_in_child=_forget)
