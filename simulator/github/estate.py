"""The repositories of a fake GitHub: those of the world, where builds run, and quiet ones that come, move and go."""

import threading
from dataclasses import replace
from datetime import datetime

from simulator.history import Repository
from simulator.world import World

_FIRST_ID = 800_000_000
_FIRST_OWNER_ID = 9_200_000


class Estate:
    """What the lists of an owner show, and what can be asked for by name. Quiet repositories have no runs."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._quiet: dict[int, Repository] = {}
        self._owners = {each.owner: each.owner_id for each in world.repositories}
        self._users: set[str] = set()
        self._made = 0

    @property
    def repositories(self) -> tuple[Repository, ...]:
        """All of them, oldest first."""
        with self._lock:
            return (*self._world.repositories, *self._quiet.values())

    def add(self, owner: str, name: str, *, is_private: bool = False, is_user: bool = False) -> int:
        """A new repository without runs, of an organisation or (`is_user`) of a person; returns its id."""
        with self._lock:
            self._made += 1
            owner_id = self._owners.setdefault(owner, _FIRST_OWNER_ID + len(self._owners))
            if is_user:
                self._users.add(owner)
            at = self._world.epoch
            self._quiet[_FIRST_ID + self._made] = Repository(
                index=-1,
                id=_FIRST_ID + self._made,
                owner=owner,
                owner_id=owner_id,
                names=((at, name),),
                workflows=(),
                created_at=at,
                is_private=is_private,
            )
            return _FIRST_ID + self._made

    def rename(self, repository_id: int, name: str, at: datetime) -> None:
        """Give a quiet repository another name; requests for the old one are redirected."""
        with self._lock:
            found = self._quiet[repository_id]
            self._quiet[repository_id] = replace(found, names=(*found.names, (at, name)))

    def archive(self, repository_id: int) -> None:
        """Make a quiet repository read-only; it stays in the list."""
        with self._lock:
            self._quiet[repository_id] = replace(self._quiet[repository_id], is_archived=True)

    def remove(self, repository_id: int) -> None:
        """Delete a quiet repository."""
        with self._lock:
            del self._quiet[repository_id]

    def owned_by(self, owner: str) -> list[Repository]:
        """An owner's repositories, oldest first; owners' names ignore case."""
        return [each for each in self.repositories if each.owner.lower() == owner.lower()]

    def is_user(self, owner: str) -> bool:
        """Whether the owner is a person."""
        with self._lock:
            return owner.lower() in {user.lower() for user in self._users}

    def owner(self, owner_id: str) -> str:
        """The owner with this id, "" for none."""
        with self._lock:
            return next((name for name, number in self._owners.items() if str(number) == owner_id), "")
