"""Any payload of Jenkins', webhook or API, told apart: builds, jobs, neither (with the reason) or unreadable."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from collectors.fields import LINK, Fields, parse_instant
from collectors.jenkins_actions import is_of_branch
from collectors.jenkins_payload import Left, parse_build, parse_queue_item, parse_stages
from collectors.jenkins_tree import Place, named_by, place_of
from collectors.reading import JobOfBuild, Reading, gathered, joined
from shared.observation import Observation, Unreadable

Json = dict[str, object]

FINAL = frozenset({"COMPLETED", "FINALIZED"})
"""The phases of the notification plugin in which `status` is the result; after COMPLETED it may still get worse."""

_OWN_PATHS = re.compile(r"/(?:job|view|queue|api|computer|blue)(?=/|$)")

_LISTS = ("builds", "allBuilds")

_MARKS = (
    ("crumb", "crumb"),
    ("parentNodes", "node of a stage"),
    ("nodeStatus", "log of a node"),
    ("computer", "list of nodes"),
    ("nodeDescription", "controller"),
    ("lastBuild", "job"),
    ("nextBuildNumber", "job"),
    ("jobs", "folder"),
    ("busyExecutors", "load"),
    ("suites", "test report"),
    ("results", "coverage report"),
    ("elements", "coverage report"),
    ("color", "job"),
)
"""A key that only one kind of payload has, the most telling first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a payload is from, as far as somebody knows."""

    url: str
    is_branch: bool

    @property
    def base_url(self) -> str:
        """The controller's address, empty when unknown."""
        return controller_of(self.url)


def refetch_ids(body: object) -> tuple[str, ...]:
    """What a notification plugin's webhook is about, as ids for `fetch_build`: its word is never taken for the truth.

    A hint carries no signature, may come late or twice, and has no instant that tells a recreated job's builds apart.
    """
    notification, build = Fields(body), Fields(body).inside("build")
    if build.text("phase") == "QUEUED":
        queue_id = build.identifier("queue_id")
        return () if queue_id is None else (f"queue/{queue_id}",)
    named = named_by(build.text("full_url", LINK) or build.text("url", LINK) or notification.text("url", LINK) or "")
    number = build.whole("number", smallest=1)
    return () if named is None or number is None else (f"{named[0]}/{number}",)


def parse_any(payload: object, url: str = "", *, is_multibranch: bool = False) -> Reading:
    """Whatever Jenkins sent, told apart by its own keys; `url` is where it was asked for, if that is known.

    Names are taken from addresses, the payload's own or `url`, and links lead to the controller of `url`, or else to
    the payload's. A build tells that its job is a branch by its cause; else `is_multibranch` says so.
    """
    asked = Asked(url, is_multibranch)
    if isinstance(payload, list):
        return joined((parse_any(row, url, is_multibranch=is_multibranch) for row in payload), "JSON list")
    if not isinstance(payload, dict):
        return Reading(not_a_build=f"JSON {type(payload).__name__}")
    read = next((read for is_one, read in _KINDS if is_one(payload)), None)
    if read is None:
        return Reading(not_a_build=next((words for key, words in _MARKS if key in payload), "object without a build"))
    return read(payload, asked)


def _builds(payload: Json, asked: Asked) -> Reading:
    rows = _rows(payload, "builds") or _rows(payload, "allBuilds")
    return joined((_build(row, asked) for row in rows), "job without builds")


def _queue(payload: Json, asked: Asked) -> Reading:
    return joined((_queued(row, asked) for row in _rows(payload, "items")), "queue without builds")


def _rows(payload: Json, key: str) -> list[Json]:
    rows = payload.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _build(payload: Json, asked: Asked) -> Reading:
    build = Fields(payload)
    own = build.text("url", LINK)
    named = named_by(own or "") or named_by(asked.url)
    if named is None:
        reason = "a build that does not name its job: say where it is from"
        return Reading(unreadable=(Unreadable(kind="build", external_id=None, reason=reason),))
    place = place_of(named[0], is_branch=asked.is_branch or is_of_branch(build.listed("actions")))
    return gathered([parse_build(payload, place, asked.base_url or controller_of(own or ""))])


def _queued(payload: Json, asked: Asked) -> Reading:
    own = Fields(payload).inside("task").text("url", LINK) or ""
    named = named_by(own)
    if named is None:
        return Reading(not_a_build="queue item of a part of a running Pipeline")
    place = place_of(named[0], is_branch=asked.is_branch)
    item = parse_queue_item(payload, place, asked.base_url or controller_of(own))
    if isinstance(item, Left):
        return Reading(not_a_build="queue item that became a build")
    return gathered([item])


def _stages(payload: Json, asked: Asked) -> Reading:
    """The stage view of one build, or one stage of it: it names the build by its address only."""
    named = named_by(Fields(payload).inside("_links").inside("self").text("href", LINK) or "") or named_by(asked.url)
    if named is None or named[1] is None:
        reason = "stages that do not name their build"
        return Reading(unreadable=(Unreadable(kind="job", external_id=None, reason=reason),))
    build = f"{named[0]}/{named[1]}"
    stages = parse_stages(payload if "stages" in payload else {"stages": [payload]})
    return gathered(JobOfBuild(build_external_id=build, attempt=1, job=job) for job in stages)


def _notified(payload: Json, asked: Asked) -> Reading:
    """A notification read as the build it speaks of; one without an instant only names a build to fetch."""
    ids = refetch_ids(payload)
    build = Fields(payload).inside("build")
    named = named_by(build.text("full_url", LINK) or build.text("url", LINK) or "")
    if named is None or not ids:
        reason = "a notification that names no build"
        return Reading(unreadable=(Unreadable(kind="notification", external_id=None, reason=reason),))
    if not build.has("timestamp") or ids[0].startswith("queue/"):
        return Reading(not_a_build=f"notification to fetch {ids[0]}")
    place = place_of(named[0], is_branch=asked.is_branch)
    raw = payload["build"]
    millis = _millis(raw.get("timestamp") if isinstance(raw, dict) else None)
    base = asked.base_url or controller_of(build.text("full_url", LINK) or "")
    return gathered([_of_notification(build, millis, place, base)])


def _of_notification(build: Fields, millis: int | None, place: Place, base_url: str) -> Observation | Unreadable:
    is_final = build.text("phase") in FINAL
    scm = build.inside("scm")
    row: Json = {
        "number": build.whole("number"),
        "timestamp": millis,
        "building": not is_final,
        "result": build.text("status"),
        "duration": build.whole("duration"),
        "queueId": build.whole("queue_id"),
    }
    parsed = parse_build(row, place, base_url)
    if isinstance(parsed, Unreadable):
        return parsed
    branch = (scm.text("branch") or "").removeprefix("origin/") or None
    return replace(parsed, branch=parsed.branch or branch, commit_sha=scm.text("commit", 64))


def _millis(told: object) -> int | None:
    """Milliseconds, or text of the kind `2015-11-10T10:41:10.7+00:00` whose fraction is unpadded milliseconds."""
    if isinstance(told, int) and not isinstance(told, bool):
        return told
    head, dot, rest = str(told).partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    instant = parse_instant(f"{head}.{digits.zfill(3)}{rest[len(digits) :]}" if dot else head)
    return None if instant is None else round(instant.timestamp() * 1000)


def controller_of(url: str) -> str:
    """The controller's address in any address below it: what stands before the first part every controller has.

    Empty for what is no address.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    path = _OWN_PATHS.split(parts.path, maxsplit=1)[0].rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}" if parts.netloc else ""


_KINDS: tuple[tuple[Callable[[Json], bool], Callable[[Json, Asked], Reading]], ...] = (
    (lambda payload: Fields(payload).inside("build").has("phase"), _notified),
    (lambda payload: "status" in payload and ("stages" in payload or "startTimeMillis" in payload), _stages),
    (lambda payload: "inQueueSince" in payload, _queued),
    (lambda payload: "discoverableItems" in payload, _queue),
    (lambda payload: "number" in payload and ("building" in payload or "result" in payload), _build),
    (lambda payload: any("timestamp" in row for key in _LISTS for row in _rows(payload, key)), _builds),
)
"""What holds builds or stages, told apart by its keys, and how it is read."""
