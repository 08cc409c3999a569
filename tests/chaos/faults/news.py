"""Faults of what is told: storms, flapping, old news, late verdicts, rules that change meanwhile, hostile names."""

import http.client
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from shared import backfills, silences
from shared.clock import utc_now
from shared.config.routes import Matchers
from simulator.faults import Impossible
from tests.alerts.receivers.slack import SlackStand
from tests.alerts.receivers.smtp import SmtpStand
from tests.alerts.receivers.webhook import WebhookStand
from tests.chaos.drill import Alerts, World, drill
from tests.chaos.faults.alerts import PAST, some
from tests.chaos.feed import Feed
from tests.chaos.scene import Scene
from tests.chaos.stack import wait_until

ALL = Alerts().receivers


def _names(receivers: Iterable[str]) -> str:
    return json.dumps(list(receivers))


@drill(
    "F24",
    "re-runs that fail again, not seen running, until one passes",
    world=World(runs=90, seconds=15, past_seconds=10),
    floor_seconds=4,
    alerts=Alerts(on=("broke", "still_failing", "flapping", "fixed")),
)
def reruns(scene: Scene) -> Iterator[None]:
    feed = scene.feed()
    feed.succeed("rerun")
    wait_until(scene.is_told, seconds=10)
    feed.fail("rerun")
    number = feed.latest("rerun")
    _expect_kinds(scene, "rerun", ["broke"])
    for attempt in (2, 3):
        feed.see([feed.a_run("rerun", "failed", number=number, attempt=attempt)])
        _expect_kinds(scene, "rerun", ["broke", *["still_failing"] * (attempt - 1)])
    feed.see([feed.a_run("rerun", "succeeded", number=number, attempt=4)])
    _expect_kinds(scene, "rerun", ["broke", "still_failing", "still_failing", "fixed"])
    yield
    (row,) = scene.rows("""
        SELECT i.failures, i.is_flaky FROM incidents i JOIN pipelines l ON l.id = i.pipeline_id
        WHERE l.name = 'rerun'""")
    scene.expect((row.failures, row.is_flaky) == (3, True), f"of three failed attempts the incident counts {row}")
    expect_told_as_in_truth(scene)


def _expect_kinds(scene: Scene, pipeline: str, kinds: list[str]) -> None:
    """Every receiver comes to hear exactly this of the pipeline."""
    for receiver in scene.ends.alerts.receivers:
        wait_until(partial(_has_heard, scene, receiver, pipeline, kinds), seconds=15)
        heard = told_of(scene, receiver, pipeline)
        scene.expect(heard == kinds, f"{receiver} was told {heard} of {pipeline}, not {kinds}")


def _has_heard(scene: Scene, receiver: str, pipeline: str, kinds: list[str]) -> bool:
    return told_of(scene, receiver, pipeline) == kinds


def told_of(scene: Scene, receiver: str, pipeline: str) -> list[str]:
    """What a receiver was told of a pipeline, in order."""
    rows = scene.rows(
        """SELECT t.kind FROM delivery_items t JOIN deliveries d ON d.id = t.delivery_id
           JOIN incidents i ON i.id = t.incident_id JOIN pipelines l ON l.id = i.pipeline_id
           WHERE d.state = 'sent' AND d.receiver = :receiver AND l.name = :pipeline ORDER BY d.settled_at, d.id""",
        receiver=receiver,
        pipeline=pipeline,
    )
    return [row.kind for row in rows]


def expect_told_as_in_truth(scene: Scene) -> None:
    """Whatever was said last of a branch is how the provider's own ledger ends for it (unless it flaps)."""
    truth = _ends(scene)
    rows = scene.rows("""
        SELECT DISTINCT ON (d.receiver, l.external_id, i.branch)
               d.receiver, l.external_id AS pipeline, i.branch, t.kind, i.status
        FROM delivery_items t JOIN deliveries d ON d.id = t.delivery_id JOIN incidents i ON i.id = t.incident_id
        JOIN pipelines l ON l.id = i.pipeline_id JOIN instances n ON n.id = l.instance_id
        WHERE d.state = 'sent' AND n.name = 'github.com'
        ORDER BY d.receiver, l.external_id, i.branch, d.settled_at DESC, d.id DESC, i.id DESC""")
    wrong = [
        f"{row.receiver} heard last of {row.pipeline} on {row.branch}: {row.kind}"
        for row in rows
        if row.status != "flapping" and (row.kind in ("fixed", "recovered")) == truth[row.pipeline, row.branch]
    ]
    scene.figures["branches told of"] = len({(row.pipeline, row.branch) for row in rows})
    scene.expect(not wrong, f"{len(wrong)} branches ended otherwise than was told, such as {wrong[:1]}")


def _ends(scene: Scene) -> dict[tuple[str, str], bool]:
    """Whether each branch ends broken, by the ledger: its newest build with a verdict says so."""
    ends: dict[tuple[str, str], tuple[tuple[str, int, int], bool]] = {}
    for entry in scene.simulator.ledger(at_end=True):
        status, is_request = entry["status"], str(entry["event"]).startswith("pull_request")
        if is_request or status not in ("succeeded", "failed", "timed_out"):
            continue
        key = (str(entry["pipeline"]), str(entry["branch"]))
        order = (str(entry["created_at"]), int(str(entry["external_id"])), int(str(entry["attempt"])))
        if key not in ends or order > ends[key][0]:
            ends[key] = (order, status != "succeeded")
    return {key: is_broken for key, (_, is_broken) in ends.items()}


@drill("F25", "late verdicts of old attempts and of older builds", is_smoke=True, world=PAST, alerts=Alerts())
def late_verdicts(scene: Scene) -> Iterator[None]:
    feed, then = scene.feed(), utc_now() - timedelta(minutes=5)
    feed.succeed("late")
    feed.see([feed.a_run("late", "running", number=900, at=then)])
    feed.see([feed.a_run("late", "succeeded", number=900, attempt=2, at=then)])
    feed.see([feed.a_run("late", "running", number=901, at=then - timedelta(minutes=1))])
    wait_until(scene.is_told, seconds=15)
    feed.see([feed.a_run("late", "failed", number=900, attempt=1, at=then)])
    feed.see([feed.a_run("late", "failed", number=901, at=then - timedelta(minutes=1))])
    feed.fail("beside")
    yield
    (row,) = scene.rows(
        "SELECT count(*) AS n FROM attempts WHERE status = 'failed' AND number = 1 AND build_id IN "
        "(SELECT id FROM builds WHERE external_id IN ('900', '901'))"
    )
    scene.expect(row.n == 2, "the late verdicts are not in the history")
    for name in scene.ends.alerts.receivers:
        scene.expect(told_of(scene, name, "late") == [], f"{name} was told of a verdict that came too late to count")
        scene.expect(told_of(scene, name, "beside") == ["broke"], f"{name} was told nothing, so the drill says nothing")


@drill(
    "F47",
    "a thousand pipelines break at once",
    has_api=True,
    world=PAST,
    alerts=Alerts(group_wait=4, group_interval=15),
)
def storm(scene: Scene) -> Iterator[None]:
    feed, names = scene.feed(), some(1000, "storm")
    began = time.monotonic()
    for first in range(0, 1000, 100):
        feed.fail(*names[first : first + 100])
        time.sleep(0.6)
    scene.figures["broke within"] = time.monotonic() - began
    wait_until(lambda: not _untold(scene), seconds=40)
    yield
    scene.expect(scene.figures["broke within"] < 15, "the storm lasted longer than an interval")
    for name in scene.ends.alerts.receivers:
        taken = scene.ends.taken(name)
        scene.expect(len(taken) <= 2, f"{name} got {len(taken)} messages about one storm")
    for name in scene.ends.alerts.receivers:
        found = _behind_the_links(scene, name)
        scene.expect(found == set(names), f"behind {name}'s messages stand {len(found)} of a thousand")


def _untold(scene: Scene) -> bool:
    (row,) = scene.rows("SELECT count(*) AS n FROM tellings WHERE told IS NOT NULL")
    return int(row.n) < 1000 * len(scene.ends.alerts.receivers)


def _behind_the_links(scene: Scene, receiver: str) -> set[str]:
    """The pipelines that the API shows of a receiver's messages, page by page."""
    found: set[str] = set()
    for row in scene.rows("SELECT id FROM deliveries WHERE state = 'sent' AND receiver = :name", name=receiver):
        cursor = ""
        while cursor is not None:
            page = get(scene, f"/api/deliveries/{row.id}?limit=200" + (f"&cursor={cursor}" if cursor else ""))
            found |= {item["incident"]["pipeline_name"] for item in page["items"]}
            cursor = page["next_cursor"]
    return found


def get(scene: Scene, path: str) -> Any:
    """What the API answers."""
    connection = http.client.HTTPConnection("127.0.0.1", scene.stack.port, timeout=20)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@drill(
    "F48",
    "a pipeline flaps every ten seconds for an hour, a hundred times as fast",
    world=PAST,
    alerts=Alerts(group_wait=0.2, group_interval=3.0),
)
def flapping(scene: Scene) -> Iterator[None]:
    feed, began = scene.feed(), utc_now() - timedelta(hours=1)
    for number in range(360):
        at = began + timedelta(seconds=10 * number)
        (feed.succeed if number % 2 else feed.fail)("flapping", at=at)
        time.sleep(0.06)
    for _ in range(3):
        feed.succeed("flapping")
    yield
    for name in scene.ends.alerts.receivers:
        taken = scene.ends.taken(name)
        scene.expect(0 < len(taken) <= 3, f"{name} got {len(taken)} messages in an hour of flapping")
    ends = {name: told_of(scene, name, "flapping")[-1:] for name in scene.ends.alerts.receivers}
    scene.expect(all(end == ["fixed"] for end in ends.values()), f"the end of it was told as {ends}")


@drill(
    "F49",
    "five hundred failed builds are there at first sight, again after a pause, and once more in the past",
    profile="hostile",
    world=World(runs=450, seconds=40, past_seconds=100),
    page_size=100,
    alerts=Alerts(),
)
def onboarding(scene: Scene) -> Iterator[None]:
    feed = scene.feed()
    feed.see(feed.a_run(name, "failed", at=utc_now() - timedelta(hours=3)) for name in some(300, "there"))
    feed.see((feed.a_run(name, "failed") for name in some(200, "past")), is_backfill=True)
    scene.execute("UPDATE sources SET is_active = false")
    time.sleep(1)
    scene.stack.reload()
    wait_until(lambda: _collected_anew(scene), seconds=30)
    (failed,) = scene.rows("SELECT count(*) AS n FROM attempts WHERE status IN ('failed', 'timed_out')")
    with Session(scene.database) as session, session.begin():
        backfills.request_all(session, utc_now() - timedelta(days=90), utc_now())
    wait_until(lambda: not scene.rows("SELECT 1 FROM backfills WHERE state IN ('waiting', 'running')"), seconds=30)
    scene.figures["failed before"] = failed.n
    wait_until(scene.is_told, seconds=20)
    for name in scene.ends.alerts.receivers:
        scene.expect(scene.ends.taken(name) == [], f"{name} got {len(scene.ends.taken(name))} messages about the past")
    feed.fail("live")
    yield
    scene.expect(failed.n >= 600, f"only {failed.n} builds had failed: the drill says little")
    for name in scene.ends.alerts.receivers:
        scene.expect(told_of(scene, name, "live") == ["broke"], f"{name} was told nothing, so the drill says nothing")


def _collected_anew(scene: Scene) -> bool:
    (row,) = scene.rows("SELECT count(*) AS n FROM sources WHERE baseline_at IS NULL AND is_active")
    return int(row.n) == 0 and not scene.rows(
        "SELECT 1 FROM sources s JOIN instances i ON i.id = s.instance_id "
        "WHERE i.name = 'github.com' AND NOT s.is_active"
    )


_TO_ALL = """
[[routes]]
name = "{name}"
receivers = {receivers}
branch = ["*"]
"""


@drill(
    "F50",
    "a silence ends while it still fails, and a route is changed while its message is sent",
    world=PAST,
    alerts=Alerts(group_wait=0.2, group_interval=0.5, routes=_TO_ALL.format(name="first", receivers=_names(ALL))),
)
def changing_rules(scene: Scene) -> Iterator[None]:
    feed = scene.feed()
    feed.fail("told-before")
    wait_until(lambda: told_of(scene, "mail", "told-before") == ["broke"], seconds=15)
    _silence(scene, "told-before", "hushed*", seconds=7)
    time.sleep(1.5)
    feed.fail("told-before", "hushed", "hushed-and-over")
    feed.succeed("hushed-and-over")
    time.sleep(3)
    heard = [name for name in ALL if told_of(scene, name, "hushed")]
    scene.expect(not heard, f"{heard} were told of it in spite of the silence")
    _expect_kinds(scene, "hushed", ["broke"])
    _expect_kinds(scene, "told-before", ["broke", "still_failing"])
    _change_a_route(scene, feed)
    yield
    _expect_kinds(scene, "hushed-and-over", [])
    for name in ALL:
        for pipeline in ("hushed", "told-before"):
            kinds = told_of(scene, name, pipeline)
            scene.expect(len(kinds) == 1 + (pipeline == "told-before"), f"{name} was told of {pipeline}: {kinds}")
    _judge_changed_route(scene)


def _silence(scene: Scene, *pipelines: str, seconds: float) -> None:
    now = utc_now()
    silence = silences.NewSilence(
        matchers=Matchers(pipeline=pipelines),
        reason="the drill",
        author="ada",
        starts_at=now,
        ends_at=now + timedelta(seconds=seconds),
    )
    with Session(scene.database) as session, session.begin():
        silences.add(session, silence)


def _change_a_route(scene: Scene, feed: Feed) -> None:
    """While Slack is slow to say that it took a message, the route is replaced by one that leads to the hook alone."""
    asked, ends = scene.ends.has_asked("slack"), scene.ends
    with scene.fault("drip", site="slack"):
        feed.fail("edited")
        wait_until(lambda: ends.has_asked("slack") > asked, seconds=10, every=0.02)
        feed.fail("after")
        changed = replace(ends.alerts, routes=_TO_ALL.format(name="second", receivers=_names(("hook",))))
        scene.stack.configure(replace(ends, alerts=changed).sections())
        scene.stack.reload()
        time.sleep(3)
    feed.fail("later")


def _judge_changed_route(scene: Scene) -> None:
    """What was under way is told; what had not begun goes where the rules lead now; every routing says which."""
    for name in ("slack", "bot", "mail"):
        scene.expect(told_of(scene, name, "later") == [], f"{name} is told by a route that is gone")
    scene.expect(told_of(scene, "slack", "edited") == ["broke"], "the message under way was not told to its end")
    scene.expect(told_of(scene, "hook", "later") == ["broke"], "the new route does not tell")
    rows = scene.rows("SELECT DISTINCT outcome, reason FROM routings WHERE outcome = 'dropped' AND route = 'first'")
    words = {row.reason for row in rows if "silenced" not in row.reason}
    scene.expect(words <= {"this route was changed meanwhile"}, f"what was not told says why: {words}")


@drill(
    "F57",
    "branches, titles and authors made to be more than text",
    profile="hostile",
    world=World(runs=60, seconds=12, past_seconds=5),
    alerts=Alerts(),
)
def hostile_names(scene: Scene) -> Iterator[None]:
    for variant in (Impossible.SURROGATE, Impossible.NUL):
        with scene.fault("impossible_row", path="/actions/runs\\?", variant=variant, row=scene.dice.randrange(10)):
            scene.nap(1.5, 2)
    feed = scene.feed()
    feed.fail("long", branch="b" * 10_000, commit_message="<!channel> " * 1000, author="@everyone\u202e\x1b[31m")
    yield
    for name in ALL:
        found = sorted(set(_live(scene, name)))
        taken = scene.ends.taken(name)
        scene.expect(not found, f"{name} got {found[:3]}, which is more than text there")
        scene.expect(told_of(scene, name, "long") == ["broke"], f"{name} was not told of the longest branch")
        scene.expect(len(taken) >= 2, f"{name} got {len(taken)} messages: the drill says little")


def _live(scene: Scene, receiver: str) -> Iterator[str]:
    """What would be more than text in this channel, and stands in a message."""
    if receiver == "mail":
        for mail in scene.ends.mail.mails:
            page = mail.get_body(("html",))
            words = f"{mail['Subject']}\n{'' if page is None else page.get_content()}"
            yield from (word for word in (*SmtpStand.live, "\u202e", "\x1b") if word in words)
        return
    live = SlackStand.live if receiver in ("slack", "bot") else WebhookStand.live
    for taken in scene.ends.taken(receiver):
        yield from (word for word in (*live, "\u202e", "\x1b") if word in taken.text)
