"""Where things are on a Jenkins: full names, addresses, branches, and a whole tree of jobs read in one answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from collectors.fields import NAME, Fields, clean
from collectors.jenkins_status import class_name
from shared.errors import MalformedPayload
from shared.observation import Unreadable

ROOT = "/"
LEVELS_AT_ONCE = 4
"""Folder levels one request asks for; what lies deeper takes one more for the next four."""

_PROBE = "name,queueItem[id],builds[number,timestamp,building]{0,2}"
_BUILD_ID = re.compile(r"(.+)/(\d{1,18})(?:@(\d{1,18}))?", re.ASCII)
_MULTIBRANCH = re.compile(r"Multi-?[Bb]ranchProject$")


@dataclass(frozen=True, slots=True)
class Place:
    """A job that holds builds: its full name, and the pipeline (of a branch job the multibranch project) and branch."""

    full_name: str
    pipeline: str
    branch: str | None = None

    @property
    def path(self) -> str:
        """Where it is below the base address."""
        return path_of(self.full_name)


@dataclass(frozen=True, slots=True)
class Probe:
    """What the tree tells of one build: enough to know whether it is recorded as it stands."""

    external_id: str
    timestamp: int
    is_building: bool


@dataclass(frozen=True, slots=True)
class FoundJob:
    """A job of the tree with its newest sound builds, newest first; `corrupt` are the records nobody can identify."""

    place: Place
    probes: tuple[Probe, ...]
    is_queued: bool
    corrupt: tuple[Unreadable, ...] = ()


@dataclass(slots=True)
class FoundTree:
    """What one answer held; `is_cut` when folders lie deeper than it was asked for."""

    jobs: list[FoundJob] = field(default_factory=list)
    is_cut: bool = False


def path_of(full_name: str) -> str:
    """`team/app/feature%2Fx` is `/job/team/job/app/job/feature%252Fx`: a branch's name is encoded once more."""
    if full_name == ROOT:
        return ""
    return "".join(f"/job/{quote(name, safe='')}" for name in full_name.split("/"))


def place_of(full_name: str, *, is_branch: bool) -> Place:
    """The place of a job, given whether the folder it lies in is a multibranch project."""
    project, _, name = full_name.rpartition("/")
    if not (is_branch and project):
        return Place(full_name, full_name)
    return Place(full_name, project, clean(unquote(name), NAME))


def is_multibranch(item: Fields) -> bool:
    """Whether what lies in this item are the branches of one pipeline."""
    return _MULTIBRANCH.search(class_name(item)) is not None


def named_by(url: str) -> tuple[str, int | None] | None:
    """The full name of the job an address leads to, and the build's number; views and a context path are skipped."""
    try:
        parts = [part for part in urlsplit(url).path.split("/") if part]
    except ValueError:  # no address at all
        return None
    names: list[str] = []
    while len(parts) > 1:
        if parts[0] == "job":
            names.append(unquote(parts[1]))
            parts = parts[2:]
        elif names:
            break
        else:
            parts = parts[1:]
    if not names:
        return None
    number = int(parts[0]) if parts and parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < 19 else None
    return "/".join(names), number


def tree_query(above: int) -> str:
    """What to ask of an item: the jobs of `LEVELS_AT_ONCE` levels below the first `above`, of which only names.

    The item itself counts as the first level. Below the last one only names are asked for, to see that it goes on.
    """
    query = "jobs[name]"
    for level in reversed(range(above + LEVELS_AT_ONCE)):
        own = _PROBE if level >= above else "name"
        query = f"{own},{query}" if level == 0 else f"jobs[{own},{query}]"
    return query


def parse_tree(payload: object, scope: str, above: int, *, is_branch: bool = False) -> FoundTree:
    """The jobs of the levels that were asked for; `is_branch` when the scope is itself a branch of something."""
    found = FoundTree()
    _walk(Fields(payload), scope, 0, above, found, is_branch=is_branch)
    return found


def _walk(item: Fields, full_name: str, level: int, above: int, found: FoundTree, *, is_branch: bool) -> None:
    if level >= above and item.has("builds"):
        found.jobs.append(_job(item, place_of(full_name, is_branch=is_branch)))
    inside = item.listed("jobs")
    if level == above + LEVELS_AT_ONCE - 1:
        found.is_cut = found.is_cut or bool(inside)
        return
    holds_branches = is_multibranch(item)
    for child in inside:
        name = child.text("name")
        if name is not None:
            below = name if full_name == ROOT else f"{full_name}/{name}"
            _walk(child, below, level + 1, above, found, is_branch=holds_branches)


def _job(item: Fields, place: Place) -> FoundJob:
    rows = tuple(_probes(item.listed("builds"), place))
    return FoundJob(
        place=place,
        probes=tuple(row for row in rows if isinstance(row, Probe)),
        is_queued=item.has("queueItem"),
        corrupt=tuple(row for row in rows if isinstance(row, Unreadable)),
    )


def _probes(builds: tuple[Fields, ...], place: Place) -> Iterator[Probe | Unreadable]:
    for build in builds:
        number, instant = build.whole("number", smallest=1), build.epoch("timestamp")
        if number is None or instant is None:
            yield Unreadable(kind="build", external_id=f"{place.full_name}/{number or '?'}", reason=CORRUPT)
        else:
            millis = build.whole("timestamp") or 0
            yield Probe(build_id(place, number, millis), millis, is_building=build.flag("building") is True)


CORRUPT = "a build without a usable number or timestamp: its record on the Jenkins is damaged"


def build_id(place: Place, number: int, millis: int) -> str:
    """A build's external id: numbers restart when a job is recreated, so the instant belongs to it."""
    return f"{place.full_name}/{number}@{millis}"


def parse_build_id(external_id: str) -> tuple[str, int, int | None]:
    """The job, number and instant in a build's external id; the instant is None in the form that webhooks allow."""
    match = _BUILD_ID.fullmatch(external_id)
    if match is None:
        raise MalformedPayload(f'"{external_id[:80]}" is no build of Jenkins; write it like "team/app/12"')
    return match[1], int(match[2]), None if match[3] is None else int(match[3])


def is_queue_item(external_id: str) -> bool:
    """Whether it is `queue/<id>`, what a build is called before it has a number."""
    return external_id.startswith("queue/") and "@" not in external_id
