"""The folder of the private Postgres: that it is ours, that one process at a time uses it, what lies where in it."""

import fcntl
import json
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.errors import CannotStart

MARKER = "build-observatory.json"
_LOCK = "lock"
_DRAFT = "build-observatory.draft"
_HARMLESS = {_LOCK, _DRAFT, "lost+found"}
_LAYOUT = 1

_SOCKET_NAME = "/.s.PGSQL.5432.lock"
_LONGEST_SOCKET_PATH = 103
"""sun_path holds 108 bytes on Linux and 104 on macOS, with the closing zero."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies where. `home` belongs to whoever starts us; `data` and the socket's folder to the server's account."""

    home: Path

    @property
    def data(self) -> Path:
        return self.home / "pgdata"

    @property
    def unfinished(self) -> Path:
        """Where initdb works; renamed to `data` when all is done, so a killed first start leaves no half database."""
        return self.home / "pgdata.partial"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def configuration(self) -> Path:
        return self.home / "postgresql.conf"

    def owner(self) -> int | None:
        """The uid that owns the database files, None before the first start."""
        try:
            found = self.data.lstat()
        except FileNotFoundError:
            return None
        if not stat.S_ISDIR(found.st_mode):
            raise CannotStart(f"{self.data} is not a folder", "Move it away, or set another folder under [database].")
        return found.st_uid

    def major(self) -> int | None:
        """The PostgreSQL version that made the database files, None before the first start."""
        try:
            return int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None


class Claim:
    """The folder is ours from `take` to `release`, or to the end of this process however it ends (flock)."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._lock: int | None = None

    def take(self) -> None:
        """Creates the folder if need be and locks it. Raises `CannotStart` when it is not ours or in use."""
        if self._lock is not None:
            return
        home = self._folder.home
        make_folder(home)
        _check_owner(home)
        _check_content(home)
        self._lock = _lock(home)
        marker = home / MARKER
        if not marker.exists():
            # Whole or not at all: another start may be reading it right now, and a crash must not leave half of it.
            draft = home / _DRAFT
            draft.write_text(json.dumps({"made_by": "build-observatory", "layout": _LAYOUT}) + "\n")
            draft.replace(marker)

    def release(self) -> None:
        """Lets the next process have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def make_folder(home: Path) -> None:
    """Creates the folder and its missing parents. Root's may be passed through: the server's account lives below.

    What is there already is left as it is. Raises `CannotStart`.
    """
    mode = 0o711 if os.geteuid() == 0 else 0o700
    missing = [path for path in (home, *home.parents) if not path.exists()]
    try:
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            path.chmod(mode)  # just made by us, so the umask does not decide
    except OSError as error:
        raise CannotStart(
            f"The data folder {home} cannot be created ({error.strerror})",
            "Create it for this account, or set another folder under [database] in the configuration.",
        ) from error


def make_socket_folder(folder: Folder, uid: int, gid: int) -> Path:
    """A folder for the socket that only the server's account may enter; elsewhere when the path would be too long."""
    socket = folder.home / "socket"
    if len(os.fsencode(f"{socket}{_SOCKET_NAME}")) > _LONGEST_SOCKET_PATH:
        socket = Path(tempfile.mkdtemp(prefix="observatory-", dir=_short_place()))
    else:
        shutil.rmtree(socket, ignore_errors=True)
        socket.mkdir(mode=0o700)
    os.chown(socket, uid, gid)
    return socket


def make_owned(path: Path, uid: int, gid: int) -> None:
    """A new, empty, private folder of the server's account; what an earlier attempt left there is removed."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    os.chown(path, uid, gid)


def _short_place() -> str:
    return "/run" if os.geteuid() == 0 and Path("/run").is_dir() else tempfile.gettempdir()


def _check_owner(home: Path) -> None:
    found = home.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise CannotStart(f"{home} is not a folder", "Set a folder under [database] in the configuration.")
    if found.st_uid != os.geteuid():
        raise CannotStart(
            f"The data folder {home} belongs to uid {found.st_uid}, and this process runs as uid {os.geteuid()}",
            "Start it as the account that owns the folder, or set another folder under [database].",
        )
    if found.st_mode & stat.S_IWOTH:
        raise CannotStart(
            f"Everybody on this machine may write into the data folder {home}",
            f"Take that right away (chmod o-w {home}), or set another folder under [database].",
        )


def _check_content(home: Path) -> None:
    marker = home / MARKER
    if not marker.exists():
        foreign = sorted({path.name for path in home.iterdir()} - _HARMLESS)
        if foreign:
            raise CannotStart(
                f"The folder {home} is not Build Observatory's: it has no {MARKER}, but {', '.join(foreign[:3])}",
                "Set an empty or a new folder under [database] in the configuration.",
            )
        return
    layout = _layout(marker)
    if layout != _LAYOUT:
        raise CannotStart(
            f"The data folder {home} has layout {layout}, and this version of Build Observatory knows layout {_LAYOUT}",
            "Run the version that made it, or set another folder under [database].",
        )


def _layout(marker: Path) -> object:
    try:
        content = json.loads(marker.read_text())
    except ValueError:
        return "unreadable"
    return content.get("layout") if isinstance(content, dict) else "unreadable"


def _lock(home: Path) -> int:
    descriptor = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise CannotStart(
            f"The data folder {home} is in use by the Build Observatory that runs as process {holder or '(starting)'}",
            "Stop that one first, or set another folder under [database].",
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise CannotStart(
            f"The data folder {home} cannot be locked ({error.strerror})",
            "Choose a folder on a local disk: a network file system without locks cannot hold a database.",
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor
