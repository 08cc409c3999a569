"""`[[routes]]`: which incidents are told to which receivers, and when not."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from shared.config.fields import Name, Seconds, Settings, TimeOfDay, Zone
from shared.status import Status

DEFAULT_BRANCH = "@default"
"""Stands in `branch` for each pipeline's own default branch."""


class Told(StrEnum):
    """What becomes of an incident that a route may tell of."""

    BROKE = "broke"
    STILL_FAILING = "still_failing"
    FLAPPING = "flapping"
    FIXED = "fixed"


class Weekday(StrEnum):
    """The days of quiet hours; a night belongs to the day it begins on."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


def _list_of_one(value: object) -> object:
    """A single text stands for a list with just that."""
    return [value] if isinstance(value, str) else value


Pattern = Annotated[str, Field(min_length=1, max_length=500)]
Globs = Annotated[tuple[Pattern, ...], Field(max_length=100), BeforeValidator(_list_of_one)]
"""Patterns with `*`, `?` and `[…]`, of which one has to fit; none says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is told of, by the names that routes and silences match."""

    provider: str
    instance: str
    project: str
    team: str | None
    repository: str | None
    pipeline: str
    branch: str | None
    is_default_branch: bool


class Matchers(Settings):
    """Patterns over what a build is of; all that are given have to fit."""

    provider: Globs = Field((), description="kinds of CI system")
    instance: Globs = Field((), description="configured names of installations")
    project: Globs = Field((), description="keys of projects")
    team: Globs = Field((), description="teams that own projects")
    repository: Globs = Field((), description="full names of repositories")
    pipeline: Globs = Field((), description="names of pipelines")
    branch: Globs = Field((), description=f'names of branches; "{DEFAULT_BRANCH}" is each pipeline\'s own default one')

    def mismatch(self, subject: Subject) -> str | None:
        """Why these patterns do not fit, in words; None when they do."""
        for name in ("provider", "instance", "project", "team", "repository", "pipeline"):
            value, patterns = getattr(subject, name) or "", getattr(self, name)
            if patterns and not _any_fits(value, patterns):
                return f"{name} {value or '(none)'} is none of {', '.join(patterns)}"
        if self.branch and not self._fits_branch(subject):
            return f"branch {subject.branch or '(none)'} is none of {', '.join(self.branch)}"
        return None

    def _fits_branch(self, subject: Subject) -> bool:
        if subject.is_default_branch and DEFAULT_BRANCH in self.branch:
            return True
        return _any_fits(subject.branch or "", (each for each in self.branch if each != DEFAULT_BRANCH))


class QuietHours(Settings):
    """Hours in which nothing is sent; over midnight where `end` is before `start`."""

    start: TimeOfDay = Field(description='when they begin, such as "22:00"')
    end: TimeOfDay = Field(description='when they end, such as "07:00"')
    timezone: Zone = Field("UTC", description="the time zone of both")
    days: Annotated[tuple[Weekday, ...], BeforeValidator(_list_of_one)] = Field(
        tuple(Weekday), min_length=1, description="the days on which they begin; all, unless given"
    )

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.start == self.end:
            raise ValueError("start and end are the same time; leave quiet_hours out, or give it a length")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class RouteSettings(Matchers):
    """`[[routes]]`: who is told of which incidents."""

    name: Name = Field(description="its name, unique")
    receivers: Annotated[tuple[str, ...], BeforeValidator(_list_of_one)] = Field(
        min_length=1, description="the names of the receivers it leads to"
    )
    branch: Globs = Field(
        (DEFAULT_BRANCH,), description=f'names of branches; "{DEFAULT_BRANCH}" is each pipeline\'s own default one'
    )
    on: Annotated[tuple[Told, ...], BeforeValidator(_list_of_one)] = Field(
        (Told.BROKE, Told.FLAPPING, Told.FIXED), min_length=1, description="what of an incident is told"
    )
    confirm: int = Field(1, ge=1, le=100, description="so many failures in a row before it is told")
    novel_only: bool = Field(
        False, description="whether a failure is told only if no build of the last 100 failed in the same jobs"
    )
    quiet_hours: QuietHours | None = Field(None, description="hours in which nothing is sent")
    repeat_every: Seconds | None = Field(
        None, ge=60.0, le=30 * 86_400.0, description="tell again so often while it is broken"
    )
    every_transition: bool = Field(
        False, description="one message for each change of a build's status, ungrouped: the raw feed"
    )
    status: Annotated[tuple[Status, ...], BeforeValidator(_list_of_one)] = Field(
        (), description="with every_transition: only changes to one of these"
    )

    @model_validator(mode="after")
    def _is_one_kind_of_route(self) -> Self:
        about_incidents = [name for name in _ABOUT_INCIDENTS if getattr(self, name) != _default(name)]
        if self.every_transition and about_incidents:
            words = ", ".join(about_incidents)
            raise ValueError(f"every_transition tells each change at once; {words} would say when not: keep one")
        if self.status and not self.every_transition:
            raise ValueError("status narrows every_transition; set that to true, or use `on`")
        return self


_ABOUT_INCIDENTS = ("on", "confirm", "novel_only", "quiet_hours", "repeat_every")


def _default(name: str) -> object:
    return RouteSettings.model_fields[name].default


def _any_fits(value: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)
