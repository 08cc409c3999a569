"""A message and every kind of notice with defaults, for what needs one without a database."""

from collections.abc import Mapping
from typing import Any

from alerts.message import Kind, Message
from alerts.notice import Line, Notice, NoticeKind, Section, Tone, notice_of, notice_of_group
from shared.status import Status
from tests.factories import NOON, minutes

_OPEN = ("broke", "still_failing", "flapping")


def a_message(kind: str = "broke", **overrides: Any) -> Message:
    """`ci` of acme/web broke on main."""
    is_open = kind in _OPEN
    fields: dict[str, Any] = {
        "kind": Kind(kind),
        "status": Status.FAILED if is_open else Status.SUCCEEDED,
        "is_unstable": False,
        "instance": "github.com",
        "repository": "acme/web",
        "pipeline": "ci",
        "branch": "main",
        "build_id": 7,
        "number": 412,
        "attempt": 1,
        "commit_sha": "a1b2c3d4e5" + "f" * 30,
        "commit_message": "Fix the login form\n\nand more",
        "author": "ada",
        "duration_seconds": 300.0,
        "finished_at": NOON + minutes(5),
        "broken_since": NOON + minutes(5 if is_open else -125),
        "web_url": "https://github.com/acme/web/actions/runs/100",
        "incident_id": None if kind == "transition" else 7,
    }
    return Message(**(fields | overrides))


def a_notice(kind: str = "broke", notice_id: int = 12, **overrides: Any) -> Notice:
    """News of one incident; `overrides` are the message's."""
    is_raw = kind == "transition"
    return notice_of(a_message(kind, **overrides), notice_id, NoticeKind.TRANSITION if is_raw else NoticeKind.NEWS)


def a_group(broke: int = 3, fixed: int = 0, notice_id: int = 12, **overrides: Any) -> Notice:
    """News of many incidents in one message; `overrides` are every message's."""
    messages = [
        a_message(kind, **({"pipeline": f"ci-{number}", "build_id": number, "incident_id": number} | overrides))
        for kind, count in (("broke", broke), ("fixed", fixed))
        for number in range(1, count + 1)
    ]
    counts = {Kind.BROKE: broke, Kind.FIXED: fixed}
    return notice_of_group(messages, counts, notice_id, thread=f"delivery-{notice_id}")


def a_digest(text: str = "acme/web ci on main", lines: int = 3) -> Notice:
    """What was not told one by one, under titles."""
    line = Line(tone=Tone.BAD, label="still failing", text=text, url="/api/builds/7")
    hidden = Line(tone=Tone.PLAIN, label="not told", text=f"{text}: silenced by ada", url=None)
    return Notice(
        kind=NoticeKind.DIGEST,
        id=12,
        title="Daily digest: 2 pipelines are broken",
        tone=Tone.PLAIN,
        sections=(
            Section(title="Still broken", lines=(line,) * lines, more=4),
            Section(title="Not told", lines=(hidden,) * lines),
        ),
        links=(("Open in Build Observatory", "/api/deliveries/12"),),
    )


def operations(text: str = "github.com answers nothing since 10:02") -> Notice:
    """Our own trouble."""
    return Notice(
        kind=NoticeKind.OPERATIONS, id=12, title=text, tone=Tone.BAD, facts=(("What to do", "look at its status page"),)
    )


def a_trial() -> Notice:
    """What `observatory alerts test` sends."""
    return Notice(
        kind=NoticeKind.TEST,
        id=0,
        title="This is a test of Build Observatory",
        tone=Tone.PLAIN,
        facts=(("Receiver", "ops"),),
    )


def every_kind(**overrides: Any) -> Mapping[str, Notice]:
    """One notice of each kind by what it is; `overrides` are the messages'."""
    return {
        "one incident": a_notice(**overrides),
        "a storm": a_group(broke=980, fixed=20, **overrides),
        "a line of the raw feed": a_notice("transition", **overrides),
        "a digest": a_digest(str(overrides.get("branch") or "main"), lines=20),
        "our own trouble": operations(str(overrides.get("instance") or "github.com")),
        "a trial": a_trial(),
    }
