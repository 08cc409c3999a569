"""Faults of those who are told: Slack and mail servers that refuse, stall, cut, forget, and senders that die."""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial

from simulator.exchange import Answer, Request
from tests.alerts.stand import Said
from tests.chaos import alert_oracle
from tests.chaos.drill import Alerts, World, drill
from tests.chaos.feed import Feed
from tests.chaos.processes import Speed
from tests.chaos.scene import Scene
from tests.chaos.stack import wait_until

PAST = World(runs=12, seconds=5, past_seconds=120)
"""Everything of the provider's is over when it is first looked at: what is told is what a course feeds."""


def some(count: int, prefix: str = "p") -> list[str]:
    """Names of so many pipelines."""
    return [f"{prefix}{number}" for number in range(count)]


@drill(
    "F02",
    "kill -9 of the schedulers while they send, and one frozen past its claim",
    world=PAST,
    alerts=Alerts(group_wait=0.2, group_interval=0.2),
    speed=Speed(message_lease_seconds=4),
)
def kill_senders(scene: Scene) -> Iterator[None]:
    feed, hits, broken = scene.feed(), 0, list[str]()
    scene.ends.hook.manner = partial(_take_slowly, scene)
    for turn in range(4):
        asked = scene.ends.has_asked("slack")
        # A silent one has not taken the message when its sender dies, one that drips has.
        with scene.fault("drip" if turn % 2 else "silent", site="slack"):
            feed.succeed(*broken)
            broken = some(40, f"turn{turn}-")
            feed.fail(*broken)
            hits += _is_asked_again(scene, "slack", asked)
            scene.nap(0.0, 0.4)
            for number in range(2):
                scene.stack.kill_scheduler(number)
    refused = _freeze_a_sender(scene, feed)
    scene.ends.hook.manner = lambda _: None
    scene.figures["kills while sending"] = hits
    yield
    repeats = sum(each.is_repeat for name in scene.ends.alerts.receivers for each in scene.ends.taken(name))
    scene.figures["possible repeats"] = repeats
    scene.expect(hits >= 3, "too few kills hit a message on its way for the drill to say anything")
    scene.expect(repeats > 0, "nothing says that it may be a repeat, so no kill left a message in doubt")
    scene.expect(refused, "what the thawed sender said of its message was not refused")


def _take_slowly(scene: Scene, _: Request) -> Answer | None:
    """Say only a second later that the message is taken."""
    scene.ends.hook.closing.wait(1.0)
    return None


def _is_asked_again(scene: Scene, receiver: str, before: int) -> bool:
    return wait_until(lambda: scene.ends.has_asked(receiver) > before, seconds=10, every=0.02)


def _freeze_a_sender(scene: Scene, feed: Feed) -> bool:
    """Whether a sender frozen until another has sent its message has no say in it any more."""
    wait_until(scene.is_told, seconds=20)
    asked = scene.ends.has_asked("slack")
    scene.stack.end_scheduler(1)
    with scene.fault("silent", site="slack"):
        feed.fail(*some(40, "frozen-"))
        _is_asked_again(scene, "slack", asked)
        frozen = scene.stack.schedulers[0].pid or 0
        os.kill(frozen, signal.SIGSTOP)
    try:
        scene.stack.replace_scheduler(1)
        wait_until(lambda: scene.ends.has_asked("slack") > asked + 1, seconds=20)
    finally:
        os.kill(frozen, signal.SIGCONT)
    return wait_until(lambda: scene.said("lost") != [], seconds=10)


@drill(
    "F43",
    "Slack answers 500, hangs, or resets after it took the message",
    world=PAST,
    alerts=Alerts(receivers=("slack", "bot", "hook"), group_wait=0.2, group_interval=0.5),
)
def unsteady_slack(scene: Scene) -> Iterator[None]:
    feed = scene.feed()
    for turn, kind in enumerate(("server_error", "reset_after", "silent", "reset_after", "truncated", "reset")):
        asked = {name: scene.ends.has_asked(name) for name in ("slack", "bot")}
        with scene.fault(kind, site="slack"):
            feed.fail(*some(3, f"turn{turn}-"))
            is_hit = wait_until(partial(_is_asked_more, scene, asked), seconds=12, every=0.05)
            scene.expect(is_hit, f"nobody was told anything while Slack had {kind}")
        scene.nap(0.5, 1)
    yield
    for name in ("slack", "bot"):
        doubtful, taken = scene.ends.doubtful(name), scene.ends.taken(name)
        repeats = sum(each.is_repeat for each in taken)
        scene.figures[f"repeats to {name}"] = repeats
        scene.expect(doubtful > 0 and repeats > 0, f"{name}: {doubtful} doubtful answers, {repeats} possible repeats")


def _is_asked_more(scene: Scene, before: Mapping[str, int]) -> bool:
    return all(scene.ends.has_asked(name) > count for name, count in before.items())


@drill(
    "F44",
    "Slack limits us for a while, then is down for longer",
    world=PAST,
    alerts=Alerts(receivers=("slack", "bot", "hook"), group_wait=0.5, group_interval=2.0),
)
def patient_senders(scene: Scene) -> Iterator[None]:
    feed, told = scene.feed(), 3
    with scene.fault("too_many_requests", site="slack", seconds=told, retry_after="seconds"):
        feed.fail(*some(6, "limited"))
        time.sleep(2.5)
        feed.succeed(*some(3, "limited"))
        time.sleep(5.5)
    refused = sum(each.fault == "too_many_requests" for each in scene.simulator.requests("slack"))
    wait_until(scene.is_told, seconds=20)
    with scene.fault("server_error", site="slack", status=503):
        for wave in range(6):
            feed.fail(*some(10, f"down{wave}-"))
            time.sleep(1.0)
            feed.succeed(*some(5, f"down{wave}-"))
            time.sleep(1.0)
    scene.figures["calls while limited"] = refused
    yield
    for name in ("slack", "bot"):
        taken = scene.ends.taken(name)
        scene.figures[f"failed and recovered, to {name}"] = _lines(scene, name, "recovered")
        scene.expect(len(taken) <= 4, f"{name} got {len(taken)} messages about two outages")
        scene.expect(_lines(scene, name, "recovered") >= 30, f"{name}: what came and went is not one line each")
        scene.expect(_lines(scene, name, "fixed") == 0, f"{name} was told of recoveries beside their failures")
    scene.expect(0 < refused <= 2 * (8 // told + 1), f"{refused} calls in 8 s of being told to wait {told}")


def _lines(scene: Scene, receiver: str, kind: str) -> int:
    """How many incidents were told so."""
    (row,) = scene.rows(
        """SELECT count(*) AS n FROM delivery_items t JOIN deliveries d ON d.id = t.delivery_id
           WHERE d.state = 'sent' AND d.receiver = :receiver AND t.kind = :kind""",
        receiver=receiver,
        kind=kind,
    )
    return int(row.n)


@drill(
    "F45",
    "the webhook is gone, the bot's token is revoked, then a message is not understood",
    is_smoke=True,
    world=PAST,
    alerts=Alerts(group_wait=0.2, group_interval=0.5),
)
def gone_receivers(scene: Scene) -> Iterator[None]:
    feed, ends = scene.feed(), scene.ends
    with ExitStack() as faults:
        faults.enter_context(scene.fault("not_found", site="slack", path="^/services/"))
        faults.enter_context(scene.fault("unauthorized", site="slack", path="^/api/"))
        feed.fail(*some(5, "gone"))
        is_off = wait_until(lambda: _off(scene) == {"slack", "bot"}, seconds=15)
        scene.expect(is_off, f"switched off are {sorted(_off(scene))}, not slack and bot")
        wait_until(lambda: _told_of_us(scene, "mail") >= 2 and _told_of_us(scene, "hook") >= 2, seconds=15)
        before = {name: ends.has_asked(name) for name in ("slack", "bot")}
        feed.fail(*some(5, "meanwhile"))
        time.sleep(3)
        asked = sum(ends.has_asked(name) - count for name, count in before.items())
    for name in ("mail", "hook"):
        scene.expect(_told_of_us(scene, name) == 2, f"{name} was told {_told_of_us(scene, name)} times of 2 receivers")
    scene.stack.configure(ends.sections(wait=0.3))
    scene.stack.reload()
    is_on = wait_until(lambda: _off(scene) == set(), seconds=20)
    scene.expect(is_on, f"with other settings {sorted(_off(scene))} are still off")
    wait_until(scene.is_told, seconds=20)
    with scene.fault("server_error", site="slack", path="^/services/", status=400, count=1):
        feed.fail("not-understood")
        arrives = wait_until(lambda: _titled(scene, "slack", "not-understood") != [], seconds=10)
    scene.expect(arrives, "what Slack did not understand with blocks did not come as plain text")
    scene.figures["calls to who is off"] = asked
    yield
    scene.expect(asked == 0, f"{asked} calls to receivers that are switched off")


def _off(scene: Scene) -> set[str]:
    return {row.receiver for row in scene.rows("SELECT receiver FROM receiver_states WHERE off_since IS NOT NULL")}


def _told_of_us(scene: Scene, receiver: str) -> int:
    """How many messages about our own trouble a receiver took."""
    rows = scene.rows(
        """SELECT count(*) AS n FROM deliveries
           WHERE kind = 'operations' AND state = 'sent' AND receiver = :receiver""",
        receiver=receiver,
    )
    return int(rows[0].n)


def _titled(scene: Scene, receiver: str, words: str) -> list[str]:
    return [each.title for each in scene.ends.taken(receiver) if words in each.title]


@drill(
    "F46",
    "a mail server refuses STARTTLS, answers 4xx, drops after DATA, and hangs",
    world=PAST,
    alerts=Alerts(receivers=("mail", "hook"), group_wait=0.2, group_interval=0.5),
)
def unsteady_mail(scene: Scene) -> Iterator[None]:
    feed, mail = scene.feed(), scene.ends.mail
    mail.say(Said(502, "what is STARTTLS?", at="STARTTLS"), Said(454, "TLS not available", at="STARTTLS"))
    feed.fail(*some(3, "clear"))
    scene.expect(_arrives(scene, 1), "nothing came once STARTTLS was understood")
    mail.say(Said(450, "4.7.1 greylisted", at="RCPT"), Said(451, "4.3.0 try again"), Said(421, "going", at="MAIL"))
    feed.fail("greylisted")
    scene.expect(_arrives(scene, 2), "nothing came after the server's 4xx")
    mail.take_and_reset()
    scene.ends.ambiguous["mail"] += 1
    feed.fail("dropped")
    scene.expect(_arrives(scene, 4), "a message dropped after DATA did not come again")
    mail.hang()
    scene.ends.ambiguous["mail"] += 1
    feed.fail("hung")
    scene.expect(_arrives(scene, 5, seconds=25), "nothing came after the server hung")
    yield
    ids = [str(each["Message-ID"]) for each in mail.mails]
    meant = len(alert_oracle.told(scene.database, "mail").titles)
    scene.figures |= {"came twice": len(ids) - meant, "in the clear": mail.were_encrypted.count(False)}
    scene.expect(all(mail.were_encrypted), "a mail went in the clear")
    scene.expect(len(ids) > meant, "no mail came twice, so the drill says nothing about its Message-ID")
    scene.expect(len(set(ids)) == meant, f"{meant} mails, some of them twice, have {len(set(ids))} Message-IDs")


def _arrives(scene: Scene, count: int, seconds: float = 15) -> bool:
    return wait_until(lambda: len(scene.ends.mail.mails) >= count, seconds=seconds, every=0.05)
