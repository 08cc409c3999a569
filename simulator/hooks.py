"""Webhooks as real requests: what happens at a provider is posted, signed, to whoever asked for it, or is not."""

import base64
import hashlib
import heapq
import hmac
import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from urllib.parse import urlsplit
from zlib import crc32

import orjson

TICK_SECONDS = 0.05
ANSWER_SECONDS = 10.0
SENDERS = 4
SITES = ("github", "gitlab", "jenkins")
MOST_COPIES = 20


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened at a provider; deliveries about the same `subject` leave in their order."""

    at: datetime
    subject: str
    event: str
    body: Mapping[str, object]


Happenings = Callable[[datetime, datetime], Iterator[Happening]]
"""What became true after one instant and by another."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a site's webhooks go, and the secret that signs them (Jenkins has it in its address)."""

    url: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Manner:
    """How badly deliveries arrive: a share is lost, each comes `copies` times, up to so many real seconds late."""

    lost: float = 0.0
    copies: int = 1
    shuffled_seconds: float = 0.0
    delayed_seconds: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    """A delivery and the moment it leaves."""

    at: float
    order: int
    site: str = field(compare=False)
    headers: Mapping[str, str] = field(compare=False)
    body: bytes = field(compare=False)


class Hooks:
    """Watches the simulated world and posts what happens, from the moment it is told where to."""

    def __init__(self, seed: int, clock: Callable[[], datetime], sources: Mapping[str, Happenings]) -> None:
        # A generator for each site, so that what is lost does not depend on what happens elsewhere at the same time.
        self._rngs = {site: Random(f"{seed}:{site}:webhooks") for site in SITES}  # noqa: S311 - seeded on purpose
        self._clock, self._sources = clock, sources
        self._condition = threading.Condition()
        self._targets: dict[str, Target] = {}
        self._manner = Manner()
        self._waiting: list[list[_Due]] = [[] for _ in range(SENDERS)]
        self._posting = 0
        self._counts: Counter[str] = Counter()
        self._order = 0
        self._told_until = clock()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def happenings(self, site: str, since: datetime, until: datetime) -> list[Happening]:
        """What a site's webhooks tell of a span of time, in order, wherever they are sent."""
        return sorted(self._sources[site](since, until), key=_place_in_time)

    def send_to(self, targets: Mapping[str, Target], manner: Manner) -> None:
        """Send what happens from now on; what waits already leaves as it was planned."""
        with self._condition:
            if not self._targets:
                self._told_until = self._clock()
            self._targets, self._manner = dict(targets), manner
        if targets and not self._threads:
            self._threads = [threading.Thread(target=self._watch, name="webhooks", daemon=True)]
            self._threads += [
                threading.Thread(target=self._send, args=(place,), daemon=True) for place in range(SENDERS)
            ]
            for thread in self._threads:
                thread.start()

    def report(self) -> dict[str, object]:
        """How many were made, lost, answered with which status, not answered; how many still wait."""
        with self._condition:
            waiting = sum(map(len, self._waiting)) + self._posting
            return {"counts": dict(self._counts), "waiting": waiting, "told_until": self._told_until}

    def close(self) -> None:
        """Send nothing more."""
        self._closing.set()
        with self._condition:
            self._condition.notify_all()
        for thread in self._threads:
            thread.join(ANSWER_SECONDS)

    def _watch(self) -> None:
        while not self._closing.wait(TICK_SECONDS):
            with self._condition:
                since, now = self._told_until, max(self._clock(), self._told_until)
                targets, manner = self._targets, self._manner
            for site in targets:
                for happening in self.happenings(site, since, now):
                    self._plan(site, targets[site], happening, manner)
            with self._condition:
                self._told_until = now

    def _plan(self, site: str, target: Target, happening: Happening, manner: Manner) -> None:
        body, rng = orjson.dumps(happening.body), self._rngs[site]
        with self._condition:
            self._counts["made"] += 1
            number = self._counts["made"]
            if rng.random() < manner.lost:
                self._counts["lost"] += 1
                return
            headers = _headers(site, target, happening, body, number)
            sender = self._waiting[crc32(happening.subject.encode()) % SENDERS]
            for _ in range(manner.copies):
                self._order += 1
                late = rng.uniform(0, manner.shuffled_seconds) + manner.delayed_seconds
                heapq.heappush(sender, _Due(time.monotonic() + late, self._order, site, headers, body))
            self._condition.notify_all()

    def _send(self, place: int) -> None:
        connections: dict[str, http.client.HTTPConnection] = {}
        while (due := self._next(place)) is not None:
            outcome = self._post(due, connections)
            with self._condition:
                self._counts[outcome] += 1
                self._posting -= 1
        for connection in connections.values():
            connection.close()

    def _next(self, place: int) -> _Due | None:
        """The next delivery of a sender once it is due; None when there will be none any more."""
        with self._condition:
            while not self._closing.is_set():
                waiting = self._waiting[place]
                left = waiting[0].at - time.monotonic() if waiting else None
                if left is not None and left <= 0:
                    self._posting += 1
                    return heapq.heappop(waiting)
                self._condition.wait(left)
        return None

    def _post(self, due: _Due, connections: dict[str, http.client.HTTPConnection]) -> str:
        """Post once, as providers do: an answer that does not come is not asked for again."""
        target = self._targets.get(due.site)
        if target is None:
            return "unwanted"
        parts = urlsplit(target.url)
        kept = connections.pop(parts.netloc, None)
        fresh = http.client.HTTPConnection(parts.netloc, timeout=ANSWER_SECONDS)
        # A connection that was kept may have been closed meanwhile, which says nothing about this delivery.
        for connection in filter(None, (kept, fresh)):
            try:
                connection.request("POST", parts.path, due.body, dict(due.headers))
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                continue
            connections[parts.netloc] = connection
            return str(answer.status)
        return "failed"


def parse_hooks(content: Mapping[str, object]) -> tuple[dict[str, Target], Manner]:
    """`{"github": {"url", "secret"}, …, "lost", "copies", "shuffled_seconds", "delayed_seconds"}`.

    Raises:
        ValueError: a name or a value is none of these.
    """
    known = {*SITES, "lost", "copies", "shuffled_seconds", "delayed_seconds"}
    if unknown := set(content) - known:
        raise ValueError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    manner = Manner(
        lost=_number(content, "lost", 0.0, 1.0),
        copies=max(1, int(_number(content, "copies", 1.0, MOST_COPIES))),
        shuffled_seconds=_number(content, "shuffled_seconds", 0.0, 3600.0),
        delayed_seconds=_number(content, "delayed_seconds", 0.0, 3600.0),
    )
    return {site: _target(content[site]) for site in SITES if site in content}, manner


def _place_in_time(happening: Happening) -> tuple[datetime, str]:
    return happening.at, happening.subject


def _target(told: object) -> Target:
    url = told.get("url") if isinstance(told, dict) else None
    secret = told.get("secret", "") if isinstance(told, dict) else None
    if not isinstance(url, str) or not url.startswith("http://") or not isinstance(secret, str):
        raise ValueError('a site should be {"url": "http://…", "secret": "…"}')
    return Target(url, secret)


def _number(content: Mapping[str, object], name: str, default: float, largest: float) -> float:
    value = content.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= largest:
        raise ValueError(f"{name} should be a number from 0 to {largest:g}")
    return float(value)


def _headers(site: str, target: Target, happening: Happening, body: bytes, number: int) -> dict[str, str]:
    """What each provider sends along; a repeated delivery keeps its id, as GitHub's does."""
    common = {"Content-Type": "application/json"}
    delivery = f"00000000-0000-4000-8000-{number:012x}"
    if site == "github":
        digest = hmac.new(target.secret.encode(), body, hashlib.sha256).hexdigest()
        return common | {
            "User-Agent": "GitHub-Hookshot/5aa0e0b",
            "X-GitHub-Event": happening.event,
            "X-GitHub-Delivery": delivery,
            "X-GitHub-Hook-ID": "491021",
            "X-Hub-Signature-256": f"sha256={digest}",
        }
    if site == "gitlab":
        return common | {
            "User-Agent": "GitLab/18.6.0",
            "X-Gitlab-Event": happening.event,
            "X-Gitlab-Event-UUID": delivery,
            "Idempotency-Key": delivery,
            **_gitlab_proof(target.secret, delivery, body),
        }
    return common | {"User-Agent": "Java/21.0.8"}


def _gitlab_proof(secret: str, delivery: str, body: bytes) -> dict[str, str]:
    """A signing token signs (Standard Webhooks), any other secret is sent as it is."""
    if not secret.startswith("whsec_"):
        return {"X-Gitlab-Token": secret}
    sent_at = str(int(time.time()))
    signed = b".".join((delivery.encode(), sent_at.encode(), body))
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": delivery, "webhook-timestamp": sent_at, "webhook-signature": signature}
