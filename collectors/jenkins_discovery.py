"""The jobs below a Jenkins folder, each a source of its own; a multibranch project with all its branches is one."""

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from collectors.base import TooManyPages
from collectors.fields import Fields
from collectors.jenkins_gate import gate
from collectors.jenkins_tree import is_multibranch, path_of
from shared.config.patterns import Pattern
from shared.found_sources import Found
from shared.http.client import Client

if TYPE_CHECKING:
    from collectors.jenkins import JenkinsSettings

_LEVELS = 4
_MOST_REQUESTS = 200
_LONGEST_NAME = 4_000

# A number is only a job's own; it costs Jenkins nothing, while `builds` would be read from its disk.
_JOB = "name,nextBuildNumber"


def list_jobs(settings: "JenkinsSettings", client: Client, pattern: Pattern) -> Iterator[Found]:
    """Jobs and multibranch projects where the pattern points, and in all folders below if it goes deeper.

    Jenkins has no ids that outlive a rename, so a renamed job is a new source and the old one is archived. One request
    for every few folder levels; raises TooManyPages when that is not enough.
    """
    waiting = deque([pattern.base])
    levels = _LEVELS if pattern.is_deep else 1
    for _ in range(_MOST_REQUESTS):
        if not waiting:
            return
        folder = waiting.popleft()
        with gate(settings.base_url):
            answer = client.get_json(f"{path_of(folder) if folder else ''}/api/json", {"tree": _tree(levels)})
        for full_name, is_source in _walk(Fields(answer.payload), folder, levels):
            if is_source:
                yield Found(full_name)
            elif pattern.is_deep:
                waiting.append(full_name)
    raise TooManyPages(f"{settings.name}: more folders below {pattern.base or '/'} than are looked through; narrow it")


def _tree(levels: int) -> str:
    """What to ask of a folder: the jobs of so many levels; of what lies one deeper only whether there is any."""
    query = "jobs[name]{0,1}"
    for _ in range(levels):
        query = f"jobs[{_JOB},{query}]"
    return query


def _walk(folder: Fields, full_name: str, levels: int) -> Iterator[tuple[str, bool]]:
    """The sources in a folder (True), and the folders at the last level that hold more (False)."""
    for item in folder.listed("jobs"):
        name = item.text("name", _LONGEST_NAME)
        if name is None:
            continue
        place = f"{full_name}/{name}" if full_name else name
        if is_multibranch(item) or item.has("nextBuildNumber"):
            yield place, True
        elif levels > 1:
            yield from _walk(item, place, levels - 1)
        elif item.listed("jobs"):
            yield place, False
