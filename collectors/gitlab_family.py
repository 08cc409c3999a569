"""What one poll of a GitLab project has looked at, and which pipeline started which."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from collectors.gitlab_payload import Downstream, started_by
from shared.observation import Observation, ParentBuild


@dataclass(frozen=True, slots=True)
class Look:
    """One pipeline, seen as a whole: its attempts, oldest first, and the pipelines it started."""

    attempts: tuple[Observation, ...]
    downstream: tuple[Downstream, ...]

    @property
    def latest(self) -> Observation:
        return self.attempts[-1]


class Seen:
    """What one poll has looked at, and which pipeline started which."""

    def __init__(self) -> None:
        self.looks: dict[str, Look] = {}
        self.changed_at: dict[str, datetime] = {}
        self.left_at: list[datetime] = []
        self._parents: dict[str, tuple[Downstream, ParentBuild]] = {}
        self._linked: set[str] = set()

    def add(self, external_id: str, look: Look) -> Iterator[Observation]:
        """The pipeline's attempts, with its parent if that was seen before it."""
        self.looks[external_id] = look
        for child in look.downstream:
            self._parents[child.external_id] = (child, started_by(look.latest))
        _, parent = self._parents.get(external_id, (None, None))
        if parent is None:
            return iter(look.attempts)
        self._linked.add(external_id)
        return attempts_of(look, parent)

    def has(self, external_id: str | None, changed_at: datetime) -> bool:
        """Whether the pipeline was looked at as it stood after that change."""
        return external_id is not None and self.changed_at.get(external_id) == changed_at

    def unlinked(self) -> list[tuple[Downstream, ParentBuild]]:
        """The pipelines that were started and not given out with their parent."""
        return [pair for external_id, pair in self._parents.items() if external_id not in self._linked]


def attempts_of(look: Look | None, parent: ParentBuild) -> Iterator[Observation]:
    """The attempts of what was looked at, if anything was, with its parent."""
    return (replace(each, parent=parent) for each in look.attempts) if look is not None else iter(())
