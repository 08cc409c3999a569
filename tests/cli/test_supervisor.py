"""Parts that die are restarted, what they say is passed on, one request stops all in order, a second one at once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.process import Process
from cli.supervisor import Ended, Stopped, Supervisor, next_delay, words_of

WAIT = 15.0


class Script:
    """A small program as a part, and what all of them said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def say(self, speaker: str, line: str) -> None:
        self.lines.append((speaker, line))

    def said(self, speaker: str) -> list[str]:
        return [line for who, line in self.lines if who == speaker]

    def part(self, name: str, code: str, *, stop_seconds: float = 1.0) -> Process:
        program = f"import os, signal, sys, time\ndef tell(*words): print(*words, flush=True)\n{code}"
        return Process(name, [sys.executable, "-c", program], os.environ, stop_seconds=stop_seconds)

    def has(self, speaker: str, count: int = 1) -> Callable[[], bool]:
        return lambda: len(self.said(speaker)) >= count


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def supervisor(script: Script) -> Iterator[Supervisor]:
    with Supervisor(script.say) as supervisor:
        yield supervisor


SLEEP = "tell(os.getpid())\ntime.sleep(60)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = WAIT) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_the_delay_doubles_to_half_a_minute_and_starts_anew_after_a_minute_of_life() -> None:
    delays = [next_delay(None, lived=0.1)]
    for _ in range(6):
        delays.append(next_delay(delays[-1], lived=0.1))

    assert delays == [1, 2, 4, 8, 16, 30, 30]
    assert next_delay(30, lived=60) == 1


@pytest.mark.parametrize(("code", "words"), [(1, "ended with exit code 1"), (-9, "was killed by SIGKILL")])
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert words_of(code) == words


def test_what_a_part_says_on_both_streams_is_passed_on_line_by_line(script: Script, supervisor: Supervisor) -> None:
    part = script.part("api", "tell('one')\nsys.stderr.write('two\\nthree without end'); sys.stderr.flush()")

    supervisor.run_to_end(part)

    assert script.said("api") == ["one", "two", "three without end"]


def test_a_part_that_is_killed_is_started_again(script: Script, supervisor: Supervisor) -> None:
    supervisor.start(script.part("scheduler", SLEEP))
    supervisor.watch(WAIT, until=script.has("scheduler"))
    first = int(script.said("scheduler")[0])

    os.kill(first, signal.SIGKILL)
    was_restarted = supervisor.watch(WAIT, until=script.has("scheduler", 2))

    assert was_restarted
    assert int(script.said("scheduler")[1]) != first
    assert script.said("up") == ["scheduler was killed by SIGKILL; starting it again in 1 s"]


def test_a_part_that_dies_again_and_again_waits_longer_each_time(script: Script, supervisor: Supervisor) -> None:
    supervisor.start(script.part("scheduler", "tell('here')\nsys.exit(1)"))

    supervisor.watch(WAIT, until=script.has("up", 3))

    waits = [line.rsplit("in ", 1)[1] for line in script.said("up")]
    assert waits == ["1 s", "2 s", "4 s"]


@pytest.mark.parametrize("code", [2, 3])
def test_a_part_that_cannot_start_ends_everything_with_its_words_and_its_code(
    script: Script, supervisor: Supervisor, code: int
) -> None:
    supervisor.start(script.part("api", f"tell('the port is taken')\nsys.exit({code})"))

    with pytest.raises(Ended) as ended:
        supervisor.watch(WAIT)

    assert ended.value.code == code
    assert script.said("api") == ["the port is taken"]


def test_a_part_that_once_ran_is_restarted_even_when_it_says_that_it_cannot_start(
    script: Script, supervisor: Supervisor, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    once = f"import pathlib\np = pathlib.Path({str(mark)!r})\nif p.exists(): sys.exit(3)\np.touch()\n"
    supervisor.start(script.part("scheduler", once + "sys.exit(1)"))

    supervisor.watch(WAIT, until=script.has("up", 2))

    assert script.said("up")[1] == "scheduler ended with exit code 3; starting it again in 2 s"


def test_a_failed_migration_ends_everything(script: Script, supervisor: Supervisor) -> None:
    with pytest.raises(Ended, match="migrate ended with exit code 1"):
        supervisor.run_to_end(script.part("migrate", "tell('no such column')\nsys.exit(1)"))

    assert script.said("migrate") == ["no such column"]


def test_one_request_stops_the_parts_one_after_the_other_the_last_started_first(script: Script) -> None:
    orderly = "signal.signal(signal.SIGTERM, lambda *_: (tell('bye'), sys.exit(0)))\n"
    with Supervisor(script.say) as supervisor:
        for name in ("postgres", "scheduler", "api"):
            supervisor.start(script.part(name, orderly + SLEEP))
        supervisor.watch(WAIT, until=lambda: all(script.said(name) for name in ("postgres", "scheduler", "api")))

        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Stopped):
            supervisor.watch(WAIT)

    assert [speaker for speaker, line in script.lines if line == "bye"] == ["api", "scheduler", "postgres"]


def test_a_part_that_does_not_listen_is_killed_with_what_it_started_within_its_time(script: Script) -> None:
    with_child = "import subprocess\nc = subprocess.Popen(['sleep', '60'])\ntell(c.pid)\n"
    with Supervisor(script.say) as supervisor:
        supervisor.start(script.part("api", with_child + DEAF, stop_seconds=9.0))
        supervisor.start(script.part("scheduler", DEAF, stop_seconds=0.2))
        supervisor.watch(WAIT, until=lambda: script.has("api", 2)() and script.has("scheduler")())
        os.kill(os.getpid(), signal.SIGTERM)
        asked_at = time.monotonic()
        with pytest.raises(Stopped):
            supervisor.watch(WAIT)

    pids = [int(line) for line in script.said("api") + script.said("scheduler")]
    assert time.monotonic() - asked_at < 10
    assert len(pids) == 3
    assert wait_until(lambda: not any(map(is_alive, pids)))


STACK = """
import os, sys
from cli.process import Process
from cli.supervisor import Stopped, Supervisor
deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" * (sys.argv[1] == "deaf")
code = deaf + "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
say = lambda speaker, line: print(speaker, line, flush=True)
with Supervisor(say) as supervisor:
    supervisor.start(Process("one", [sys.executable, "-c", code], os.environ, stop_seconds=9))
    try:
        supervisor.watch()
    except Stopped:
        pass
"""


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A supervisor as a process of its own, and the pid of its one part."""
    environment = os.environ | {"PYTHONPATH": str(request.config.rootpath)}
    command = [sys.executable, "-c", STACK, request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline().split()[1])
        process.kill()


@pytest.mark.parametrize("stack", ["deaf"], indirect=True)
def test_a_second_request_kills_at_once(stack: tuple[subprocess.Popen[str], int]) -> None:
    process, pid = stack
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)  # a second press is one that comes later than a terminal repeats a first
    assert process.poll() is None

    process.send_signal(signal.SIGINT)
    asked_at = time.monotonic()
    process.wait(WAIT)

    assert time.monotonic() - asked_at < 2
    assert not is_alive(pid)


@pytest.mark.parametrize("stack", ["deaf"], indirect=True)
def test_the_same_press_heard_twice_is_one_request(stack: tuple[subprocess.Popen[str], int]) -> None:
    process, _ = stack

    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
@pytest.mark.parametrize("stack", ["polite"], indirect=True)
def test_a_killed_supervisor_takes_its_parts_with_it(stack: tuple[subprocess.Popen[str], int]) -> None:
    process, pid = stack

    process.kill()

    assert wait_until(lambda: not is_alive(pid))
