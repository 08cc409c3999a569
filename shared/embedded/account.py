"""The operating-system account that runs the private Postgres, which refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from shared.errors import CannotStart

CANDIDATES = ("build-observatory", "postgres", "nobody")
"""Who runs it for root, the first that exists; an operator who wants an account of its own creates the first one."""


class RunAs(TypedDict, total=False):
    """The arguments of `subprocess` that change the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """An account with an entry in the user database: initdb, postgres and peer authentication all look it up."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """True when we are root and have to become this account first."""
        return self.uid != os.geteuid()

    def run_as(self) -> RunAs:
        """For `subprocess`: become this account with its own group and no other."""
        return RunAs(user=self.uid, group=self.gid, extra_groups=[]) if self.is_other else RunAs()

    def can_enter(self, folder: Path) -> bool:
        """Whether this account can reach the folder: asked of the kernel, which also knows ACLs and mounts."""
        command = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
        result = subprocess.run(command, capture_output=True, check=False, cwd="/", **self.run_as())  # noqa: S603 (fixed)
        return result.returncode == 0


def choose_account(owner: int | None) -> Account:
    """Who runs the server: ourselves or, when we are root, the owner of the existing data (`owner`) or a candidate.

    Raises `CannotStart` when the data belongs to somebody else or no account fits.
    """
    us = os.geteuid()
    if us == 0:
        return _account_for_root(owner)
    if owner not in (None, us):
        raise CannotStart(
            f"The database files belong to the account with uid {owner}, and this process runs as uid {us}",
            "Start it as that account, or set another folder under [database] in the configuration.",
        )
    return _account(us)


def _account_for_root(owner: int | None) -> Account:
    if owner == 0:
        raise CannotStart(
            "The database files belong to root, and PostgreSQL refuses to run as root",
            "Give them back to the account that made them (usually: chown -R postgres pgdata), or use another folder.",
        )
    if owner is not None:
        return _account(owner)
    for name in CANDIDATES:
        try:
            return _account(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise CannotStart(
        f"PostgreSQL refuses to run as root, and none of the accounts {', '.join(CANDIDATES)} exists",
        "Create one (useradd --system build-observatory), run as an ordinary user, or set DATABASE_URL.",
    )


def _account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise CannotStart(
            f"The uid {uid} has no entry in the user database, and PostgreSQL's initdb needs one",
            "Run as an account that has one (in a container: add a line to /etc/passwd), or set DATABASE_URL.",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
