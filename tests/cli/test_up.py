"""One command runs everything; what can be known to go wrong is said in words before anything is started."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli import preflight
from cli.demo import choose_port
from cli.demo_world import Announcement, demo_config, parse_announcement, parse_message
from cli.plan import Plan
from cli.preflight import check_port, free_port, raise_file_limit
from cli.probe import get, url_of
from cli.up import find_example
from cli.welcome import welcome
from shared.errors import CannotStart

START_SECONDS = 60.0
ALERT = re.compile(r"^slack +\| (lumen-shop/\S+|\d+ pipelines? )", re.MULTILINE)
"""A message at the demo's stand-in for Slack: about one pipeline, or about those that broke together."""
ROOT = Path(__file__).parents[2]


class Command:
    """`observatory …` as a person runs it, in a folder of its own, and what it said."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        files: int | None = None,
        reader_leaves: bool = False,
        **environment: str,
    ) -> None:
        def limit() -> None:
            if files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        self.output = folder / f"output-{len(list(folder.glob('output-*')))}"
        known = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        if reader_leaves:
            os.mkfifo(self.output)
            reader = os.open(self.output, os.O_RDONLY | os.O_NONBLOCK)
        with self.output.open("wb") as output:
            if reader_leaves:
                os.close(reader)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", *arguments],
                cwd=folder,
                env=known | {"HOME": str(folder), "PYTHONPATH": str(ROOT)} | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=limit,  # noqa: PLW1509 (this process has one thread)
            )

    @property
    def words(self) -> str:
        return self.output.read_text()

    def wait(self, seconds: float = START_SECONDS) -> int:
        return self.process.wait(seconds)

    def says(self, words: str, seconds: float = START_SECONDS) -> bool:
        return (
            wait_until(lambda: words in self.words or self.process.poll() is not None, seconds) and words in self.words
        )

    def interrupt(self) -> float:
        """One Ctrl-C; returns how many seconds the end took."""
        asked_at = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(15)
        return time.monotonic() - asked_at


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def processes_of(folder: Path) -> list[str]:
    """The command lines of every process that works in or on this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if str(folder) in line or str(folder) in str((entry / "cwd").readlink()):
                found.append(line)
        except OSError:
            continue
    return found


@pytest.fixture
def run(place: Path) -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def start(*arguments: str, **options: object) -> Command:
        started.append(Command(place, *arguments, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for command in started:
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()


def write_config(place: Path, port: int, more: str = "") -> None:
    text = f'[server]\nport = {port}\n[database]\nfolder = "{place / "data"}"\n{more}'
    (place / "config.toml").write_text(text)


def test_up_runs_everything_and_one_request_stops_it_within_ten_seconds(
    place: Path, run: Callable[..., Command]
) -> None:
    port = free_port("127.0.0.1")
    write_config(place, port)

    command = run("up")
    is_up = command.says("is running (")
    status, body = get("127.0.0.1", port, "/api/builds")
    seconds = command.interrupt()

    assert is_up, command.words
    assert (status, json.loads(body)["builds"]) == (200, [])
    assert f"http://127.0.0.1:{port}/api/builds" in command.words
    assert str(place / "data") in command.words
    assert command.process.returncode == 0, command.words
    assert seconds < 10
    assert processes_of(place) == []


def test_a_killed_api_comes_back_while_the_rest_runs_on(place: Path, run: Callable[..., Command]) -> None:
    port = free_port("127.0.0.1")
    write_config(place, port)
    command = run("up")
    assert command.says("is running ("), command.words
    api = pids_of(place, " api")

    os.killpg(api[0], signal.SIGKILL)
    is_told = command.says("api was killed by SIGKILL; starting it again in 1 s")
    is_back = wait_until(lambda: get("127.0.0.1", port, "/livez")[0] == 200, START_SECONDS)
    command.interrupt()

    assert (is_told, is_back) == (True, True), command.words
    assert "scheduler ended" not in command.words


def pids_of(folder: Path, ending: str) -> list[int]:
    """The oldest process first."""
    return sorted(
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if (line := _command_line(entry)).endswith(ending) and str(folder) in line
    )


def _command_line(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode()
    except OSError:
        return ""


def test_up_on_a_database_of_ones_own_starts_no_private_one(
    place: Path, run: Callable[..., Command], database_url: str
) -> None:
    write_config(place, free_port("127.0.0.1"))

    command = run("up", DATABASE_URL=database_url)
    is_up = command.says("is running (")
    command.interrupt()

    assert is_up, command.words
    assert "yours, by DATABASE_URL" in command.words
    assert not (place / "data").exists()


def test_the_demo_shows_its_first_build_on_a_free_port_and_leaves_no_folder(
    place: Path, run: Callable[..., Command]
) -> None:
    nowhere = "postgresql://nobody:secret@127.0.0.1:1/none"

    command = run("demo", "--fresh", "--port", "0", DATABASE_URL=nowhere, OBSERVATORY_SERVER__HOST="no.such.host")
    is_up = command.says("The first build is here")
    url = re.search(r"curl -s '(\S+)/api/builds\?limit=5'", command.words)
    assert is_up, command.words
    assert url is not None
    with urllib.request.urlopen(f"{url[1]}/api/builds?limit=5") as answer:
        builds = json.load(answer)["builds"]
    offered = re.search(r"^ +(\S+) (-c \S+ status)$", command.words, re.MULTILINE)
    assert offered is not None
    status = run(*offered[2].split(), DATABASE_URL="")
    is_status_well = status.wait() == 0
    is_alert_told = wait_until(lambda: ALERT.search(command.words) is not None, START_SECONDS)
    command.interrupt()
    folder = re.search(r"config +(\S+)/config.toml", command.words)

    assert {build["provider"] for build in builds} <= {"github", "gitlab", "jenkins"}
    assert builds != []
    assert is_status_well, status.words
    assert "github:lumen-shop/" in status.words
    assert is_alert_told, command.words
    assert command.process.returncode == 0
    assert folder is not None
    assert not Path(folder[1]).exists()


def test_a_taken_port_of_the_demos_choice_is_told_with_who_has_it(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        usual = taken.getsockname()[1]
        port = choose_port(None, usual=usual)

    assert re.fullmatch(
        rf"port {usual} is taken by process {os.getpid()} \(.+\); using {port} instead\n", capfd.readouterr().out
    )


def test_a_taken_port_of_your_choice_is_refused(run: Callable[..., Command]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = run("demo", "--fresh", "--port", str(port))
        code = command.wait()

    assert code == 3, command.words
    assert f"Port {port} on 127.0.0.1 cannot be used: process {os.getpid()}" in command.words
    assert "--port" in command.words


def test_a_server_for_others_wants_a_key_first_and_says_so_alone(place: Path, run: Callable[..., Command]) -> None:
    write_config(place, free_port("127.0.0.1"), '[logging]\nformat = "console"\n')
    config = (place / "config.toml").read_text().replace("[server]", '[server]\nhost = "0.0.0.0"')
    (place / "config.toml").write_text(config)

    refused = run("up")
    code = refused.wait()
    words = refused.words
    made = run("key", "create", "board")
    made_code = made.wait()
    served = run("up")
    is_up = served.says("is running (")
    served.interrupt()

    assert code == 3, words
    assert re.search(r"\n✗ the API would be reachable .* no key\n  Make one with: observatory key create", words)
    assert "Worker" not in words
    assert "api  " not in words
    assert made_code == 0, made.words
    assert is_up, served.words


def test_a_second_up_says_that_we_run_there_already(place: Path, run: Callable[..., Command]) -> None:
    port = free_port("127.0.0.1")
    write_config(place, port, '[logging]\nformat = "console"\n')
    first = run("up")
    assert first.says("is running ("), first.words
    chatter = first.words

    (place / "second").mkdir()
    second = Command(place / "second", "-c", str(place / "config.toml"), "up")
    code = second.wait()
    first.interrupt()

    assert code == 3, second.words
    assert "Build Observatory already runs there" in second.words
    assert "observatory status" in second.words
    assert "Using worker" not in chatter
    assert "Listening at" not in chatter


def test_the_demo_ends_by_itself_after_the_seconds_asked_for(run: Callable[..., Command]) -> None:
    command = run("demo", "--fresh", "--seconds", "0.5")

    assert command.wait() == 0
    assert command.words.endswith("\nstopping\nstopped\n")


def test_a_reader_that_goes_away_does_not_end_the_stack(place: Path, run: Callable[..., Command]) -> None:
    command = run("demo", "--fresh", "--seconds", "6", reader_leaves=True)

    assert command.wait() == 0


def test_every_mistake_of_the_configuration_is_told_and_nothing_started(
    place: Path, run: Callable[..., Command]
) -> None:
    write_config(place, 70_000, '[scheduler]\nworkers = "many"\n[[providers]]\nkind = "cvs"\nname = "old"\n')

    command = run("up")

    assert command.wait() == 2
    assert all(path in command.words for path in ("server.port", "scheduler.workers", "providers[0].kind"))
    assert not (place / "data").exists()


def test_a_taken_port_is_told_with_who_has_it_and_the_cure(place: Path, run: Callable[..., Command]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_config(place, port)
        command = run("up")
        code = command.wait()

    assert code == 3, command.words
    assert f"Port {port} on 127.0.0.1 cannot be used: process {os.getpid()}" in command.words
    assert "server.port" in command.words
    assert not (place / "data").exists()


def test_a_data_folder_that_is_not_ours_is_told(place: Path, run: Callable[..., Command]) -> None:
    write_config(place, free_port("127.0.0.1"))
    (place / "data").mkdir()
    (place / "data/thesis.tex").touch()

    command = run("up")

    assert command.wait() == 3
    assert "is not Build Observatory's" in command.words
    assert [path.name for path in (place / "data").iterdir()] == ["thesis.tex"]


def test_a_database_that_cannot_be_reached_is_told_without_its_password(
    place: Path, run: Callable[..., Command]
) -> None:
    write_config(place, free_port("127.0.0.1"))

    command = run("up", DATABASE_URL="postgresql://ada:hunter2@127.0.0.1:1/builds")

    assert command.wait() == 3
    assert "The database of DATABASE_URL cannot be reached" in command.words
    assert "hunter2" not in command.words


def test_too_few_file_descriptors_are_told_with_the_cure(place: Path, run: Callable[..., Command]) -> None:
    write_config(place, free_port("127.0.0.1"))

    command = run("up", files=128)

    assert command.wait() == 3
    assert "may open only 128 files, and needs at least 256" in command.words
    assert "ulimit -n" in command.words


def test_a_limit_too_low_for_the_sockets_is_a_warning_and_one_that_may_be_raised_is() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = (min(600, limits[0]), limits[1])
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, low)
        silent = raise_file_limit(200)
        raised = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        told = raise_file_limit(10_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert (silent, raised) == (None, 200 + preflight.OWN_FILES)
    assert told is not None
    assert "server.max_sockets = 10000000" in told


def test_the_first_start_writes_the_example_as_configuration(place: Path, run: Callable[..., Command]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it stops right after
        command = run("up", PORT=str(taken.getsockname()[1]))
        code = command.wait()

    assert code == 3
    assert "wrote config.toml from the example" in command.words
    assert (place / "config.toml").read_text() == find_example().read_text()


def test_a_server_older_than_15_is_refused(server_url: str) -> None:
    with pytest.raises(CannotStart, match=r"is PostgreSQL \d+, which is too old") as old:
        preflight.check_database(server_url, oldest=990_000)

    assert "Use PostgreSQL 99 or newer" in old.value.cure


def test_a_database_is_reached_by_every_way_its_address_is_written(database_url: str) -> None:
    rest = database_url.split("://", 1)[1]

    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        preflight.check_database(f"{scheme}://{rest}")

    with psycopg.connect(f"postgresql://{rest}") as connection:
        assert connection.info.server_version >= preflight.OLDEST_SERVER


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with pytest.raises(CannotStart, match=r"Port 8080 on 192\.0\.2\.1 cannot be used"):
        check_port("192.0.2.1", 8080)


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80")],
)
def test_the_address_told_is_one_that_can_be_opened(host: str, url: str) -> None:
    assert url_of(host, 80) == url


def test_nobody_answering_is_no_error() -> None:
    assert get("127.0.0.1", free_port("127.0.0.1"), "/readyz") == (0, b"")


def test_the_welcome_says_where_everything_is() -> None:
    plan = Plan(config="/etc/config.toml", host="127.0.0.1", port=8080, data_folder="/var/lib/build-observatory")

    text = "\n".join(welcome(plan, is_ready=True, seconds=3.21))

    assert "Build Observatory is running (3.2 s)" in text
    first, *_ = (word for word in text.split() if "://" in word)
    assert first == "http://127.0.0.1:8080/"
    assert "ws://127.0.0.1:8080/ws" in text
    assert "/var/lib/build-observatory/postgres.log" in text
    assert "Ctrl-C" in text


def test_the_demos_configuration_watches_what_the_simulator_announced(tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "github": "http://127.0.0.1:1",
        "slack": "http://127.0.0.1:2/hook",
        "token": "t",
        "repositories": ["a/b"],
        "gitlab": "http://127.0.0.1:3",
        "gitlab_projects": ["group/c"],
        "jenkins": "http://127.0.0.1:4",
        "jenkins_user": "watcher",
    }
    announcement = parse_announcement(json.dumps(said))
    assert announcement == Announcement(**said | {"repositories": ("a/b",), "gitlab_projects": ("group/c",)})

    text = demo_config(announcement, host="127.0.0.1", port=8081, folder=tmp_path)

    assert [f'watch = ["{name}"]' in text for name in ("a/b", "group/c", "/")] == [True] * 3
    assert announcement.slack not in text
    assert f'folder = "{tmp_path}/database"' in text
    assert parse_announcement("listening") is None


def test_a_message_to_slack_is_told_by_its_first_line() -> None:
    assert (
        parse_message('{"message": "checkout broke\\u001b[2J on main\\nStatus: failed"}')
        == "checkout broke [2J on main"
    )
    assert parse_message('{"github": "http://127.0.0.1:1"}') is None
