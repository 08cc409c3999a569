"""The stories of docs/alerts.md: what happens and what is sent, read from the page and played through the real parts.

A story is a fenced block of lines `HH:MM[:SS]  what happens` and `HH:MM[:SS]  -> receiver: title`; it runs under the
configuration in the last `toml story` block above it. A time with `+` in front is of the next day.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"
DAY = datetime(2026, 11, 18, tzinfo=UTC)

_BLOCK = re.compile(r"^```(toml story|story)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"(?P<day>\+?)(?P<time>\d\d:\d\d(?::\d\d)?)\s+(?P<words>.+)")
_BUILD = re.compile(r"(?P<repository>\S+) (?P<pipeline>\S+) (?P<verb>passes|fails) on (?P<branch>\S+)")
_SILENCE = re.compile(r"silence on (?P<key>\w+) (?P<pattern>\S+) until (?P<until>\d\d:\d\d)")
_SENT = re.compile(r"-> (?P<receiver>\S+): (?P<title>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build that finishes at an instant."""

    at: datetime
    repository: str
    pipeline: str
    status: str
    branch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """A silence that begins at an instant."""

    at: datetime
    key: str
    pattern: str
    until: datetime


@dataclass(frozen=True, slots=True, order=True)
class Sent:
    """A message that was taken: when, by whom, and its title."""

    at: datetime
    receiver: str
    title: str

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} -> {self.receiver}: {self.title}"


@dataclass(frozen=True, slots=True)
class Story:
    """One story; `number` counts them on the page, from 1."""

    number: int
    config: str
    happens: tuple[Build | Quiet, ...]
    sent: tuple[Sent, ...]


def stories() -> Iterator[Story]:
    """Every story of the page, in order; raises ValueError for a line that nobody could play."""
    config, number = "", 0
    for kind, text in _BLOCK.findall(PAGE.read_text()):
        if kind == "toml story":
            config = text
            continue
        number += 1
        lines = [_parse(line) for line in text.splitlines()]
        happens = tuple(line for line in lines if not isinstance(line, Sent))
        yield Story(number, config, happens, tuple(line for line in lines if isinstance(line, Sent)))


def _parse(line: str) -> Build | Quiet | Sent:
    whole = _LINE.fullmatch(line)
    if whole is None:
        raise ValueError(f"no time begins this line: {line}")
    at, words = _instant(whole["time"], is_tomorrow=bool(whole["day"])), whole["words"]
    if sent := _SENT.fullmatch(words):
        return Sent(at, sent["receiver"], sent["title"])
    if build := _BUILD.fullmatch(words):
        status = "failed" if build["verb"] == "fails" else "succeeded"
        return Build(
            at=at, repository=build["repository"], pipeline=build["pipeline"], status=status, branch=build["branch"]
        )
    if quiet := _SILENCE.fullmatch(words):
        return Quiet(at=at, key=quiet["key"], pattern=quiet["pattern"], until=_instant(quiet["until"]))
    raise ValueError(f"nobody can play this line: {line}")


def _instant(words: str, *, is_tomorrow: bool = False) -> datetime:
    hours, minutes, seconds = (*map(int, words.split(":")), 0)[:3]
    return DAY + timedelta(days=is_tomorrow, hours=hours, minutes=minutes, seconds=seconds)
