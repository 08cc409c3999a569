"""The pictures of e-mails in the docs: `python -m tests.alerts.mail_pictures docs/pictures` draws them anew."""

import sys
from collections.abc import Mapping
from hashlib import sha1
from html import escape
from pathlib import Path

from alerts.message import Kind, Message
from alerts.notice import Line, Notice, NoticeKind, Section, Tone, notice_of_group
from alerts.receivers.smtp_message import Letterhead, render
from tests.alerts.messages import a_message, a_notice
from tests.factories import NOON, minutes
from tests.pictures import take_picture

HEAD = Letterhead(sender="builds@example.com", to=("ops@example.com",), name="ops-mail")
PIPELINES = ("shop checkout", "shop storefront", "api server", "api workers", "app android", "app ios", "docs site")
PEOPLE = ("ada", "grace", "alan", "margaret", "edsger")
COMMITS = ("Retry the card payment once", "Move to the new runner image", "Cache the Gradle wrapper")


def a_break() -> Notice:
    return a_notice(
        repository="acme/shop",
        pipeline="checkout",
        commit_message=COMMITS[0],
        author=PEOPLE[0],
        duration_seconds=462.0,
        usual_seconds=318.0,
        number=4711,
        why="a new failure: integration-tests did not fail in its last 100 builds",
    )


def a_storm() -> Notice:
    kinds = [*["broke"] * 17, "flapping", "fixed", "recovered"]
    messages = [_of_the_storm(number, kind) for number, kind in enumerate(kinds)]
    counts = {Kind.BROKE: 980, Kind.FLAPPING: 3, Kind.FIXED: 12, Kind.RECOVERED: 5}
    return notice_of_group(messages, counts, 12, thread="delivery-12")


def a_daily_digest() -> Notice:
    broken = (
        _line(Tone.BAD, "still failing", "acme/data nightly on main · since 2026-11-17 02:14 UTC · 6 failures"),
        _line(Tone.UNSTEADY, "flapping", "acme/api workers on main · since 2026-11-19 20:02 UTC · broke 9 times"),
    )
    recovered = tuple(
        _line(Tone.GOOD, "fixed", f"acme/{name} on main · 2026-11-19 1{hour}:05\u20131{hour}:35 UTC, 30 min")
        for hour, name in enumerate(PIPELINES[:3])
    )
    hidden = (
        _line(Tone.PLAIN, "silenced", "acme/infra plan on main · silenced by ada: the state bucket moves"),
        _line(Tone.PLAIN, "not confirmed", "acme/docs site on main · the next build passed; the route waits for two"),
    )
    return Notice(
        kind=NoticeKind.DIGEST,
        id=14,
        title="Daily digest: 2 pipelines are broken, 4 broke and recovered",
        tone=Tone.PLAIN,
        sections=(
            Section(title="Still broken", lines=broken),
            Section(title="Broke and recovered", lines=recovered, more=1),
            Section(title="Not told, and why", lines=hidden),
        ),
        links=(("Open in Build Observatory", "/api/deliveries/14"),),
    )


def page_of(notice: Notice) -> str:
    """The HTML part as the mail has it."""
    body = render(notice, "https://builds.example.com", HEAD, NOON, is_repeat=False).get_body(("html",))
    return "" if body is None else str(body.get_content())


def in_light_and_dark(page: str, height: int) -> str:
    """The page twice, as somebody sees it whose programs are light, and whose are dark."""
    frames = (
        f'<iframe style="color-scheme:{scheme};background:{behind};display:block;border:0;width:100%" '
        f'height="{height}" srcdoc="{escape(page)}"></iframe>'
        for scheme, behind in (("light", "#fff"), ("dark", "#121212"))
    )
    return f'<!doctype html><body style="margin:0">{"".join(frames)}</body>'


def _of_the_storm(number: int, kind: str) -> Message:
    repository, _, pipeline = PIPELINES[number % 7].partition(" ")
    return a_message(
        kind,
        repository=f"acme/{repository}",
        pipeline=pipeline if number < 7 else f"{pipeline} {number // 7 + 1}",
        branch="main" if number % 4 else "release/2026.11",
        commit_message=COMMITS[number % 3],
        commit_sha=sha1(bytes([number]), usedforsecurity=False).hexdigest(),
        author=PEOPLE[number % 5],
        incident_id=number,
        build_id=number,
        broken_since=NOON - minutes(0 if kind == "broke" else 25),
    )


def _line(tone: Tone, label: str, text: str) -> Line:
    return Line(tone=tone, label=label, text=text, url="/api/builds/7")


PICTURES: Mapping[str, str] = {
    "mail-broke": in_light_and_dark(page_of(a_break()), 480),
    "mail-storm": page_of(a_storm()),
    "mail-digest": page_of(a_daily_digest()),
}

if __name__ == "__main__":
    for name, page in PICTURES.items():
        take_picture(page, Path(sys.argv[1]) / f"{name}.png", width=680)
