"""Who asks: a principal with a name and what it may do; keys now, users and roles later."""

from dataclasses import dataclass
from enum import StrEnum

from shared.keys import LiveKey, Scope


class Permission(StrEnum):
    """What a route asks of its caller. Every route declares one; the application does not start without.

    BADGE is no scope of a key: whoever may read may see badges, and `public_badges` shows them to everyone.
    """

    PUBLIC = "public"
    READ = Scope.READ
    LOGS = Scope.LOGS
    COLLECT = Scope.COLLECT
    SILENCE = Scope.SILENCE
    CONFIG = Scope.CONFIG
    BADGE = "badge"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one request. `key` is None for a caller who presented nothing."""

    name: str
    scopes: frozenset[str]
    key: LiveKey | None = None

    def may(self, permission: Permission) -> bool:
        is_badge_of_reader = permission is Permission.BADGE and Scope.READ in self.scopes
        return permission is Permission.PUBLIC or is_badge_of_reader or str(permission) in self.scopes


def anonymous(*, is_reading_free: bool, are_logs_free: bool = False, are_badges_free: bool = False) -> Principal:
    """A caller without a key: reads where reading is free (logs on this machine only), nothing else."""
    free = {Scope.READ: is_reading_free, Scope.LOGS: are_logs_free, Permission.BADGE: are_badges_free}
    return Principal("anonymous", frozenset(str(scope) for scope, is_free in free.items() if is_free))


def holder_of(key: LiveKey) -> Principal:
    """The caller who holds this key (or a session it opened)."""
    return Principal(key.name, key.scopes, key)
