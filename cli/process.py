"""One child process of the stack, in a session of its own."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from shared.lifeline import end_with_parent


class Process:
    """A part that is a program.

    Its own session: a terminal's Ctrl-C reaches the supervisor only, which stops the parts in order, and a kill takes
    everything the program started with it. Killed ourselves, the kernel sends the program a SIGTERM.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, stop_seconds: float
    ) -> None:
        self.name = name
        self.stop_seconds = stop_seconds
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = True

    @property
    def pid(self) -> int | None:
        """Its process id, None before it was launched."""
        return None if self._process is None else self._process.pid

    def launch(self) -> None:
        """Starts the program, what it says coming through a pipe."""
        self._is_over = False
        self._process = subprocess.Popen(  # noqa: S603 (the stack's own programs)
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509 (one system call, bound before)
        )
        if self._process.stdout is not None:
            os.set_blocking(self._process.stdout.fileno(), False)

    def poll(self) -> int | None:
        """Its exit code (negative: the signal), None while it runs."""
        return None if self._process is None else self._process.poll()

    def output(self) -> int | None:
        """The reading end of what it says on both of its streams."""
        if self._process is None or self._process.stdout is None or self._process.stdout.closed:
            return None
        return self._process.stdout.fileno()

    def ask_to_end(self) -> None:
        """SIGTERM to the program itself; what it started is its own to end."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """SIGKILL to the program and to everything in its session that it left behind (workers hold ports)."""
        if self._process is None or self._is_over:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._is_over = True  # the number may be somebody else's from here on

    def tick(self) -> None:
        """Nothing to look after."""

    def close_output(self) -> None:
        """Nobody listens any more: it has ended and its last words were passed on."""
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
