"""What a message says, whatever channel carries it: title, facts, links; every text one clean line."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from shared.status import Status

_LONGEST_URL = 2_000


class Kind(StrEnum):
    """What happened to the pipeline on its branch.

    `recovered`: it broke and was fixed before this receiver was told. `transition`: a build changed its status.
    """

    BROKE = "broke"
    STILL_FAILING = "still_failing"
    FLAPPING = "flapping"
    FIXED = "fixed"
    RECOVERED = "recovered"
    TRANSITION = "transition"


_VERBS = {
    Kind.BROKE: "broke",
    Kind.STILL_FAILING: "is still failing",
    Kind.FLAPPING: "is flapping",
    Kind.FIXED: "is fixed",
    Kind.RECOVERED: "failed and recovered",
}

_STATUS_VERBS = {
    Status.UNKNOWN: "is in a state we do not know",
    Status.QUEUED: "is queued",
    Status.BLOCKED: "waits for a person",
    Status.RUNNING: "is running",
    Status.SKIPPED: "was skipped",
    Status.CANCELLED: "was cancelled",
    Status.SUCCEEDED: "succeeded",
    Status.TIMED_OUT: "timed out",
    Status.FAILED: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One piece of news as it stood when it was planned; `broken_since` is when the branch stopped working.

    `breaks` is how often it broke within an hour, this time included; `usual_seconds` is the median duration of the
    pipeline's last builds that passed, None while too few are known. `failures` is how often it failed in a row,
    `fixed_at` when it recovered, `why` in words why this is told (a new failure, a silence that ended). `timezone` is
    the one instants are written in. `incident_id` is None in the raw feed.
    """

    kind: Kind
    status: Status
    is_unstable: bool
    instance: str
    repository: str | None
    pipeline: str
    branch: str | None
    build_id: int
    number: int | None
    attempt: int
    commit_sha: str | None
    commit_message: str | None
    author: str | None
    duration_seconds: float | None
    finished_at: datetime
    broken_since: datetime
    web_url: str | None
    breaks: int = 1
    usual_seconds: float | None = None
    incident_id: int | None = None
    failures: int = 1
    fixed_at: datetime | None = None
    why: str | None = None
    timezone: str = "UTC"

    @property
    def title(self) -> str:
        """`acme/web ci broke on main`, or `nightly broke` where there are no branches."""
        verb = _STATUS_VERBS[self.status] if self.kind is Kind.TRANSITION else _VERBS[self.kind]
        return f"{self.place} {verb}" + (f" on {one_line(self.branch, 100)}" if self.branch else "")

    @property
    def place(self) -> str:
        """The repository and the pipeline, or the pipeline alone where it is named after the repository."""
        repository, pipeline = one_line(self.repository or "", 100), one_line(self.pipeline, 100)
        return pipeline if not repository or repository == pipeline else f"{repository} {pipeline}"

    @property
    def brief(self) -> str:
        """One line among others: place, branch, commit, author, and how long it was or is broken."""
        branch = f" on {one_line(self.branch, 60)}" if self.branch else ""
        parts = (f"{self.place}{branch}", one_line(self._commit, 80), one_line(self.author or "", 40), self._broken)
        return " · ".join(part for part in parts if part)

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What a reader wants to know, as (label, text), what is unknown left out."""
        pairs = (
            ("Status", f"{self.status} (unstable)" if self.is_unstable else str(self.status)),
            ("Pipeline", self.place),
            ("Branch", one_line(self.branch or "", 200)),
            ("Commit", self._commit),
            ("Author", one_line(self.author or "", 100)),
            ("Build", self._build),
            ("Duration", self._duration),
            ("Broken", self._broken),
            ("Failures", f"{self.failures} in a row" if self.failures > 1 and self.kind is not Kind.TRANSITION else ""),
            ("Flapping", self._flapping),
            ("Why", one_line(self.why or "", 300)),
        )
        return tuple((label, text) for label, text in pairs if text)

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Where to read on, as (label, URL): our own answer, as a path, and the provider's page."""
        pairs = (
            ("Open in Build Observatory", f"/api/builds/{self.build_id}"),
            (f"Open on {one_line(self.instance, 50)}", self.web_url or ""),
        )
        return tuple((label, url) for label, url in pairs if url)

    @property
    def _commit(self) -> str:
        subject = (self.commit_message or "").strip().partition("\n")[0]
        return one_line(f"{(self.commit_sha or '')[:10]} {subject}", 200)

    @property
    def _build(self) -> str:
        number = "" if self.number is None else f"#{self.number}"
        return f"{number} attempt {self.attempt}".strip() if self.attempt > 1 else number

    @property
    def _duration(self) -> str:
        if self.duration_seconds is None:
            return ""
        usually = "" if self.usual_seconds is None else f", usually {in_words(self.usual_seconds)}"
        return in_words(self.duration_seconds) + usually

    @property
    def _broken(self) -> str:
        """Since when it is broken, or from when to when it was."""
        match self.kind:
            case Kind.FIXED | Kind.RECOVERED:
                ended_at = self.fixed_at or self.finished_at
                lasted = in_words(max(0.0, (ended_at - self.broken_since).total_seconds()))
                return f"{clock_span(self.broken_since, ended_at, self.timezone)}, {lasted}"
            case Kind.STILL_FAILING | Kind.FLAPPING:
                return f"since {clock_time(self.broken_since, self.timezone)}"
            case _:
                return ""

    @property
    def _flapping(self) -> str:
        is_said = self.kind is Kind.FLAPPING
        return f"broke {self.breaks} times within an hour; told again once it passes steadily" if is_said else ""


_STORED = TypeAdapter(Message)


def to_row(message: Message) -> dict[str, Any]:
    """The message as JSON for the delivery's row."""
    row: dict[str, Any] = _STORED.dump_python(message, mode="json")
    return row


def parse_message(row: object) -> Message:
    """The message of a delivery's row; raises ValueError where the row is not one."""
    return _STORED.validate_python(row)


def one_line(text: str, limit: int) -> str:
    """The text on one line without control, bidi-override and surrogate characters, cut to `limit` with an ellipsis."""
    if text.isprintable():
        return cut(" ".join(text.split()), limit)
    # Joiners are the only format characters that belong to ordinary writing (emoji, Persian, Indic scripts).
    kept = (character if _is_visible(character) else " " for character in text)
    return cut(" ".join("".join(kept).split()), limit)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the last one an ellipsis where something is missing."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def is_link(url: str) -> bool:
    """Whether a URL may be offered for clicking: http(s) to a host, no credentials, no characters to hide behind."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_plain = re.fullmatch(r"[!-;=?-{}~]+", url) is not None and len(url) <= _LONGEST_URL
    return is_plain and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def in_words(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 10 min`, `3 d 4 h`."""
    left = round(seconds)
    parts = []
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {word}")
    return " ".join(parts[:2]) or "0 s"


def clock_time(instant: datetime, timezone: str) -> str:
    """`2026-11-20 10:02 UTC`; the day stands there because messages are read late."""
    return f"{instant.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M %Z}"


def clock_span(began_at: datetime, ended_at: datetime, timezone: str) -> str:
    """`2026-11-20 10:02-10:19 UTC`; both days where they differ."""
    zone = ZoneInfo(timezone)
    began, ended = began_at.astimezone(zone), ended_at.astimezone(zone)
    until = f"{ended:%H:%M %Z}" if began.date() == ended.date() else f"{ended:%Y-%m-%d %H:%M %Z}"
    return f"{began:%Y-%m-%d %H:%M}\u2013{until}"


def _is_visible(character: str) -> bool:
    return character in "\u200c\u200d" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
