"""Runs the parts of the stack: passes their words on, restarts what dies, stops everything in order."""

import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Protocol, Self

from cli.output import OURSELVES, Ears, Say
from shared.errors import CannotStart

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
ALIVE_SECONDS = 60.0
"""A part that lived this long was well: its next restart is quick again."""

STOP_SECONDS = 9.5
"""The whole stack ends within 10 s of one Ctrl-C; the rest is for the interpreter."""

SAME_PRESS_SECONDS = 0.3
"""A terminal and `make` may both pass one Ctrl-C on; only a later one is a second."""

HOPELESS = {2: "its configuration is wrong", 3: "it cannot start"}
"""Exit codes of a first start that trying again will not change."""

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Part(Protocol):
    """One thing the supervisor keeps running; `stop_seconds` of the stack's 10 are kept for its orderly end."""

    name: str
    stop_seconds: float

    def launch(self) -> None:
        """Starts it, without waiting until it is ready; may raise `CannotStart`."""

    def poll(self) -> int | None:
        """Its exit code (negative: the signal), None while it runs."""

    def output(self) -> int | None:
        """A non-blocking descriptor of what it says, if that is ours to pass on."""

    def close_output(self) -> None:
        """Closes that descriptor, after the last words were read."""

    def ask_to_end(self) -> None:
        """Begins its orderly end."""

    def kill(self) -> None:
        """Ends it now, with all it started; also called after it ended, for what it left behind."""

    def tick(self) -> None:
        """Called about once a minute while it is kept."""


class Stopped(Exception):
    """Somebody asked the stack to stop."""


class Ended(Exception):
    """A part cannot run, and so the stack cannot; `code` is the exit code that says why."""

    def __init__(self, words: str, code: int) -> None:
        self.code = code
        super().__init__(words)


def next_delay(previous: float | None, lived: float) -> float:
    """Seconds until a dead part is started again: 1, 2, 4 … 30, and 1 again once it lived a minute."""
    if previous is None or lived >= ALIVE_SECONDS:
        return FIRST_DELAY_SECONDS
    return min(previous * 2, LONGEST_DELAY_SECONDS)


def words_of(code: int) -> str:
    """How a process ended, for people."""
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"


@dataclass
class _Kept:
    """A part under our care; `due_at` is when a dead one is started again."""

    part: Part
    started_at: float
    is_meant_to_end: bool
    delay: float | None = None
    due_at: float | None = None
    is_first_run: bool = True


class Supervisor:
    """Use as a context: inside, SIGINT, SIGTERM and SIGHUP mean "stop"; when it is left, everything has ended.

    One thread, one loop: the children are forked from the thread whose end ends them (see `shared.lifeline`).
    """

    def __init__(self, say: Say, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._ears = Ears(say)
        self._kept: list[_Kept] = []
        self._asked_at: list[float] = []
        self._next_tick = clock() + ALIVE_SECONDS
        self._ends_at = float("inf")

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._ears.wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # a death only has to wake the loop
        for word in _STOP_SIGNALS:
            signal.signal(word, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop_all()
        finally:
            signal.set_wakeup_fd(-1)
            for word in (*_STOP_SIGNALS, signal.SIGCHLD):
                signal.signal(word, signal.default_int_handler if word is signal.SIGINT else signal.SIG_DFL)
            self._ears.close()

    def start(self, part: Part) -> None:
        """Starts a part and keeps it running from here on. Raises `CannotStart` when it cannot even be launched."""
        self._launch(_Kept(part, self._clock(), is_meant_to_end=False))

    def run_to_end(self, part: Part) -> None:
        """Runs a part that is meant to end (migrations). Raises `Ended` when it fails, `Stopped` when asked to stop."""
        kept = _Kept(part, self._clock(), is_meant_to_end=True)
        self._launch(kept)
        while (code := part.poll()) is None:
            self._turn(0.05)
        self._kept.remove(kept)
        self._last_words(part)
        if code != 0:
            raise Ended(f"{part.name} {words_of(code)}; what it said is above", code if code in HOPELESS else 1)

    def stop_after(self, seconds: float) -> None:
        """From so many seconds from now on it is as if somebody had asked to stop."""
        self._ends_at = self._clock() + seconds

    def watch(
        self, seconds: float = float("inf"), *, until: Callable[[], bool] = lambda: False, every: float = 0.1
    ) -> bool:
        """Keeps everything running until `until`, asked `every` so often, is true (True) or the time is over (False).

        Raises `Stopped` when asked to stop, `Ended` when a part cannot start at all.
        """
        deadline = self._clock() + seconds
        while not until():
            if self._clock() >= deadline:
                return False
            ask_again_at = min(self._clock() + every, deadline)
            while (left := ask_again_at - self._clock()) > 0:
                self._turn(left)
        return True

    def stop_all(self) -> None:
        """Ends the parts, the last started first, in 10 s in total; a second request kills what is left.

        A part may use all the time that is not kept for those after it.
        """
        end = (self._asked_at[0] if self._asked_at else self._clock()) + STOP_SECONDS
        parts = [kept.part for kept in reversed(self._kept)]
        for index, part in enumerate(parts):
            self._stop(part, end - sum(later.stop_seconds for later in parts[index + 1 :]))
        self._kept.clear()

    def _stop(self, part: Part, until: float) -> None:
        if part.poll() is None:
            part.ask_to_end()
        while part.poll() is None:
            if len(self._asked_at) > 1 or self._clock() > until:
                reason = "asked a second time" if len(self._asked_at) > 1 else "it did not end in time"
                self._say(OURSELVES, f"{part.name} is killed: {reason}")
                break
            self._ears.listen(0.05)
        part.kill()
        self._last_words(part)

    def _turn(self, seconds: float) -> None:
        """One turn of the loop: hear, pass words on, restart what died."""
        self._ears.listen(seconds)
        if self._asked_at or self._clock() >= self._ends_at:
            raise Stopped
        for kept in self._kept:
            if not kept.is_meant_to_end:
                self._look_after(kept)
        if self._clock() >= self._next_tick:
            self._next_tick = self._clock() + ALIVE_SECONDS
            for kept in self._kept:
                kept.part.tick()

    def _look_after(self, kept: _Kept) -> None:
        if kept.due_at is None:
            code = kept.part.poll()
            if code is not None:
                self._bury(kept, code)
        elif self._clock() >= kept.due_at:
            self._start_again(kept)

    def _bury(self, kept: _Kept, code: int) -> None:
        kept.part.kill()
        self._last_words(kept.part)
        lived = self._clock() - kept.started_at
        if kept.is_first_run and lived < ALIVE_SECONDS and code in HOPELESS:
            raise Ended(f"{kept.part.name} {words_of(code)}: {HOPELESS[code]}; what it said is above", code)
        self._wait_before_next(kept, lived, words_of(code))

    def _start_again(self, kept: _Kept) -> None:
        kept.due_at, kept.started_at, kept.is_first_run = None, self._clock(), False
        try:
            kept.part.launch()
        except (CannotStart, OSError) as error:
            self._wait_before_next(kept, 0.0, f"cannot be started again: {error}")
            return
        self._listen_to(kept.part)

    def _wait_before_next(self, kept: _Kept, lived: float, words: str) -> None:
        kept.delay = next_delay(kept.delay, lived)
        kept.due_at = self._clock() + kept.delay
        self._say(OURSELVES, f"{kept.part.name} {words}; starting it again in {kept.delay:.0f} s")

    def _launch(self, kept: _Kept) -> None:
        kept.part.launch()
        self._kept.append(kept)
        self._listen_to(kept.part)

    def _listen_to(self, part: Part) -> None:
        descriptor = part.output()
        if descriptor is not None:
            self._ears.open(part.name, descriptor)

    def _last_words(self, part: Part) -> None:
        descriptor = part.output()
        if descriptor is not None:
            self._ears.shut(descriptor)
            part.close_output()

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        now = self._clock()
        if not self._asked_at or now - self._asked_at[-1] > SAME_PRESS_SECONDS:
            self._asked_at.append(now)
