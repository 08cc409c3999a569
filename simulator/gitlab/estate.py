"""The projects of a fake GitLab: those of the world, where pipelines run, and quiet ones that come, move and go."""

import threading
from dataclasses import replace
from datetime import datetime

from simulator.gitlab.history import Project
from simulator.gitlab.world import GitLabWorld

_FIRST_ID = 60_000


class Estate:
    """What the lists of a group show, and what can be asked for. Quiet projects have no pipelines."""

    def __init__(self, world: GitLabWorld) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._quiet: dict[int, Project] = {}
        self._archived: set[int] = set()
        self._made = 0

    @property
    def projects(self) -> tuple[Project, ...]:
        """All of them, oldest first."""
        with self._lock:
            return (*self._world.projects, *self._quiet.values())

    def add(self, path: str) -> int:
        """A new project without pipelines; its groups are there from then on. Returns its id."""
        with self._lock:
            self._made += 1
            number = _FIRST_ID + self._made
            self._quiet[number] = Project(-1, number, ((self._world.epoch, path),))
            return number

    def move(self, project_id: int, path: str, at: datetime) -> None:
        """Give a quiet project another full path; requests for the old one are redirected."""
        with self._lock:
            found = self._quiet[project_id]
            self._quiet[project_id] = replace(found, paths=(*found.paths, (at, path)))

    def archive(self, project_id: int) -> None:
        """Make a project read-only; lists that ask for `archived=false` no longer show it."""
        with self._lock:
            self._archived.add(project_id)

    def remove(self, project_id: int) -> None:
        """Delete a quiet project."""
        with self._lock:
            del self._quiet[project_id]

    def is_group(self, group: str, now: datetime) -> bool:
        """Whether anything lies below this path."""
        return any(each.path_at(now).startswith(f"{group}/") for each in self.projects)

    def is_archived(self, project: Project) -> bool:
        """Whether a project is read-only."""
        with self._lock:
            return project.id in self._archived

    def inside(self, group: str, now: datetime, *, is_deep: bool) -> list[Project]:
        """The projects of a group, of its subgroups too if `is_deep`, oldest first."""
        found = [each for each in self.projects if each.path_at(now).startswith(f"{group}/")]
        own = [each for each in found if each.path_at(now).rpartition("/")[0] == group]
        return sorted(found if is_deep else own, key=lambda each: each.id)
