"""Looks through what patterns stand for: claim (commit), list with no transaction open, write what it means (commit).

One pattern at a time in a process, one request at a time, and never while its credential has to rest.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from collectors.base import BaseCollector
from collectors.credential_name import credential_name
from collectors.held_source import REFUSED_SECONDS
from collectors.pace import is_poor
from shared import collector_errors, credentials, sources, watches
from shared.clock import utc_now
from shared.collector_errors import ErrorKind
from shared.config.patterns import matches, parse_pattern
from shared.config.settings import ProjectSettings, ProviderSettings
from shared.database import limit_waiting
from shared.errors import (
    CredentialRefused,
    LeaseLost,
    MalformedPayload,
    ObservatoryError,
    ProviderError,
    RateLimited,
    Unauthorized,
)
from shared.found_sources import Found, known_sources, plan, write
from shared.http.client import Client
from shared.http.rate_limit import Budget
from shared.secret import SecretUnavailable
from shared.watches import Claim, Outcome

log = structlog.get_logger()

LOOK_SECONDS = 600.0
"""A pattern is looked through this often, and at once when the configuration changed."""

POOR_LOOK_SECONDS = 3600.0
"""The same with a credential whose few requests are needed for polls (GitHub without a token: 60 an hour)."""

_FIRST_FAILURE_SECONDS = 60.0
_PATIENCE_SECONDS = 120.0
_TURN_SECONDS = 0.25


class Stopping(ObservatoryError):
    """This process is ending: nothing more is asked, and the pattern is given back."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a provider listed; `trouble` is why it broke off, and then it says nothing about what it does not show."""

    found: tuple[Found, ...]
    trouble: ProviderError | None = None
    is_poor: bool = False

    def joined(self, other: "Listing") -> "Listing":
        """What either shows: a row that slipped from one page to another while the first was read is in the second."""
        both = {item.external_id or item.scope: item for item in (*self.found, *other.found)}
        return Listing(tuple(both.values()), other.trouble)


class Discoverer:
    """Expands patterns into sources, for one scheduler known to others as `owner`."""

    def __init__(
        self,
        engine: Engine,
        providers: Sequence[ProviderSettings],
        collectors: Mapping[str, type[BaseCollector[Any]]],
        projects: Sequence[ProjectSettings],
        *,
        owner: str,
        stop: threading.Event,
    ) -> None:
        self._engine = engine
        self._providers = {provider.name: provider for provider in providers}
        self._collectors = collectors
        self._projects = projects
        self._owner = owner
        self._stop = stop

    def find_sources(self) -> None:
        """Look through the pattern that is longest due, if there is one; called every second."""
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            claim = watches.claim(session, self._owner, list(self._providers))
        if claim is not None and not self._stop.is_set():
            self.look(claim)

    def look(self, claim: Claim) -> None:
        """Look through one pattern and give it back. What goes wrong is written on it in words; nothing is raised."""
        where = f"{claim.instance}:{claim.pattern}"
        try:
            self._look(claim, where)
        except Stopping:
            return
        except LeaseLost as error:
            log.warning("lost pattern", pattern=where, error=str(error))
        except SQLAlchemyError as error:
            log.warning("could not write what was found, the lease will run out", pattern=where, error=repr(error))
        except Exception as error:
            # The edge of one pattern: the others go on, and this one says what happened.
            log.exception("looking through broke off", pattern=where)
            words = f"looking through it broke off ({type(error).__name__}); the scheduler's log says more"
            self._give_back(claim, Outcome(wait_seconds=LOOK_SECONDS, error=words), ErrorKind.BROKE_OFF)

    def stop(self) -> None:
        """Give back what is being looked through; what a thread still finds is refused."""
        with Session(self._engine) as session, session.begin():
            watches.abandon(session, self._owner)
            credentials.let_go(session, self._lane)

    @property
    def _lane(self) -> str:
        """Who holds a credential that answers one request at a time while we list."""
        return f"{self._owner}/discovery"

    def _look(self, claim: Claim, where: str) -> None:
        settings = self._providers[claim.instance]
        try:
            name = credential_name(claim.instance, settings)
        except SecretUnavailable as error:
            self._give_back(claim, _failed(claim, str(error)), ErrorKind.SECRET_UNAVAILABLE)
            return
        with Session(self._engine) as session:
            resting_until = credentials.standing(session, name).resting_until(utc_now())
        if resting_until is not None:
            self._give_back(claim, Outcome(wait_seconds=(resting_until - utc_now()).total_seconds()))
            return
        listing = self._listing(claim, settings, name)
        self._write(claim, where, listing)

    def _listing(self, claim: Claim, settings: ProviderSettings, name: str) -> Listing:
        """What the provider lists, and what the look told about the credential kept."""
        kind = self._collectors[claim.provider]
        budgets: list[Budget] = []
        is_held = kind.is_serial and self._wait_for_credential(claim, name)

        def before_try() -> None:
            self._renew(claim, name if is_held else None)

        try:
            with kind.open_client(settings, on_budget=budgets.append, before_try=before_try) as client:
                listing = self._listed(claim, lambda: _list(kind, settings, client, claim))
        finally:
            self._leave_credential(claim, name, budgets)
        self._note(claim, name, listing.trouble)
        return replace(listing, is_poor=bool(budgets) and is_poor(budgets[-1]))

    def _listed(self, claim: Claim, ask: Callable[[], Listing]) -> Listing:
        """The list, asked for twice where something is missing from it: pages shift while they are read."""
        first = ask()
        if first.trouble is not None:
            return first
        with Session(self._engine) as session:
            known = known_sources(session, claim.instance_id)
        is_missing_some = bool(plan(known, _wanted(claim, first), claim.pattern, is_complete=True).gone)
        return first.joined(ask()) if is_missing_some else first

    def _write(self, claim: Claim, where: str, listing: Listing) -> None:
        """Make the sources what was found, and give the pattern back, in one transaction."""
        trouble = listing.trouble or _suspicion(claim, listing)
        wanted = _wanted(claim, listing)
        outcome = (
            Outcome(wait_seconds=POOR_LOOK_SECONDS if listing.is_poor else LOOK_SECONDS, found=len(wanted))
            if trouble is None
            else _failed(claim, str(trouble), trouble)
        )
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            sources.lock(session)
            watches.renew(session, claim)
            known = known_sources(session, claim.instance_id)
            changes = plan(known, wanted, claim.pattern, is_complete=trouble is None)
            if not changes.is_nothing:
                write(session, claim.instance_id, claim.pattern, changes)
                sources.assign(session, self._projects)
            watches.settle(session, claim, outcome)
            if trouble is not None:
                _count(session, claim, collector_errors.kind_of(trouble), str(trouble))
        if trouble is not None:
            log.warning("look failed", pattern=where, error=str(trouble), added=len(changes.added))
        else:
            counts = {"added": len(changes.added), "renamed": len(changes.renamed), "archived": len(changes.gone)}
            log.info("looked through", pattern=where, found=len(wanted), **counts)

    def _wait_for_credential(self, claim: Claim, name: str) -> bool:
        """Take a credential that answers one request at a time, once no poll uses it; False when that takes too long.

        Then it is used all the same: one request beside the polls is less harm than never finding anything.
        """
        for _ in range(int(_PATIENCE_SECONDS / _TURN_SECONDS)):
            self._renew(claim, None)
            with Session(self._engine) as session, session.begin():
                limit_waiting(session)
                if watches.take_credential(session, name, claim.instance_id, self._lane):
                    return True
            self._stop.wait(_TURN_SECONDS)
        return False

    def _renew(self, claim: Claim, credential: str | None) -> None:
        if self._stop.is_set():
            raise Stopping
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            watches.renew(session, claim)
            if credential is not None:
                credentials.keep(session, credential, self._lane)

    def _leave_credential(self, claim: Claim, name: str, budgets: Sequence[Budget]) -> None:
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            if budgets:
                credentials.note_budget(session, name, claim.instance_id, budgets[-1])
            credentials.let_go(session, self._lane, name)

    def _note(self, claim: Claim, name: str, trouble: ProviderError | None) -> None:
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            if isinstance(trouble, RateLimited):
                credentials.block(session, name, claim.instance_id, trouble.retry_at, is_told=trouble.is_told)
            if isinstance(trouble, CredentialRefused):
                credentials.refuse(session, name, claim.instance_id, REFUSED_SECONDS)

    def _give_back(self, claim: Claim, outcome: Outcome, kind: ErrorKind | None = None) -> None:
        """Settle the pattern; `kind` is what its error is counted as."""
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            watches.settle(session, claim, outcome)
            if kind is not None and outcome.error is not None:
                _count(session, claim, kind, outcome.error)


def _count(session: Session, claim: Claim, kind: ErrorKind, words: str) -> None:
    """Count an error of a pattern, which has no row of its own for it."""
    example = f"looking through {claim.pattern}: {words}"
    collector_errors.note_elsewhere(session, claim.instance_id, kind, example, pattern=claim.pattern)


def _list(kind: type[BaseCollector[Any]], settings: ProviderSettings, client: Client, claim: Claim) -> Listing:
    """Everything that is listed where the pattern points and that it stands for, as far as the list went."""
    pattern = parse_pattern(claim.pattern)
    found: list[Found] = []
    try:
        for item in kind.discover(settings, client, pattern):
            if pattern.matches(item.scope):
                found.append(item)  # noqa: PERF401 (what came before a trouble is kept)
    except ProviderError as error:
        return Listing(tuple(found), error)
    return Listing(tuple(found))


def _wanted(claim: Claim, listing: Listing) -> list[Found]:
    return [item for item in listing.found if not any(matches(glob, item.scope) for glob in claim.exclude)]


def _suspicion(claim: Claim, listing: Listing) -> ProviderError | None:
    """A list that is suddenly empty tells of a lost permission more often than of a lost company."""
    if listing.found or not claim.found:
        return None
    return MalformedPayload(
        f"{claim.instance} lists nothing for {claim.pattern} any more, where it listed {claim.found}; nothing was "
        "archived: check what the credential may see, or take the pattern out of the configuration"
    )


def _failed(claim: Claim, words: str, trouble: ProviderError | None = None) -> Outcome:
    """Never asked again sooner than the provider said, and more rarely with each repetition."""
    wait = min(LOOK_SECONDS, _FIRST_FAILURE_SECONDS * 2.0 ** min(claim.failures, 10))
    if isinstance(trouble, RateLimited):
        wait = max(wait, (trouble.retry_at - utc_now()).total_seconds())
    elif isinstance(trouble, Unauthorized):
        wait = REFUSED_SECONDS
    return Outcome(wait_seconds=wait, error=words)
