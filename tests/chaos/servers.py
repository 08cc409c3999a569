"""A Postgres of a drill's own, in a folder of its own: to be crashed, frozen and started again."""

import os
import signal
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

import migrations
from shared.database import make_engine
from shared.embedded.server import Server


class OwnServer:
    """Runs while it is entered. Enter it on a thread that lives as long as the drill: the server ends with it."""

    def __enter__(self) -> Self:
        self._place = tempfile.TemporaryDirectory(prefix="observatory-")
        Path(self._place.name).chmod(0o711)  # as root an unprivileged account runs the server and must be able to enter
        self.url = self._start()
        engine = make_engine(self.url, application="test", pool_size=1)
        migrations.upgrade(engine)
        engine.dispose()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thaw()
        self._server.stop()
        self._place.cleanup()

    def crash(self) -> None:
        """An immediate shutdown, as a power cut would be: nothing is written any more."""
        os.kill(self._server.pid or 0, signal.SIGQUIT)
        self._server.stop()

    def start_again(self) -> None:
        """The same database on the same address."""
        self._start()

    def freeze(self) -> None:
        """SIGSTOP to every process of the server: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _start(self) -> str:
        self._server = Server(Path(self._place.name) / "data")
        return self._server.start()

    def _signal(self, number: signal.Signals) -> None:
        if self._server.pid is None or self._server.exit_code() is not None:
            return
        postmaster = psutil.Process(self._server.pid)
        postmaster.send_signal(number)  # first, so that no child is born meanwhile
        for process in postmaster.children(recursive=True):
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
