"""What one payload of a provider's held, webhook or API: builds, jobs, unreadable rows, or neither and why."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.observation import Observation, ObservedJob, Unreadable

_MOST_VISITED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOfBuild:
    """A job that came without its build, and what it says about where it belongs.

    `attempt` is None where the provider knows none by itself, `repository_external_id` where the payload names none.
    """

    build_external_id: str
    attempt: int | None
    job: ObservedJob
    repository_external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one payload held. `not_a_build` says in words why it held none; it is None where it held something."""

    builds: tuple[Observation, ...] = ()
    jobs: tuple[JobOfBuild, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    not_a_build: str | None = None


def gathered(parsed: Iterable[Observation | JobOfBuild | Unreadable]) -> Reading:
    """The reading of several rows, each sorted to where it belongs."""
    rows = tuple(parsed)
    return Reading(
        builds=tuple(row for row in rows if isinstance(row, Observation)),
        jobs=tuple(row for row in rows if isinstance(row, JobOfBuild)),
        unreadable=tuple(row for row in rows if isinstance(row, Unreadable)),
    )


def joined(readings: Iterable[Reading], neither: str) -> Reading:
    """Several readings as one; `neither` is the reason when none of them held anything."""
    found = tuple(readings)
    builds = tuple(build for each in found for build in each.builds)
    jobs = tuple(job for each in found for job in each.jobs)
    unreadable = tuple(row for each in found for row in each.unreadable)
    reason = None if builds or jobs or unreadable else neither
    return Reading(builds=builds, jobs=jobs, unreadable=unreadable, not_a_build=reason)


def address_in(payload: object, keys: Sequence[str]) -> str | None:
    """The first http(s) link in a payload under one of these keys, an earlier key before a later one."""
    found: dict[str, str] = {}
    waiting = deque([payload])
    for _ in range(_MOST_VISITED):
        if not waiting:
            break
        value = waiting.popleft()
        if isinstance(value, dict):
            for key in keys:
                link = value.get(key)
                if key not in found and isinstance(link, str) and _is_web(link):
                    found[key] = link
        waiting.extend(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
    return next((found[key] for key in keys if key in found), None)


def _is_web(link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
