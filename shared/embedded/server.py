"""A private Postgres: a real database without set-up, on a unix socket in its own folder."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from shared.embedded.account import Account, choose_account
from shared.embedded.binaries import Binaries, binaries_in, reachable, wheel_binaries
from shared.embedded.folder import Claim, Folder, make_owned, make_socket_folder
from shared.embedded.process import end_left_overs, read_pid_file
from shared.embedded.settings import (
    DATABASE,
    LOCAL_SETTINGS,
    ROLE,
    SUPERUSER,
    pg_hba_conf,
    pg_ident_conf,
    postgresql_conf,
    provisioning,
)
from shared.errors import CannotStart
from shared.lifeline import end_with_parent

LOG_LIMIT_BYTES = 8_000_000

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""Nothing of ours: no PG* variable may redirect the server, and no secret of the environment may reach it."""


def running_url(folder: Path) -> str | None:
    """The URL of the private Postgres that runs on this folder now, for commands beside a running `observatory up`."""
    try:
        running = read_pid_file(Folder(folder.resolve()).data)
    except PermissionError:
        return None
    if running is None or not running.is_ready or not (running.socket / ".s.PGSQL.5432").exists():
        return None
    return _url(running.socket)


@contextmanager
def borrowed_url(folder: Path) -> Iterator[str]:
    """The URL of the private Postgres that runs on this folder, or of one that is started for just so long.

    Raises `CannotStart` when it can be neither.
    """
    url = running_url(folder)
    if url is not None:
        yield url
        return
    with Server(folder) as server:
        yield server.url


class Server:
    """One private Postgres on one folder, the only one at a time; a child of this process that ends with it.

        with Server(folder) as server:
            connect(server.url)

    `binaries` is a folder such as /usr/lib/postgresql/15/bin; without it, the installed wheel's newest PostgreSQL.
    Start it from a thread that lives as long as it should (see `shared.lifeline`).
    """

    def __init__(self, folder: Path, *, binaries: Path | None = None) -> None:
        self.folder = Folder(folder.resolve())
        self._binaries = binaries
        self._claim = Claim(self.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Path | None = None

    @property
    def url(self) -> str:
        """The address of our database, as our own role, which is no superuser. Valid from `launch` on."""
        if self._socket is None:
            raise RuntimeError("the private Postgres has not been launched")
        return _url(self._socket)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None before the first launch."""
        return None if self._process is None else self._process.pid

    def start(self, *, seconds: float = 60.0) -> str:
        """Launches the server and waits until it accepts connections; returns its URL. Raises `CannotStart`."""
        self.launch()
        try:
            self._wait_until_ready(seconds)
        except BaseException:
            self.stop(seconds=2.0)
            raise
        return self.url

    def launch(self) -> None:
        """Starts the server without waiting for it. Creates the database at the first start. Raises `CannotStart`."""
        self._claim.take()
        try:
            self._launch()
        except OSError as error:
            self._claim.release()
            raise CannotStart(
                f"The private PostgreSQL in {self.folder.home} could not be set up ({error})",
                "Check the disk's free space and permissions; docs/operations.md describes the folder.",
            ) from error
        except BaseException:
            self._claim.release()
            raise

    def is_ready(self) -> bool:
        """Whether it accepts connections."""
        running = read_pid_file(self.folder.data)
        return running is not None and running.pid == self.pid and running.is_ready

    def exit_code(self) -> int | None:
        """Its exit code (negative: the signal that killed it), None while it runs or before its first launch."""
        return None if self._process is None else self._process.poll()

    def ask_to_stop(self) -> None:
        """Begins a fast shutdown: open transactions are rolled back, everything is written, then it ends."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def stop(self, *, seconds: float = 10.0) -> None:
        """A fast shutdown; an immediate one, which the next start repairs, when that takes longer than `seconds`."""
        self.ask_to_stop()
        if self._process is not None and not _ends(self._process, seconds):
            self._process.send_signal(signal.SIGQUIT)
            if not _ends(self._process, 3.0):
                self._process.kill()
                self._process.wait()
        self._remove_socket_folder()
        self._claim.release()

    def not_started(self, what: str) -> CannotStart:
        """The error for a server that does not become ready, with its last words."""
        return CannotStart(
            f"The private PostgreSQL {what}: {_last_words(self.folder.log)}",
            f"Its log is {self.folder.log}; after a crash a start may take long, then try again.",
        )

    def trim_log(self) -> None:
        """Halves the log once it is past `LOG_LIMIT_BYTES`; the server appends, so it goes on at the new end."""
        try:
            with self.folder.log.open("r+b") as log:
                if log.seek(0, os.SEEK_END) <= LOG_LIMIT_BYTES:
                    return
                log.seek(-LOG_LIMIT_BYTES // 2, os.SEEK_END)
                log.readline()
                kept = log.read()
                log.seek(0)
                log.write(kept)
                log.truncate()
        except FileNotFoundError:
            return

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self) -> None:
        account = choose_account(self.folder.owner())
        if not account.can_enter(self.folder.home):
            raise CannotStart(
                f"The account {account.name}, which runs PostgreSQL for root, cannot reach {self.folder.home}",
                "Set a folder under [database] whose parents every account may enter, such as one in /var/lib.",
            )
        wanted = binaries_in(self._binaries) if self._binaries else wheel_binaries()
        self._check_major(wanted)
        binaries = reachable(wanted, account, self.folder.home)
        end_left_overs(self.folder.data, account.uid)
        if self.folder.owner() is None:
            _create(self.folder, binaries, account)
        self._remove_socket_folder()
        self._socket = make_socket_folder(self.folder, account.uid, account.gid)
        _configure(self.folder, binaries.major, self._socket, account)
        self.trim_log()
        self._process = _spawn(self.folder, binaries, account)

    def _check_major(self, binaries: Binaries) -> None:
        made_by = self.folder.major()
        if made_by not in (None, binaries.major):
            raise CannotStart(
                f"The database in {self.folder.data} was made by PostgreSQL {made_by},"
                f" and the installed one is PostgreSQL {binaries.major}",
                f"Dump it with PostgreSQL {made_by}, move the folder away and restore"
                ' (docs/operations.md, "A new major version of PostgreSQL"), or set another folder.',
            )

    def _wait_until_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if self.exit_code() is not None:
                raise self.not_started("ended while starting")
            if time.monotonic() > deadline:
                raise self.not_started(f"was not ready after {seconds:.0f} s")
            time.sleep(0.01)

    def _remove_socket_folder(self) -> None:
        if self._socket is None or self._socket.parent == self.folder.home:
            return
        for left in self._socket.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)
        self._socket.rmdir()
        self._socket = None


def _url(socket: Path) -> str:
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(socket), safe='/')}"


def _create(folder: Folder, binaries: Binaries, account: Account) -> None:
    """Runs initdb and makes our role and database: complete or not at all."""
    work = folder.unfinished
    make_owned(work, account.uid, account.gid)
    initdb = [binaries.program("initdb"), "-D", str(work), "-U", SUPERUSER, "--no-instructions", "--data-checksums"]
    _run([*initdb, "--encoding=UTF8", "--locale=C", "--auth-local=peer", "--auth-host=reject"], account)
    single = [binaries.program("postgres"), "--single", "-D", str(work), "-c", "exit_on_error=true", "postgres"]
    _run(single, account, provisioning())
    work.rename(folder.data)


def _run(command: list[str], account: Account, stdin: str = "") -> None:
    result = subprocess.run(  # noqa: S603 (PostgreSQL's own programs)
        command, input=stdin, capture_output=True, text=True, check=False, cwd="/", env=_ENVIRONMENT, **account.run_as()
    )
    if result.returncode != 0:
        words = (result.stderr or result.stdout).strip().splitlines()[-3:]
        raise CannotStart(
            f"{Path(command[0]).name} failed: {' '.join(words) or f'exit {result.returncode}'}",
            "Check the disk's free space and the folder's permissions, or set DATABASE_URL.",
        )


def _configure(folder: Folder, major: int, socket: Path, account: Account) -> None:
    us = choose_account(None).name if os.geteuid() else "root"
    own_settings = folder.home / LOCAL_SETTINGS
    if not own_settings.exists():
        own_settings.write_text("# Your own PostgreSQL settings; they are kept.\n")
        own_settings.chmod(0o644)
    files = {
        folder.configuration: postgresql_conf(major, socket=socket, home=folder.home),
        folder.home / "pg_hba.conf": pg_hba_conf(),
        folder.home / "pg_ident.conf": pg_ident_conf({us, account.name}),
    }
    for path, content in files.items():
        path.write_text(content)
        path.chmod(0o644)  # ours; the server's account has to read them


def _spawn(folder: Folder, binaries: Binaries, account: Account) -> subprocess.Popen[bytes]:
    """The postmaster, in its own session (a terminal's Ctrl-C is not for it), ended by the kernel if we are killed."""
    command = [binaries.program("postgres"), "-D", str(folder.data), "-c", f"config_file={folder.configuration}"]
    with folder.log.open("ab") as log:
        folder.log.chmod(0o600)
        return subprocess.Popen(  # noqa: S603 (PostgreSQL's own program)
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGINT),  # noqa: PLW1509 (one system call, bound before)
            **account.run_as(),
        )


def _ends(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return "it said nothing"
    return " / ".join(lines[-3:]) or "it said nothing"
