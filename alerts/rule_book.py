"""The rules in force, read from the tables whenever they changed, and the receivers they lead to, opened."""

import os
from collections.abc import Mapping
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from alerts.receiver import OpenableSettings, Receiver
from alerts.receiver_tables import common_part, read_table
from alerts.rules import Rules, Silence, with_default
from shared import alert_rules, silences
from shared.alert_rules import Origin, StoredRule, Table
from shared.config.routes import Matchers, RouteSettings
from shared.config.settings import Config, ReceiverSettings
from shared.errors import ObservatoryError
from shared.rows import Row, as_int

log = structlog.get_logger()


class RuleBook:
    """Of one process and one configuration: another one is another book. Used by one thread at a time."""

    def __init__(self, config: Config, environ: Mapping[str, str] = os.environ) -> None:
        self._of_file = {each.name: each for each in config.receivers}
        self._base_url = config.server.base_url
        self._environ = environ
        self._rules: Rules | None = None
        self._opened: dict[str, tuple[object, Receiver]] = {}
        self._unreadable: set[tuple[str, object]] = set()

    def read(self, session: Session) -> Rules:
        """The rules as of now: one statement where nothing changed. Notes with each receiver whether it opens."""
        version = alert_rules.version(session)
        if self._rules is None or self._rules.version != version:
            self._rules = self._read_all(session, version)
        return self._rules

    def receivers(self) -> Mapping[str, Receiver]:
        """The receivers that could be opened, as of the last `read`; one that stays as it was stays open."""
        return {name: receiver for name, (_, receiver) in self._opened.items()}

    def _read_all(self, session: Session, version: int) -> Rules:
        stored = alert_rules.in_force(session, Table.RECEIVERS)
        found = {rule.name: settings for rule in stored if (settings := self._receiver(session, rule)) is not None}
        self._opened = {name: opened for name, opened in self._opened.items() if name in found}
        routes = alert_rules.in_force(session, Table.ROUTES)
        parsed = {rule.name: route for rule in routes if (route := self._route(rule)) is not None}
        pending = silences.unsettled(session)
        log.info("read rules", version=version, routes=list(parsed), receivers=list(found), silences=len(pending))
        return Rules(
            version=version,
            routes=parsed if routes else with_default({}, found),
            receivers=found,
            silences=tuple(silence for row in pending if (silence := self._silence(row)) is not None),
        )

    def _receiver(self, session: Session, rule: StoredRule) -> ReceiverSettings | None:
        """The settings of a receiver, opened if that can be; what every kind has where only its secret is missing."""
        settings, problem = self._settings(rule)
        if settings is not None:
            problem = self._open(rule, settings)
        if settings is None or problem is not None:
            self._opened.pop(rule.name, None)
        if settings is not None or problem is not None:
            alert_rules.note_problem(session, rule, problem)
        if settings is not None:
            return settings
        try:
            return common_part(rule.settings)
        except ValidationError as error:
            self._pass_over("receiver", rule.name, rule.changed_at, error)
            return None

    def _settings(self, rule: StoredRule) -> tuple[OpenableSettings | None, str | None]:
        """What a receiver is, or why that cannot be said; neither for one that only another scheduler's file has."""
        if rule.origin is Origin.API:
            read = read_table(rule.settings, self._environ)
            mistakes = "; ".join(f"{path}: {words}" for path, words in read.mistakes)
            return read.settings, read.problem or mistakes or None
        settings = self._of_file.get(rule.name)
        return settings if isinstance(settings, OpenableSettings) else None, None

    def _open(self, rule: StoredRule, settings: OpenableSettings) -> str | None:
        """Open a receiver that is new or changed; why not, if not."""
        known = self._opened.get(rule.name)
        if known is not None and known[0] == settings:
            return None
        try:
            self._opened[rule.name] = (settings, settings.open(self._base_url))
        except ObservatoryError as error:
            return str(error)
        return None

    def _route(self, rule: StoredRule) -> RouteSettings | None:
        try:
            return RouteSettings.model_validate(rule.settings)
        except ValidationError as error:
            self._pass_over("route", rule.name, rule.changed_at, error)
            return None

    def _silence(self, row: Row) -> Silence | None:
        try:
            return _silence_of(row)
        except ValidationError as error:
            self._pass_over("silence", row["id"], row["matchers"], error)
            return None

    def _pass_over(self, what: str, name: object, state: object, error: ValidationError) -> None:
        """Say once that a row means nothing any more, as one of an older version may; the others stand."""
        told = (f"{what} {name}", str(state))
        if told not in self._unreadable:
            self._unreadable.add(told)
            log.error("passed over an unreadable rule", kind=what, name=name, mistakes=error.error_count())


def _silence_of(row: Mapping[str, Any]) -> Silence:
    return Silence(
        id=as_int(row["id"]),
        matchers=Matchers.model_validate(row["matchers"]),
        reason=row["reason"],
        author=row["author"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
    )
